package maps

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// TestCheck: each rule, and that the message says which map and what to do.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		spec *abi.MapSpec
		want string
	}{
		{spec(typeHash, 4, 8, 0, 0), "map m (hash): it has no entries: set max_entries (EINVAL)"},
		{spec(typeHash, 0, 8, 1, 0), "map m (hash): its keys have no size: set key_size (EINVAL)"},
		{spec(typeHash, 4, 0, 1, 0), "map m (hash): its values have no size: set value_size (EINVAL)"},
		{spec(typeHash, 4, 8, 1, FlagNoCommonLRU), "map m (hash): BPF_F_NO_COMMON_LRU is for LRU maps: leave it out (EINVAL)"},
		{spec(typeHash, 4, 8, 1, FlagMmapable), "map m (hash): maps of this kind have no flag 0x400: leave it out (EINVAL)"},
		{spec(typeHash, 4, 4<<20, 1, 0), "map m (hash): key and value have together 4194308 bytes: less than 4 MiB are possible (E2BIG)"},
		{spec(typeHash, 4, 8, 1, FlagReadOnly|FlagWriteOnly), "map m (hash): it is both BPF_F_RDONLY and BPF_F_WRONLY: choose one (EINVAL)"},
		{spec(typeHash, 4, 8, 1, FlagReadOnlyProg|FlagWriteOnlyProg), "map m (hash): it is both BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG: choose one (EINVAL)"},
		{spec(typeArray, 8, 8, 1, 0), "map m (array): its keys have 8 bytes: an index has 4 (EINVAL)"},
		{spec(typePerCPUArray, 4, 40000, 1, 0), "map m (percpu array): its values have 40000 bytes: per CPU at most 32 KiB are possible (E2BIG)"},
		{spec(typePerCPUHash, 4, 8, 1, FlagNUMANode), "map m (percpu hash): values per CPU have no single NUMA node: leave BPF_F_NUMA_NODE out (EINVAL)"},
		{spec(typeLRUHash, 4, 8, 1, FlagNoPrealloc), "map m (lru hash): LRU maps are made at once: leave BPF_F_NO_PREALLOC out (ENOTSUPP)"},
		{spec(typeLPMTrie, 8, 8, 1, 0), "map m (lpm trie): maps of this kind cannot be made at once: add BPF_F_NO_PREALLOC (EINVAL)"},
		{spec(typeLPMTrie, 4, 8, 1, FlagNoPrealloc), "map m (lpm trie): its keys have 4 bytes: 4 for the length of the prefix and 1 to 256 of data are possible (EINVAL)"},
		{spec(typeProgArray, 4, 8, 1, 0), "map m (prog array): its values have 8 bytes: the number of an object has 4 (EINVAL)"},
		{spec(typeQueue, 4, 8, 1, 0), "map m (queue): its keys have 4 bytes: maps of this kind have no keys (EINVAL)"},
		{spec(typeRingBuf, 0, 0, 5000, 0), "map m (ringbuf): its max_entries is 5000: the size in bytes must be a power of two and a multiple of 4096 (EINVAL)"},
		{spec(typeRingBuf, 0, 4, 4096, 0), "map m (ringbuf): its values have 4 bytes: maps of this kind have no values (EINVAL)"},
		{spec(typeStackTrace, 4, 12, 1, 0), "map m (stack trace): its values have 12 bytes: 8 for each of at most 127 addresses are possible (EINVAL)"},
		{spec(typeStackTrace, 4, 32, 1, FlagStackBuildID), "map m (stack trace): this version has no build IDs: leave BPF_F_STACK_BUILD_ID out (ENOTSUPP)"},
		{&abi.MapSpec{Name: "m", Type: typeBloomFilter, ValueSize: 4, MaxEntries: 1, Extra: 16}, "map m (bloom filter): its map_extra is 16: at most 15 hash functions are possible (EINVAL)"},
		{&abi.MapSpec{Name: "m", Type: typeArray, KeySize: 4, ValueSize: 4, MaxEntries: 1, Extra: 1}, "map m (array): only bloom filters and arenas have map_extra: leave it out (EINVAL)"},
		{&abi.MapSpec{Name: "m", Type: typeArray, KeySize: 4, ValueSize: 4, MaxEntries: 1, Special: []abi.Special{{Offset: 4, Size: 4}}}, "map m (array): a special field lies outside the value: make the value larger (EINVAL)"},
		{spec(typeArrayOfMaps, 4, 4, 1, 0), "map m (array of maps): it needs a template of its inner maps: declare one (EBADF)"},
		{spec(typeSKStorage, 4, 4, 1, FlagNoPrealloc), "map m (sk storage): its max_entries is 1: it must be 0, elements come with their objects (EINVAL)"},
		{spec(33, 4, 4, 1, 0), "map m of type 33 is not supported: this version has no maps of this type"},
		{spec(26, 4, 4, 1, 0), "map m of type 26 is not supported: this version has no maps of this type"},
	} {
		_, err := New(c.spec, nil, newWorld(2).env)
		require.EqualError(t, err, c.want)
	}
}

