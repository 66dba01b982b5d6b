package maps

import (
	"encoding/binary"

	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// bpf is the system call, with attr as union bpf_attr.
func bpf(cmd uintptr, attr []byte) (int, codegen.Errno) {
	r, _, e := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
	return int(r), codegen.Errno(e)
}

func pointer(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

// kernelMap is a map of the running kernel.
type kernelMap struct {
	fd   int
	spec *abi.MapSpec
	size int // of a value with those of all CPUs
}

// create makes one; inner is the descriptor of a template.
func create(s *abi.MapSpec, inner int, cpus int, btf ...uint32) (*kernelMap, codegen.Errno) {
	a := make([]byte, 72)
	for i, w := range []uint32{s.Type, s.KeySize, s.ValueSize, s.MaxEntries, s.Flags, uint32(inner)} {
		binary.LittleEndian.PutUint32(a[4*i:], w)
	}
	copy(a[28:43], "bpfc_test")
	for i, w := range btf {
		binary.LittleEndian.PutUint32(a[48+4*i:], w)
	}
	binary.LittleEndian.PutUint64(a[64:], s.Extra)
	fd, errno := bpf(unix.BPF_MAP_CREATE, a)
	if errno != codegen.OK {
		return nil, errno
	}
	size := int(s.ValueSize)
	if k := kindOf(s.Type); k != nil && k.perCPU {
		size = int(round8(uint64(size))) * cpus
	}
	return &kernelMap{fd, s, size}, codegen.OK
}

func (m *kernelMap) close() { _ = unix.Close(m.fd) }

func (m *kernelMap) call(cmd uintptr, key, value []byte, flags uint64) codegen.Errno {
	a := make([]byte, 32)
	binary.LittleEndian.PutUint32(a, uint32(m.fd))
	binary.LittleEndian.PutUint64(a[8:], pointer(key))
	binary.LittleEndian.PutUint64(a[16:], pointer(value))
	binary.LittleEndian.PutUint64(a[24:], flags)
	_, errno := bpf(cmd, a)
	runtime.KeepAlive(key)
	runtime.KeepAlive(value)
	return errno
}

func (m *kernelMap) get(cmd uintptr, key []byte, flags uint64) ([]byte, codegen.Errno) {
	v := make([]byte, m.size)
	if errno := m.call(cmd, key, v, flags); errno != codegen.OK {
		return nil, errno
	}
	return v, codegen.OK
}

func (m *kernelMap) next(key []byte) ([]byte, codegen.Errno) {
	k := make([]byte, m.spec.KeySize)
	if errno := m.call(unix.BPF_MAP_GET_NEXT_KEY, key, k, 0); errno != codegen.OK {
		return nil, errno
	}
	return k, codegen.OK
}

func (m *kernelMap) freeze() codegen.Errno {
	a := make([]byte, 4)
	binary.LittleEndian.PutUint32(a, uint32(m.fd))
	_, errno := bpf(unix.BPF_MAP_FREEZE, a)
	return errno
}

// id is the number by which the kernel names a map or program.
func id(t *testing.T, fd, offset int) uint64 {
	info, a := make([]byte, 96), make([]byte, 16)
	binary.LittleEndian.PutUint32(a, uint32(fd))
	binary.LittleEndian.PutUint32(a[4:], uint32(len(info)))
	binary.LittleEndian.PutUint64(a[8:], pointer(info))
	_, errno := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, a)
	require.Equal(t, codegen.OK, errno)
	runtime.KeepAlive(info)
	return uint64(binary.LittleEndian.Uint32(info[offset:]))
}

// needKernel skips where maps cannot be made.
func needKernel(t *testing.T) {
	t.Helper()
	alive.Check(t)
	m, errno := create(spec(typeArray, 4, 4, 1, 0), 0, 1)
	if errno != codegen.OK {
		t.Skipf("compares with the running kernel, which makes no maps for this process: %s", errno)
	}
	m.close()
}

// possibleCPUs is how many values a per-CPU map of the kernel has.
func possibleCPUs(t *testing.T) int {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	require.NoError(t, err)
	s := strings.TrimSpace(string(b))
	last, err := strconv.Atoi(s[strings.LastIndexAny(s, "-,")+1:])
	require.NoError(t, err)
	return last + 1
}

// objects are what values of tables may name: descriptors, and how the kernel reads them back.
type objects struct {
	fds   []int
	ids   map[uint64]uint64 // the kernel's numbers to descriptors
	inner *abi.MapSpec
	maps  map[uint32]Map // ours, by the descriptor of the kernel's
}

func (o *objects) env(e Env) Env {
	e.Map = func(id uint32) codegen.Map {
		if m := o.maps[id]; m != nil {
			return m
		}
		return nil
	}
	e.Object = func(_ *abi.MapSpec, n uint64) (uint64, codegen.Errno) {
		if slices.Contains(o.fds, int(n)) {
			return n, codegen.OK
		}
		return 0, codegen.EBADF
	}
	return e
}

// readBack is the descriptor for what the kernel gives as a value.
func (o *objects) readBack(v []byte) []byte {
	if o == nil || o.ids == nil || v == nil {
		return v
	}
	return number(o.ids[word(v, 0)], uint32(len(v)))
}

func (o *objects) add(t *testing.T, fd int) {
	t.Cleanup(func() { _ = unix.Close(fd) })
	o.fds = append(o.fds, fd)
}

func innerMaps(in *abi.MapSpec) func(*testing.T) *objects {
	return func(t *testing.T) *objects {
		o := &objects{ids: map[uint64]uint64{}, inner: in, maps: map[uint32]Map{}}
		other := *in
		other.ValueSize += 4
		for i := range 4 {
			s := in
			if i == 3 {
				s = &other // does not fit the template
			}
			m, errno := create(s, 0, 1)
			require.Equal(t, codegen.OK, errno)
			o.add(t, m.fd)
			o.ids[id(t, m.fd, 4)] = uint64(m.fd)
			o.maps[uint32(m.fd)] = newWorld(1).mapOf(t, s, nil)
		}
		return o
	}
}

func programs(t *testing.T) *objects {
	o := &objects{ids: map[uint64]uint64{}}
	insns := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
	license := []byte("GPL\x00")
	for range 3 {
		a := make([]byte, 48)
		binary.LittleEndian.PutUint32(a, 1) // socket filter
		binary.LittleEndian.PutUint32(a[4:], 2)
		binary.LittleEndian.PutUint64(a[8:], pointer(insns))
		binary.LittleEndian.PutUint64(a[16:], pointer(license))
		fd, errno := bpf(unix.BPF_PROG_LOAD, a)
		require.Equal(t, codegen.OK, errno)
		o.add(t, fd)
		o.ids[id(t, fd, 4)] = uint64(fd)
	}
	runtime.KeepAlive(insns)
	runtime.KeepAlive(license)
	return o
}

func perfEvents(t *testing.T) *objects {
	o := &objects{}
	for range 3 {
		attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_BPF_OUTPUT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Sample_type: unix.PERF_SAMPLE_RAW}
		fd, err := unix.PerfEventOpen(attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			t.Skipf("no perf events here: %v", err)
		}
		o.add(t, fd)
	}
	return o
}

