package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Sizes and flags at which kinds change their mind. Maps stay small: what is refused is refused before memory is asked for.
var (
	someSizes  = []uint32{0, 1, 3, 4, 4, 4, 4, 5, 8, 8, 12, 16, 24, 260, 261, 512, 513, 1016, 1024}
	someLarge  = []uint32{32 << 10, 32<<10 + 1, 4 << 20, 4<<20 - 304, 4<<20 - 48, 4<<20 - 56, 1 << 31}
	someCounts = []uint32{0, 1, 1, 2, 3, 8, 100, 4096, 8192, 12288}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// anySpec is a description near the border between what can be made and what cannot.
func anySpec(r *rand.Rand) *abi.MapSpec {
	s := spec(pick(r, compared), pick(r, someSizes), pick(r, someSizes), pick(r, someCounts), 0)
	if r.IntN(3) == 0 {
		s.KeySize = 4
	}
	if r.IntN(3) == 0 {
		s.ValueSize = 4
	}
	if s.Type == typeRingBuf && r.IntN(2) == 0 {
		s.KeySize, s.ValueSize = 0, 0
	}
	if r.IntN(4) == 0 {
		s.ValueSize = pick(r, someLarge)
		s.MaxEntries = min(s.MaxEntries, 2)
	}
	if cgroup := s.Type == typeCgroupStorage || s.Type == typePerCPUCgroupStorage; cgroup && r.IntN(3) > 0 {
		s.KeySize, s.MaxEntries = 8, 0
	}
	for range r.IntN(3) {
		s.Flags |= 1 << r.IntN(13)
	}
	if s.Type == typeLPMTrie && r.IntN(4) > 0 {
		s.Flags |= FlagNoPrealloc
	}
	if r.IntN(8) == 0 {
		s.Extra = uint64(r.IntN(20))
	}
	return s
}

// compared are the types that need nothing but a description. (Local storages need BTF.)
var compared = func() (types []uint32) {
	for i := range kinds {
		if k := &kinds[i]; k.open != nil && !k.objectKey && !k.maps {
			types = append(types, uint32(i))
		}
	}
	return types
}()

// What cannot be made gets the kernel's error.
func TestCreateAsTheKernel(t *testing.T) {
	needKernel(t)
	cpus := possibleCPUs(t)
	r := rand.New(rand.NewPCG(1, 2))
	made := map[uint32]int{}
	rounds := 4000
	for end, i := time.Now().Add(long(t)), 0; i < rounds || time.Now().Before(end); i++ {
		s := anySpec(r)
		if s.Flags&FlagStackBuildID != 0 && s.Type == typeStackTrace {
			continue // refused: see TestCheck
		}
		if s.Type == typeCPUMap && s.MaxEntries > 8 {
			continue // how many CPUs are too many depends on the kernel's configuration
		}
		k, errno := create(s, 0, cpus)
		w := newWorld(cpus)
		m, err := New(s, nil, w.env)
		ours := codegen.OK
		var e *Error
		if errors.As(err, &e) {
			ours = e.Errno
		} else {
			require.NoError(t, err, "%+v", s)
		}
		if errno != ours {
			t.Errorf("%+v: kernel %v: %v", *s, errno, err)
		}
		if errno == codegen.OK {
			k.close()
			require.NoError(t, m.Close())
			made[s.Type]++
		}
	}
	for _, typ := range compared {
		require.NotZero(t, made[typ], "no map of kind %s was made: the test shows nothing", kindOf(typ).name)
	}
}

// lockType loads BTF with struct value { struct bpf_spin_lock lock; u32 a; u64 b; }, and returns the number of key and value.
func lockType(t *testing.T) (fd int, key, value uint32) {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	u64 := &btf.Int{Name: "unsigned long", Size: 8}
	lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: u32}}}
	v := &btf.Struct{Name: "value", Size: 16, Members: []btf.Member{
		{Name: "a", Type: u32}, {Name: "lock", Type: lock, Offset: 32}, {Name: "b", Type: u64, Offset: 64},
	}}
	b, err := btf.NewBuilder([]btf.Type{u32, v}, nil)
	require.NoError(t, err)
	raw, err := b.Marshal(nil, nil)
	require.NoError(t, err)
	ids := [2]btf.TypeID{}
	for i, typ := range []btf.Type{u32, v} {
		ids[i], err = b.Add(typ)
		require.NoError(t, err)
	}
	a := make([]byte, 32)
	binary.LittleEndian.PutUint64(a, pointer(raw))
	binary.LittleEndian.PutUint32(a[16:], uint32(len(raw)))
	fd, errno := bpf(unix.BPF_BTF_LOAD, a)
	runtime.KeepAlive(raw)
	require.Equal(t, codegen.OK, errno)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd, uint32(ids[0]), uint32(ids[1])
}