func TestInnerTemplates(t *testing.T) {
	outer := spec(typeHashOfMaps, 4, 4, 1, 0)
	_, err := New(outer, spec(typeArrayOfMaps, 4, 4, 1, 0), newWorld(1).env)
	require.ErrorContains(t, err, "map m cannot be an inner map")
	_, err = New(outer, spec(typeProgArray, 4, 4, 1, 0), newWorld(1).env)
	require.ErrorContains(t, err, "(ENOTSUPP)")
}

// A map that cannot be had leaves nothing behind.
func TestNoMemory(t *testing.T) {
	w := newWorld(1)
	_, err := New(spec(typeArray, 4, 1<<20, 1<<20, 0), nil, w.env)
	require.ErrorContains(t, err, "map m (array): ")
	require.Empty(t, w.heap.spans)
}

func TestKinds(t *testing.T) {
	require.Len(t, Kinds(), 29)
	require.Equal(t, []string{"hash", "array", "prog array"}, Kinds()[:3])
}

// model is what a map holds, in plain Go.
type model struct {
	t    *rapid.T
	m    Map
	want map[string]string
}

func drawValue(t *rapid.T, n uint32) []byte {
	return rapid.SliceOfN(rapid.Byte(), int(n), int(n)).Draw(t, "value")
}

// TestModel: the kinds with keys behave as a Go map does, with the kernel's errors.
func TestModel(t *testing.T) {
	for _, s := range []*abi.MapSpec{
		spec(typeHash, 3, 9, 4, 0), spec(typeHash, 9, 8, 12, FlagNoPrealloc), spec(typeLPMTrie, 6, 8, 6, FlagNoPrealloc), spec(typeSockHash, 6, 8, 5, 0),
		spec(typeTaskStorage, 4, 24, 0, FlagNoPrealloc), spec(typeCgroupStorage, 16, 24, 0, 0),
	} {
		t.Run(kindOf(s.Type).name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m, err := New(s, nil, newWorld(1).env)
				require.NoError(t, err)
				(&model{t, m, map[string]string{}}).run()
				require.NoError(t, m.Close())
			})
		})
	}
}

func (x *model) run() {
	for range rapid.IntRange(1, 80).Draw(x.t, "operations") {
		k := x.key()
		switch rapid.IntRange(0, 4).Draw(x.t, "operation") {
		case 0:
			x.delete(k)
		case 1:
			v, errno := x.m.Get([]byte(k))
			want, there := x.want[k]
			require.Equal(x.t, there, errno == codegen.OK)
			if there {
				require.Equal(x.t, want, string(v))
			} else if x.m.Spec().Type != typeLPMTrie { // a shorter prefix may match
				require.Equal(x.t, codegen.ENOENT, errno)
			}
		default:
			x.update(k)
		}
	}
	all, _ := drain(x.m)
	require.Equal(x.t, x.want, all)
	keys := walked(x.t, x.m)
	require.Len(x.t, keys, len(x.want))
	for _, k := range keys {
		require.Contains(x.t, x.want, k)
	}
}