func cgroups(t *testing.T) *objects {
	o := &objects{}
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		require.NoError(t, err)
		o.add(t, fd)
		return o
	}
	t.Skip("no cgroup v2 here")
	return nil
}

func xskSockets(t *testing.T) *objects {
	o := &objects{}
	for range 3 {
		fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW, 0)
		if err != nil {
			t.Skipf("no AF_XDP sockets here: %v", err)
		}
		o.add(t, fd)
	}
	return o
}

// sockets are established TCP sockets, as sockmaps want them.
func sockets(t *testing.T) *objects {
	o := &objects{ids: map[uint64]uint64{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		f, err := c.(*net.TCPConn).File()
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		fd := int(f.Fd())
		o.fds = append(o.fds, fd)
		cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
		require.NoError(t, err)
		o.ids[cookie] = uint64(fd)
	}
	return o
}

func interfaces(*testing.T) *objects { return &objects{fds: []int{1}} } // lo

// subject is a map to compare.
type subject struct {
	*abi.MapSpec
	objects func(*testing.T) *objects
	// values that are likely, instead of random ones.
	values []uint64
	btf    [3]uint32 // descriptor, types of key and value
	// ordered: Next gives the keys in the same order.
	ordered bool
}

// subjects are maps of every kind that user space can use, with what matters in their flags and sizes.
func subjects() []subject {
	in := spec(typeArray, 4, 4, 3, 0)
	all := []subject{
		{MapSpec: spec(typeArray, 4, 1, 1, 0), ordered: true},
		{MapSpec: spec(typeArray, 4, 12, 5, 0), ordered: true},
		{MapSpec: spec(typeArray, 4, 8, 3, FlagReadOnlyProg), ordered: true},
		{MapSpec: spec(typeArray, 4, 8, 3, FlagReadOnly), ordered: true},
		{MapSpec: spec(typeArray, 4, 8, 3, FlagWriteOnly), ordered: true},
		{MapSpec: spec(typeArray, 4, 8, 3, FlagMmapable), ordered: true},
		{MapSpec: spec(typePerCPUArray, 4, 12, 4, 0), ordered: true},
		{MapSpec: spec(typePerCPUArray, 4, 8, 1, 0), ordered: true},
		{MapSpec: spec(typeHash, 1, 1, 3, 0)},
		{MapSpec: spec(typeHash, 4, 8, 4, 0)},
		{MapSpec: spec(typeHash, 4, 8, 4, FlagNoPrealloc)},
		{MapSpec: spec(typeHash, 5, 3, 7, FlagNoPrealloc|FlagZeroSeed)},
		{MapSpec: spec(typeHash, 8, 8, 1, 0)},
		{MapSpec: spec(typeHash, 20, 65, 300, 0)},
		{MapSpec: spec(typeHash, 72, 8, 6, FlagNoPrealloc)},
		{MapSpec: spec(typeHash, 4, 8, 4, FlagReadOnly)},
		{MapSpec: spec(typeHash, 4, 8, 4, FlagWriteOnly)},
		{MapSpec: spec(typePerCPUHash, 4, 8, 4, 0)},
		{MapSpec: spec(typePerCPUHash, 6, 12, 4, FlagNoPrealloc)},
		{MapSpec: spec(typeLRUHash, 4, 8, 4096, 0)},
		{MapSpec: spec(typeLRUHash, 4, 8, 4096, FlagNoCommonLRU)},
		{MapSpec: spec(typeLRUPerCPUHash, 4, 12, 4096, 0)},
		{MapSpec: spec(typeLPMTrie, 4+1, 1, 5, FlagNoPrealloc), ordered: true},
		{MapSpec: spec(typeLPMTrie, 4+1, 8, 1000, FlagNoPrealloc), ordered: true},
		{MapSpec: spec(typeLPMTrie, 4+4, 8, 12, FlagNoPrealloc), ordered: true},
		{MapSpec: spec(typeLPMTrie, 4+16, 20, 50, FlagNoPrealloc), ordered: true},
		{MapSpec: spec(typeProgArray, 4, 4, 4, 0), objects: programs, ordered: true},
		{MapSpec: spec(typePerfEventArray, 4, 4, 4, FlagPreserveElems), objects: perfEvents, ordered: true},
		{MapSpec: spec(typeCgroupArray, 4, 4, 2, 0), objects: cgroups, ordered: true},
		{MapSpec: spec(typeArrayOfMaps, 4, 4, 4, 0), objects: innerMaps(in), ordered: true},
		{MapSpec: spec(typeHashOfMaps, 4, 4, 3, 0), objects: innerMaps(in)},
		{MapSpec: spec(typeHashOfMaps, 8, 4, 3, FlagNoPrealloc), objects: innerMaps(spec(typeHash, 8, 8, 4, 0))},
		{MapSpec: spec(typeDevMap, 4, 4, 4, 0), objects: interfaces, ordered: true, values: []uint64{0, 1, 1, 99999}},
		{MapSpec: spec(typeDevMap, 4, 8, 4, 0), objects: interfaces, ordered: true, values: []uint64{0, 1, 1, 1 | 0xffffffff<<32, 0xffffffff << 32, 99999}},
		{MapSpec: spec(typeDevMapHash, 4, 4, 3, 0), objects: interfaces, values: []uint64{0, 1, 1, 1, 99999}},
		{MapSpec: spec(typeDevMapHash, 4, 8, 3, 0), objects: interfaces, values: []uint64{0, 1, 1, 1, 1 | 0xffffffff<<32, 0xffffffff << 32}},
		{MapSpec: spec(typeCPUMap, 4, 4, 3, 0), ordered: true, values: []uint64{0, 1, 192, 16384, 16385}},
		{MapSpec: spec(typeCPUMap, 4, 8, 3, 0), ordered: true, values: []uint64{0, 1, 192, 16384, 16385, 5 | 0xffffffff<<32}},
		{MapSpec: spec(typeXSKMap, 4, 4, 3, 0), objects: xskSockets, ordered: true},
		{MapSpec: spec(typeSockMap, 4, 4, 3, 0), objects: sockets, ordered: true},
		{MapSpec: spec(typeSockMap, 4, 8, 3, 0), objects: sockets, ordered: true},
		{MapSpec: spec(typeSockHash, 8, 4, 3, 0), objects: sockets},
		{MapSpec: spec(typeSockHash, 4, 8, 3, 0), objects: sockets},
		{MapSpec: spec(typeQueue, 0, 4, 1, 0)},
		{MapSpec: spec(typeQueue, 0, 12, 4, 0)},
		{MapSpec: spec(typeQueue, 0, 8, 4, FlagWriteOnly)},
		{MapSpec: spec(typeStack, 0, 4, 1, 0)},
		{MapSpec: spec(typeStack, 0, 12, 4, 0)},
		{MapSpec: spec(typeStack, 0, 8, 4, FlagReadOnly)},
		{MapSpec: spec(typeStackTrace, 4, 16, 3, 0), ordered: true},
		{MapSpec: spec(typeRingBuf, 0, 0, 4096, 0)},
		{MapSpec: spec(typeBloomFilter, 0, 8, 100, 0)},
	}
	return all
}

// duel is one map twice: the kernel's and ours.
type duel struct {
	t       *testing.T
	rnd     *rand.Rand
	sub     *subject
	objects *objects
	kernel  *kernelMap
	ours    *User
	pool    [][]byte // keys in use
	log     []string
}

func newDuel(t *testing.T, sub *subject, o *objects, seed uint64) *duel {
	cpus := possibleCPUs(t)
	w := newWorld(cpus)
	fd := 0
	var inner *abi.MapSpec
	if o != nil {
		w.env = o.env(w.env)
		if inner = o.inner; inner != nil {
			fd = o.fds[0]
		}
	}
	k, errno := create(sub.MapSpec, fd, cpus, sub.btf[:]...)
	require.Equal(t, codegen.OK, errno, "the kernel makes no such map")
	m, err := New(sub.MapSpec, inner, w.env)
	require.NoError(t, err)
	d := &duel{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), sub: sub, objects: o, kernel: k, ours: ForUser(m)}
	for range 3 + d.rnd.IntN(10) {
		d.pool = append(d.pool, d.newKey())
	}
	return d
}