// Values with a lock: updates leave it alone, copies have zeros for it, and BPF_F_LOCK works.
func TestKernelLocks(t *testing.T) {
	needKernel(t)
	fd, key, value := lockType(t)
	for _, s := range []*abi.MapSpec{spec(typeArray, 4, 16, 4, 0), spec(typeHash, 4, 16, 4, 0), spec(typeHash, 4, 16, 4, FlagNoPrealloc)} {
		s.Special = []abi.Special{{Kind: abi.SpecialLock, Offset: 4, Size: 4}}
		t.Run(fmt.Sprint(kindOf(s.Type).name, s.Flags), func(t *testing.T) {
			for i := range 4 {
				d := newDuel(t, &subject{MapSpec: s, btf: [3]uint32{uint32(fd), key, value}, ordered: s.Type == typeArray}, nil, uint64(i))
				d.run(150)
				require.Equal(t, d.kernel.freeze(), d.ours.Freeze())
				d.end()
			}
		})
	}
}

func TestKernelFreeze(t *testing.T) {
	needKernel(t)
	for _, flags := range []uint32{0, FlagReadOnly, FlagWriteOnly} {
		d := newDuel(t, &subject{MapSpec: spec(typeHash, 4, 8, 4, flags)}, nil, 1)
		d.run(20)
		require.Equal(t, d.kernel.freeze(), d.ours.Freeze())
		d.run(60)
		require.Equal(t, d.kernel.freeze(), d.ours.Freeze())
		d.end()
	}
}

// What was put into a bloom filter is found, and little else.
func TestKernelBloom(t *testing.T) {
	needKernel(t)
	s := spec(typeBloomFilter, 0, 12, 200, 0)
	d := newDuel(t, &subject{MapSpec: s}, nil, 1)
	defer d.end()
	value := func(i int) []byte { return append(le(uint32(i)), make([]byte, 8)...) }
	for i := range 200 {
		flags := uint64(i % 3)
		require.Equal(t, d.kernel.call(unix.BPF_MAP_UPDATE_ELEM, nil, value(i), flags), d.ours.Update(nil, value(i), flags))
	}
	wrong := [2]int{}
	for i := range 2000 {
		k := d.kernel.call(unix.BPF_MAP_LOOKUP_ELEM, nil, value(i), 0)
		o := d.ours.Map().Peek(value(i))
		if i < 200 && i%3 == 0 {
			require.Equal(t, [2]codegen.Errno{}, [2]codegen.Errno{k, o})
			continue
		}
		for j, errno := range []codegen.Errno{k, o} {
			if errno == codegen.OK {
				wrong[j]++
			} else {
				require.Equal(t, codegen.ENOENT, errno)
			}
		}
	}
	require.Less(t, wrong[0], 200)
	require.Less(t, wrong[1], 200)
	require.Equal(t, d.kernel.call(unix.BPF_MAP_DELETE_ELEM, nil, nil, 0), d.ours.Delete(nil))
	_, kn := d.kernel.next(nil)
	_, on := d.ours.Next(nil)
	require.Equal(t, kn, on)
	_, kt := d.kernel.get(unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM, nil, 0)
	_, ot := d.ours.Take(nil, 0)
	require.Equal(t, kt, ot)
}