func walked(t *rapid.T, m Map) (keys []string) {
	var key []byte
	for {
		k, errno := m.Next(key)
		if errno != codegen.OK {
			require.Equal(t, codegen.ENOENT, errno)
			return keys
		}
		keys = append(keys, string(k))
		require.Less(t, len(keys), 1000)
		key = k
	}
}

func (x *model) key() string {
	s := *x.m.Spec()
	if kindOf(s.Type).objectKey {
		s.KeySize = 8
	}
	if s.Type == typeLPMTrie { // full length: no prefix of another
		k := []byte{16, 0, 0, 0}
		return string(append(k, rapid.SampledFrom([]byte{0, 1, 128}).Draw(x.t, "a"), rapid.SampledFrom([]byte{0, 1, 128}).Draw(x.t, "b")))
	}
	return string(someKeyOf(x.t, &s))
}

func (x *model) delete(k string) {
	want := codegen.OK
	if _, there := x.want[k]; !there {
		want = codegen.ENOENT
	}
	require.Equal(x.t, want, x.m.Delete([]byte(k)))
	delete(x.want, k)
}

func (x *model) update(k string) {
	flags := rapid.SampledFrom([]uint64{0, 0, 1, 2, 3}).Draw(x.t, "flags")
	v := drawValue(x.t, x.m.Spec().ValueSize)
	if x.m.Spec().Type == typeSockHash {
		v[0] |= 1
	}
	_, there := x.want[k]
	full := x.m.Spec().MaxEntries > 0 && len(x.want) == int(x.m.Spec().MaxEntries)
	want := codegen.OK
	switch {
	case flags == 3:
		want = codegen.EINVAL
	case there && flags == 1:
		want = codegen.EEXIST
	case !there && flags == 2:
		want = codegen.ENOENT
	case !there && full && x.m.Spec().Type == typeLPMTrie:
		want = codegen.ENOSPC
	case !there && full:
		want = codegen.E2BIG
	}
	require.Equal(x.t, want, x.m.Update([]byte(k), v, flags, codegen.AllCPUs))
	if want == codegen.OK {
		x.want[k] = string(v)
	}
}

// The longest prefix wins, as a list of all prefixes says.
func TestLongestPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(1)
		m, err := New(spec(typeLPMTrie, 4+3, 8, 64, FlagNoPrealloc), nil, w.env)
		require.NoError(t, err)
		type route struct {
			length uint32
			data   [3]byte
		}
		draw := func(what string) route {
			var r route
			for i := range r.data {
				r.data[i] = rapid.SampledFrom([]byte{0, 1, 0x80, 0xc0, 0xff}).Draw(t, what)
			}
			r.length = rapid.Uint32Range(0, 24).Draw(t, "length")
			return r
		}
		key := func(r route) []byte { return append(binary.LittleEndian.AppendUint32(nil, r.length), r.data[:]...) }
		covers := func(p, r route) bool {
			for i := range p.length {
				if (p.data[i/8]^r.data[i/8])>>(7-i%8)&1 != 0 {
					return false
				}
			}
			return p.length <= r.length
		}
		var routes []route
		for i := range rapid.IntRange(0, 40).Draw(t, "routes") {
			r := draw("route")
			same := func(o route) bool { return o.length == r.length && covers(o, r) }
			if at := slices.IndexFunc(routes, same); at >= 0 {
				routes = slices.Delete(routes, at, at+1)
				if i%2 == 0 {
					require.Equal(t, codegen.OK, m.Delete(key(r)))
					continue
				}
			}
			routes = append(routes, r)
			require.Equal(t, codegen.OK, m.Update(key(r), routeValue(r.length, r.data), 0, 0))
		}
		for range 20 {
			q := draw("query")
			best := -1
			for i, p := range routes {
				if covers(p, q) && (best < 0 || p.length > routes[best].length) {
					best = i
				}
			}
			v, errno := m.Get(key(q))
			require.Equal(t, best >= 0, errno == codegen.OK)
			if best >= 0 {
				require.Equal(t, routeValue(routes[best].length, routes[best].data), v)
			}
		}
		require.NoError(t, m.Close())
	})
}