func (d *duel) end() {
	d.kernel.close()
	require.NoError(d.t, d.ours.Map().Close())
}

func (d *duel) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.rnd.Uint32())
	}
	return b
}

func (d *duel) newKey() []byte {
	n := int(d.sub.KeySize)
	switch {
	case d.sub.Type == typeLPMTrie:
		data := make([]byte, n-4)
		for i := range data { // few bits differ, so that prefixes nest
			data[i] = byte(d.rnd.Uint32()) & byte(d.rnd.Uint32())
		}
		return append(binary.LittleEndian.AppendUint32(nil, uint32(d.rnd.IntN(8*(n-4)+2))), data...)
	case n == 4:
		return binary.LittleEndian.AppendUint32(nil, uint32(d.rnd.IntN(int(min(d.sub.MaxEntries, 12))+2)))
	}
	return d.bytes(n)
}

func (d *duel) key() []byte {
	if d.rnd.IntN(8) == 0 {
		return d.newKey()
	}
	return d.pool[d.rnd.IntN(len(d.pool))]
}

func (d *duel) value() []byte {
	n := int(d.sub.ValueSize)
	if d.sub.values != nil {
		return number(d.sub.values[d.rnd.IntN(len(d.sub.values))], uint32(n))
	}
	if d.objects != nil {
		if d.rnd.IntN(8) == 0 {
			return number(1<<20, uint32(n)) // no descriptor
		}
		return number(uint64(d.objects.fds[d.rnd.IntN(len(d.objects.fds))]), uint32(n))
	}
	return d.bytes(d.kernel.size)
}