// routeValue is a value that says which route it belongs to.
func routeValue(length uint32, data [3]byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, length), append(data[:], 0)...)
}

// A queue is a slice, of which it drops the front when it must make room.
func TestQueueModel(t *testing.T) {
	for _, kind := range []uint32{typeQueue, typeStack} {
		rapid.Check(t, func(t *rapid.T) {
			m, err := New(spec(kind, 0, 5, 3, 0), nil, newWorld(1).env)
			require.NoError(t, err)
			var want [][]byte
			for range rapid.IntRange(1, 60).Draw(t, "operations") {
				first := 0
				if kind == typeStack {
					first = len(want) - 1
				}
				got := []byte{1, 1, 1, 1, 1}
				switch op := rapid.IntRange(0, 4).Draw(t, "operation"); {
				case op == 0 && len(want) == 0:
					require.Equal(t, codegen.ENOENT, m.Pop(got))
					require.Equal(t, make([]byte, 5), got)
				case op == 0:
					require.Equal(t, codegen.OK, m.Pop(got))
					require.Equal(t, want[first], got)
					want = slices.Delete(want, first, first+1)
				case op == 1 && len(want) > 0:
					require.Equal(t, codegen.OK, m.Peek(got))
					require.Equal(t, want[first], got)
				case op > 1:
					v, flags := drawValue(t, 5), rapid.SampledFrom([]uint64{0, 0, 2}).Draw(t, "flags")
					errno := m.Push(v, flags)
					if len(want) == 3 && flags == 0 {
						require.Equal(t, codegen.E2BIG, errno)
						continue
					}
					require.Equal(t, codegen.OK, errno)
					if len(want) == 3 {
						want = want[1:]
					}
					want = append(want, v)
				}
			}
			var left [][]byte
			m.Each(func(_, v []byte) bool { left = append(left, v); return true })
			if kind == typeStack {
				slices.Reverse(left)
			}
			require.Equal(t, fmt.Sprint(want), fmt.Sprint(left))
			require.NoError(t, m.Close())
		})
	}
}

// What is in use stays, what is not goes, the oldest first.
func TestLRU(t *testing.T) {
	for _, kind := range []uint32{typeLRUHash, typeLRUPerCPUHash} {
		m := newWorld(2).mapOf(t, spec(kind, 4, 8, 10, 0), nil)
		put := func(i uint32) { require.Equal(t, codegen.OK, m.Update(le(i), le64(uint64(i)), 0, 1)) }
		for i := range uint32(10) {
			put(i)
		}
		for i := range uint32(5) {
			require.NotZero(t, m.Lookup(le(2*i), 0))
		}
		for i := range uint32(5) {
			put(100 + i)
		}
		all, _ := drain(m)
		require.Len(t, all, 10)
		for i := range uint32(5) {
			require.Contains(t, all, string(le(2*i)), "used")
			require.NotContains(t, all, string(le(2*i+1)), "not used")
			require.Contains(t, all, string(le(100+i)), "new")
		}
		require.Equal(t, codegen.EEXIST, m.Update(le(0), le64(1), updateNoExist, 0))
		require.Equal(t, codegen.ENOENT, m.Update(le(55), le64(1), updateExist, 0))
		require.Equal(t, codegen.EINVAL, m.Update(le(55), le64(1), updateLock, 0))
	}
}