func (d *duel) flags() uint64 {
	return []uint64{0, 0, 0, 0, 1, 2, 2, 3, 4, 8}[d.rnd.IntN(10)]
}

// operation is one that both do, with a description of it. It returns what it gave.
type operation struct {
	name string
	do   func(d *duel) (text string, kernel, ours result)
}

type result struct {
	Errno codegen.Errno
	Value string
}

func (r result) String() string { return fmt.Sprintf("%q %x", r.Errno.String(), r.Value) }

var operations = []operation{
	{"update", (*duel).update}, {"update", (*duel).update}, {"update", (*duel).update},
	{"lookup", (*duel).lookup}, {"lookup", (*duel).lookup},
	{"delete", (*duel).remove},
	{"next", (*duel).next},
	{"take", (*duel).take},
	{"walk", (*duel).walk},
	{"update batch", (*duel).updateBatch},
	{"delete batch", (*duel).deleteBatch},
}

// batch is one of the kernel's operations on n elements: it returns how many it did.
func (m *kernelMap) batch(cmd uintptr, keys, values []byte, n int, flags uint64) (int, codegen.Errno) {
	a := make([]byte, 56)
	binary.LittleEndian.PutUint64(a[16:], pointer(keys))
	binary.LittleEndian.PutUint64(a[24:], pointer(values))
	binary.LittleEndian.PutUint32(a[32:], uint32(n))
	binary.LittleEndian.PutUint32(a[36:], uint32(m.fd))
	binary.LittleEndian.PutUint64(a[40:], flags)
	_, errno := bpf(cmd, a)
	runtime.KeepAlive(keys)
	runtime.KeepAlive(values)
	return int(binary.LittleEndian.Uint32(a[32:])), errno
}