// A program changes the value of its CPU; the others of a new element are zero.
func TestPerCPU(t *testing.T) {
	for _, kind := range []uint32{typePerCPUHash, typeLRUPerCPUHash, typePerCPUArray} {
		w := newWorld(3)
		m := w.mapOf(t, spec(kind, 4, 12, 4, 0), nil)
		v := []byte("abcdefghijkl")
		require.Equal(t, codegen.OK, m.Update(le(2), v, 0, 1))
		zero, pad := make([]byte, 16), make([]byte, 4)
		all, errno := m.Get(le(2))
		require.Equal(t, codegen.OK, errno)
		require.Equal(t, slices.Concat(zero, v, pad, zero), all)
		require.Equal(t, word(v, 0), w.heap.words(m.Lookup(le(2), 1), 1)[0])
		require.Zero(t, w.heap.words(m.Lookup(le(2), 2), 1)[0])
		require.Zero(t, m.Lookup(le(2), 3), "no such CPU")

		require.Equal(t, codegen.EINVAL, m.Update(le(2), v, 0, codegen.AllCPUs), "too few")
		require.Equal(t, codegen.EINVAL, m.Update(le(2), v, 0, 3))
		require.Equal(t, codegen.OK, m.Update(le(2), make([]byte, 48), 0, codegen.AllCPUs))
		all, _ = m.Get(le(2))
		require.Equal(t, make([]byte, 48), all)
	}
}

// An element that is used again has nothing left of its last value.
func TestPerCPUReuse(t *testing.T) {
	for _, kind := range []uint32{typePerCPUHash, typeLRUPerCPUHash} {
		m := newWorld(3).mapOf(t, spec(kind, 4, 8, 2, 0), nil)
		for i := range 50 {
			require.Equal(t, codegen.OK, m.Update(le(1), le64(77), 0, i%3))
			v, errno := m.Get(le(1))
			require.Equal(t, codegen.OK, errno)
			want := make([]byte, 24)
			copy(want[8*(i%3):], le64(77))
			require.Equal(t, want, v)
			require.Equal(t, codegen.OK, m.Delete(le(1)))
		}
	}
}

// whole checks that what was consumed cannot be taken for a new record.
func (r *ring) whole(t require.TestingT) {
	for i := range r.states {
		require.Zero(t, r.states[i])
	}
}

func TestRing(t *testing.T) {
	w := newWorld(1)
	m := w.mapOf(t, spec(typeRingBuf, 0, 0, 4096, 0), nil)
	r := m.(codegen.Ring)
	a, b := r.Reserve(5), r.Reserve(16)
	require.Equal(t, a+16, b, "8 bytes of header before each, lengths are multiples of 8")
	require.Equal(t, codegen.OK, r.Output([]byte("third")))
	r.Commit(b, false)
	require.Empty(t, r.Consume(), "the first is not complete")
	w.heap.words(a, 1)[0] = binary.LittleEndian.Uint64([]byte("hello..."))
	r.Commit(a, false)
	r.Commit(a, true) // once is enough
	require.Equal(t, [][]byte{[]byte("hello"), make([]byte, 16), []byte("third")}, r.Consume())
	require.Equal(t, [4]uint64{0, 4096, 56, 56}, [4]uint64{r.Query(0), r.Query(1), r.Query(2), r.Query(3)})
	require.Zero(t, r.Query(4))

	require.Zero(t, r.Reserve(4096-8), "one byte is always free")
	require.Zero(t, r.Reserve(1<<30))
	c := r.Reserve(4096 - 16)
	require.NotZero(t, c, "it goes round the end in one piece")
	require.Zero(t, r.Reserve(0))
	require.Equal(t, codegen.EAGAIN, r.Output(nil))
	require.Equal(t, uint64(4088), r.Query(0))
	r.Commit(c, true)
	require.Empty(t, r.Consume(), "discarded")
	m.(*ring).whole(t)
	require.Zero(t, r.Query(0))
	r.Commit(1, false)
	r.Commit(c+1, false)

	_, slab := m.Slab()
	require.Equal(t, slab+56+8, c)
}

// The ring accepts exactly what fits between the positions, and gives back what was put in.
func TestRingModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := New(spec(typeRingBuf, 0, 0, 4096, 0), nil, newWorld(1).env)
		require.NoError(t, err)
		r := m.(codegen.Ring)
		var want [][]byte
		used := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			if rapid.IntRange(0, 5).Draw(t, "consume") == 0 {
				require.Equal(t, fmt.Sprint(want), fmt.Sprint(r.Consume()))
				want, used = nil, 0
				continue
			}
			rec := drawValue(t, rapid.Uint32Range(0, 900).Draw(t, "size"))
			length := round8(uint64(len(rec)) + 8)
			errno := r.Output(rec)
			require.Equal(t, used+length <= 4095, errno == codegen.OK)
			if errno == codegen.OK {
				want, used = append(want, rec), used+length
			}
			require.Equal(t, used, r.Query(0))
		}
		require.NoError(t, m.Close())
	})
}

func TestStackTrace(t *testing.T) {
	m := newWorld(1).mapOf(t, spec(typeStackTrace, 4, 24, 1, 0), nil).(StackTrace)
	id, errno := m.Store([]uint64{1, 2}, 0)
	require.Equal(t, codegen.OK, errno)
	require.Zero(t, id)
	v, errno := m.Get(le(0))
	require.Equal(t, codegen.OK, errno)
	require.Equal(t, slices.Concat(le64(1), le64(2), le64(0)), v)
	_, errno = m.Store([]uint64{1, 2}, 0)
	require.Equal(t, codegen.OK, errno, "the same")
	_, errno = m.Store([]uint64{1, 3}, 0)
	require.Equal(t, codegen.EEXIST, errno)
	_, errno = m.Store([]uint64{1, 2, 3, 4}, stackReuse)
	require.Equal(t, codegen.OK, errno)
	v, errno = m.Take(le(0))
	require.Equal(t, codegen.OK, errno)
	require.Equal(t, slices.Concat(le64(1), le64(2), le64(3)), v, "what fits")
	require.Equal(t, codegen.ENOENT, m.Delete(le(0)))
	require.Equal(t, codegen.E2BIG, m.Delete(le(1)))
}

// The hash is a published one, with published results: lookup3's for these words.
func TestStackHash(t *testing.T) {
	require.Equal(t, uint32(0xdeadbeef), stackHash(nil))
	seen := map[uint32]bool{}
	for i := range uint64(1000) {
		seen[stackHash([]uint64{i})] = true
		seen[stackHash([]uint64{i, i})] = true
	}
	require.Greater(t, len(seen), 1990)
}

// Keys that differ in any few bits spread over the buckets.
func TestHashSpreads(t *testing.T) {
	for shift := range 61 {
		buckets := map[uint32]bool{}
		for i := range uint64(8) {
			buckets[hashOf(99, []uint64{i << shift})&63] = true
		}
		require.GreaterOrEqual(t, len(buckets), 5, "bits from %d", shift)
	}
}

func TestSeeds(t *testing.T) {
	order := func(seed uint64, flags uint32) []string {
		w := newWorld(1)
		w.env.Seed = seed
		m := w.mapOf(t, spec(typeHash, 4, 4, 64, flags), nil)
		for i := range uint32(40) {
			require.Equal(t, codegen.OK, m.Update(le(i), le(i), 0, 0))
		}
		_, keys := drain(m)
		require.Equal(t, keys, keysByNext(t, m.Next, 100))
		return keys
	}
	require.Equal(t, order(1, 0), order(1, 0), "the same seed, the same order")
	require.NotEqual(t, order(1, 0), order(2, 0))
	require.Equal(t, order(1, FlagZeroSeed), order(2, FlagZeroSeed))
}

// Programs must not write what user space alone may.
func TestWritable(t *testing.T) {
	for _, c := range []struct {
		spec *abi.MapSpec
		want bool
	}{
		{spec(typeHash, 4, 4, 1, 0), true},
		{spec(typeHash, 4, 4, 1, FlagReadOnly), true},
		{spec(typeHash, 4, 4, 1, FlagReadOnlyProg), false},
		{spec(typeDevMap, 4, 4, 1, 0), false},
		{spec(typeDevMapHash, 4, 4, 1, 0), false},
	} {
		require.Equal(t, c.want, newWorld(1).mapOf(t, c.spec, nil).Writable(), fmt.Sprint(c.spec))
	}
}