// elements are a few for a batch.
func (d *duel) elements() (batch []Entry, keys, values []byte) {
	for range 1 + d.rnd.IntN(4) {
		e := Entry{d.key(), d.value()}
		batch, keys, values = append(batch, e), append(keys, e.Key...), append(values, e.Value...)
	}
	return batch, keys, values
}

func (d *duel) updateBatch() (string, result, result) {
	batch, keys, values := d.elements()
	flags := []uint64{0, 0, 0, 1, 4}[d.rnd.IntN(5)]
	kn, k := d.kernel.batch(unix.BPF_MAP_UPDATE_BATCH, keys, values, len(batch), flags)
	on, o := d.ours.UpdateBatch(batch, flags)
	return fmt.Sprintf("%x %x %d", keys, values, flags), batchResult(kn, k), batchResult(on, o)
}

func (d *duel) deleteBatch() (string, result, result) {
	batch, keys, _ := d.elements()
	kn, k := d.kernel.batch(unix.BPF_MAP_DELETE_BATCH, keys, nil, len(batch), 0)
	on, o := d.ours.DeleteBatch(batch)
	return fmt.Sprintf("%x", keys), batchResult(kn, k), batchResult(on, o)
}

// batchResult: if the call as a whole is refused, the kernel leaves the number as it was.
func batchResult(n int, errno codegen.Errno) result {
	switch errno {
	case codegen.EINVAL, codegen.EPERM, codegen.ENOTSUPP:
		n = 0
	}
	return result{errno, fmt.Sprint(n)}
}

func (d *duel) update() (string, result, result) {
	key, value, flags := d.key(), d.value(), d.flags()
	k := d.kernel.call(unix.BPF_MAP_UPDATE_ELEM, key, value, flags)
	o := d.ours.Update(key, value, flags)
	return fmt.Sprintf("%x %x %d", key, value, flags), result{k, ""}, result{o, ""}
}

// lookupFlags: looking up under the lock without having one is an error.
func (d *duel) lookupFlags() uint64 { return []uint64{0, 0, 0, 0, 0, 1, 4}[d.rnd.IntN(7)] }

func (d *duel) lookup() (string, result, result) {
	key, flags := d.key(), d.lookupFlags()
	return d.read(unix.BPF_MAP_LOOKUP_ELEM, key, flags, d.ours.Get)
}

func (d *duel) take() (string, result, result) {
	key, flags := d.key(), d.lookupFlags()
	return d.read(unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM, key, flags, d.ours.Take)
}

func (d *duel) read(cmd uintptr, key []byte, flags uint64, ours func([]byte, uint64) ([]byte, codegen.Errno)) (string, result, result) {
	kv, k := d.kernel.get(cmd, key, flags)
	ov, o := ours(key, flags)
	return fmt.Sprintf("%x %d", key, flags), result{k, string(d.objects.readBack(kv))}, result{o, string(ov)}
}

func (d *duel) remove() (string, result, result) {
	key := d.key()
	return fmt.Sprintf("%x", key), result{d.kernel.call(unix.BPF_MAP_DELETE_ELEM, key, nil, 0), ""}, result{d.ours.Delete(key), ""}
}

// next: of hashes only whether there is one, and that an unknown key gives the first.
func (d *duel) next() (string, result, result) {
	key := d.key()
	if d.rnd.IntN(4) == 0 {
		key = nil
	}
	kk, k := d.kernel.next(key)
	ok, o := d.ours.Next(key)
	if d.sub.ordered {
		return fmt.Sprintf("%x", key), result{k, string(kk)}, result{o, string(ok)}
	}
	if _, errno := d.ours.Get(key, 0); errno == codegen.ENOENT || key == nil {
		first, _ := d.ours.Next(nil)
		require.Equal(d.t, first, ok)
		return fmt.Sprintf("%x", key), result{k, ""}, result{o, ""}
	}
	return fmt.Sprintf("%x", key), result{}, result{}
}

// walk compares all keys.
func (d *duel) walk() (string, result, result) {
	_, ke := d.kernel.next(nil)
	_, oe := d.ours.Next(nil)
	if ke != codegen.OK {
		return "", result{ke, ""}, result{oe, ""}
	}
	k := keysByNext(d.t, d.kernel.next, 1<<12)
	o := keysByNext(d.t, d.ours.Next, 1<<12)
	if !d.sub.ordered {
		slices.Sort(k)
		slices.Sort(o)
	}
	return "", result{0, strings.Join(k, "|")}, result{oe, strings.Join(o, "|")}
}

func (d *duel) run(n int) {
	for range n {
		op := &operations[d.rnd.IntN(len(operations))]
		text, k, o := op.do(d)
		d.log = append(d.log, fmt.Sprintf("%s %s → %v", op.name, text, k))
		if k != o {
			require.Fail(d.t, "the kernel and we differ", "%s\nours: %v", strings.Join(d.log[max(0, len(d.log)-25):], "\n"), o)
		}
	}
}

// Every kind does what the running kernel does, whatever the sequence of operations.
func TestKernel(t *testing.T) {
	needKernel(t)
	for _, sub := range subjects() {
		name := fmt.Sprintf("%s/%d,%d,%d,%#x", kindOf(sub.Type).name, sub.KeySize, sub.ValueSize, sub.MaxEntries, sub.Flags)
		t.Run(name, func(t *testing.T) {
			if sub.Type == typeBloomFilter {
				t.Skip("has a test of its own: its bits depend on the seed")
			}
			var o *objects
			if sub.objects != nil {
				o = sub.objects(t)
			}
			rounds := 4
			for end, i := time.Now().Add(long(t)), 0; i < rounds || time.Now().Before(end); i++ {
				d := newDuel(t, &sub, o, uint64(i))
				d.run(150)
				d.end()
			}
		})
	}
}