// GetBatch goes through everything, whatever the size of a batch.
func TestGetBatch(t *testing.T) {
	m := newWorld(1).mapOf(t, spec(typeHash, 4, 4, 100, 0), nil)
	u := ForUser(m)
	want := map[string]string{}
	for i := range uint32(100) {
		require.Equal(t, codegen.OK, u.Update(le(i), le(i*i), 0))
		want[string(le(i))] = string(le(i * i))
	}
	for _, n := range []int{1, 7, 100, 1000} {
		got := map[string]string{}
		var from []byte
		for {
			batch, errno := u.GetBatch(from, n)
			for _, e := range batch {
				got[string(e.Key)] = string(e.Value)
				from = e.Key
			}
			if errno == codegen.ENOENT {
				break
			}
			require.Equal(t, codegen.OK, errno)
			require.Len(t, batch, n)
		}
		require.Equal(t, want, got)
	}
	_, errno := ForUser(newWorld(1).mapOf(t, spec(typeQueue, 0, 4, 4, 0), nil)).GetBatch(nil, 1)
	require.Equal(t, codegen.ENOTSUPP, errno)
}

// No operation panics on keys and values of a wrong size.
func TestWrongSizes(t *testing.T) {
	in := spec(typeArray, 4, 4, 1, 0)
	for i := range kinds {
		k := &kinds[i]
		if k.open == nil {
			continue
		}
		s := spec(uint32(i), 4, 4, 4, k.flags&FlagNoPrealloc)
		switch {
		case k.lru || k.objectKey:
			s.Flags &^= FlagNoPrealloc
		}
		for _, fit := range []func(){func() {}, func() { s.KeySize = 8 }, func() { s.KeySize = 0 }, func() { s.ValueSize = 8 }, func() { s.ValueSize, s.MaxEntries = 0, 4096 },
			func() { s.KeySize, s.ValueSize, s.MaxEntries, s.Flags = 4, 8, 0, FlagNoPrealloc }, func() { s.KeySize, s.Flags = 8, 0 }} {
			fit()
			if tryAll(t, s, in) {
				break
			}
		}
	}
}

// tryAll tries every operation on the map, if there can be such a map.
func tryAll(t *testing.T, s, in *abi.MapSpec) bool {
	m, err := New(s, in, newWorld(2).env)
	if err != nil {
		return false
	}
	for n := range 20 {
		for v := range 20 {
			key, value := make([]byte, n), make([]byte, v)
			for cpu := range 4 {
				m.Update(key, value, uint64(v%5), cpu-1)
			}
			m.Lookup(key, 0)
			m.Get(key)
			m.Next(key)
			m.Push(value, 0)
			m.Peek(value)
			m.Pop(value)
			m.Take(key)
			m.Delete(key)
		}
	}
	m.Each(func(k, v []byte) bool { return true })
	require.NoError(t, m.Close())
	return true
}

// A prefix of all bits, of data that fills its words, has no bit behind it.
func TestWholePrefix(t *testing.T) {
	w := newWorld(1)
	m := w.mapOf(t, spec(typeLPMTrie, 4+8, 4, 4, FlagNoPrealloc), nil)
	key := append(le(64), "abcdefgh"...)
	require.Equal(t, codegen.OK, m.Update(key, le(1), 0, 0))
	require.Equal(t, codegen.OK, m.Update(append(le(8), "a......."...), le(2), 0, 0))
	require.Equal(t, w.machine(m).trie(key), m.Lookup(key, 0))
	v, errno := m.Get(key)
	require.Equal(t, codegen.OK, errno)
	require.Equal(t, le(1), v)
	require.Equal(t, codegen.OK, m.Update(key, le(3), updateExist, 0))
	require.Equal(t, codegen.OK, m.Delete(key))
	v, _ = m.Get(key)
	require.Equal(t, le(2), v)
}
