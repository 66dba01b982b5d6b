package base_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/plugins/helpers/base"
)

// world is the set in a home, with a run on CPU 0.
type world struct {
	t    *testing.T
	home *codegentest.Home
	im   codegen.Implementation
	c    *codegentest.Call
}

// open makes a world of two CPUs with an environment.
func open(t *testing.T, parts map[string]string) *world {
	w := &world{t: t, home: &codegentest.Home{N: 2, Parts: parts}}
	var err error
	w.im, err = base.Implement(w.home)
	require.NoError(t, err)
	w.c = w.home.Call(0)
	return w
}

// on calls a helper in a run.
func (w *world) on(c codegen.Call, name string, args ...uint64) uint64 {
	var a [5]uint64
	copy(a[:], args)
	f := w.im.Helpers[name]
	require.NotNil(w.t, f, name)
	return f(c, a[0], a[1], a[2], a[3], a[4])
}

// call calls a helper on CPU 0.
func (w *world) call(name string, args ...uint64) uint64 { return w.on(w.c, name, args...) }

// room is n bytes for a result.
func (w *world) room(n int) ([]byte, uint64) {
	mem, addr, err := w.home.Alloc(n)
	require.NoError(w.t, err)
	return mem, addr
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// What runs is declared, and what is declared as running runs.
func TestTablesAndDeclarationsAgree(t *testing.T) {
	w := open(t, nil)
	set := base.Set()
	for name := range w.im.Helpers {
		if h := set.HelperByName(name); h == nil {
			require.False(t, strings.HasPrefix(name, "bpf_"), "%s runs and is not declared", name)
		} else {
			require.Equal(t, abi.ImplGo, h.Impl, name)
		}
	}
	for _, h := range set.Helpers {
		require.Equal(t, h.Impl == abi.ImplGo, w.im.Helpers[h.Name] != nil, h.Name)
	}
}

func TestMaps(t *testing.T) {
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Name: "m", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 2}).Address()
	one, two, three := w.home.Put(le32(1)), w.home.Put(le32(2)), w.home.Put(le32(3))
	v := w.home.Put(le64(77))
	require.Zero(t, w.call("bpf_map_lookup_elem", m, one))
	require.Zero(t, w.call("bpf_map_update_elem", m, one, v, 0))
	require.Equal(t, codegen.EEXIST.Ret(), w.call("bpf_map_update_elem", m, one, v, 1))
	require.Equal(t, codegen.ENOENT.Ret(), w.call("bpf_map_update_elem", m, two, v, 2))
	require.Zero(t, w.call("bpf_map_update_elem", m, two, v, 1))
	require.Equal(t, codegen.E2BIG.Ret(), w.call("bpf_map_update_elem", m, three, v, 0))
	require.Equal(t, le64(77), w.c.Bytes(w.call("bpf_map_lookup_elem", m, one), 8, true))
	require.Zero(t, w.call("bpf_map_delete_elem", m, one))
	require.Equal(t, codegen.ENOENT.Ret(), w.call("bpf_map_delete_elem", m, one))
	require.Zero(t, w.call("bpf_map_lookup_elem", m, one))
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_map_update_elem", m, 12, v, 0), "no key there")
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_map_delete_elem", 12, one), "no map there")
}

func TestMapsOfCPUs(t *testing.T) {
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Type: 6, KeySize: 4, ValueSize: 8, MaxEntries: 1}).Address()
	key := w.home.Put(le32(0))
	other := w.home.Call(1)
	require.Zero(t, w.on(other, "bpf_map_update_elem", m, key, w.home.Put(le64(5)), 0))
	require.Equal(t, le64(0), w.c.Bytes(w.call("bpf_map_lookup_elem", m, key), 8, false))
	require.Equal(t, le64(5), w.c.Bytes(w.on(other, "bpf_map_lookup_elem", m, key), 8, false))
	require.Equal(t, le64(5), w.c.Bytes(w.call("bpf_map_lookup_percpu_elem", m, key, 1), 8, false))
	require.Zero(t, w.call("bpf_map_lookup_percpu_elem", m, key, 2))
	require.NotZero(t, w.call("bpf_map_lookup_percpu_elem", m, key, 1<<32), "a cpu has 32 bits")
}

func TestQueues(t *testing.T) {
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Type: 22, ValueSize: 4, MaxEntries: 2}).Address()
	out, at := w.room(4)
	require.Equal(t, codegen.ENOENT.Ret(), w.call("bpf_map_pop_elem", m, at))
	for i := range uint32(2) {
		require.Zero(t, w.call("bpf_map_push_elem", m, w.home.Put(le32(i+1)), 0))
	}
	require.Equal(t, codegen.E2BIG.Ret(), w.call("bpf_map_push_elem", m, at, 0))
	require.Zero(t, w.call("bpf_map_push_elem", m, w.home.Put(le32(3)), 2))
	require.Zero(t, w.call("bpf_map_peek_elem", m, at))
	require.Equal(t, le32(2), out)
	require.Zero(t, w.call("bpf_map_pop_elem", m, at))
	require.Zero(t, w.call("bpf_map_pop_elem", m, at))
	require.Equal(t, le32(3), out)
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_map_peek_elem", m, w.home.Constant("abcd")), "a value that cannot be written")
}

// walk collects the keys and values that a loop over a map meets; then is called after each.
func (w *world) walk(m *codegentest.Map, then func(key []byte)) (out []string) {
	_, cursor := w.room(8)
	key, at := w.room(int(m.Spec().KeySize))
	for {
		value := w.call("bpf_next_element", m.Address(), cursor, at)
		if value == 0 {
			return out
		}
		out = append(out, string(key)+string(w.c.Bytes(value, 1, true)))
		then(slices.Clone(key))
	}
}

func TestWalks(t *testing.T) {
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Type: 1, KeySize: 1, ValueSize: 1, MaxEntries: 8})
	nothing := func([]byte) {}
	require.Empty(t, w.walk(m, nothing))
	for _, k := range "cab" {
		m.Update([]byte{byte(k)}, []byte{byte(k) - 32}, 0, 0)
	}
	require.Equal(t, []string{"aA", "bB", "cC"}, w.walk(m, nothing))
	require.Equal(t, []string{"aA", "bB", "cC"}, w.walk(m, func([]byte) { w.walk(m, nothing) }), "one in another")
	require.Equal(t, []string{"aA", "bB", "cC"}, w.walk(m, func(k []byte) { m.Update([]byte{k[0] + 10}, k, 0, 0) }), "what is added is not met")
	require.Equal(t, []string{"aA", "cC", "ka", "lb", "mc"}, w.walk(m, func([]byte) { m.Delete([]byte("b")) }), "what is deleted is not met")
	require.Equal(t, []string{"aA", "cC", "ka", "lb", "mc"}, w.walk(m, func(k []byte) { m.Delete(k) }), "the element itself goes")
	require.Empty(t, w.walk(m, nothing))
}

func TestSpinLocks(t *testing.T) {
	w := open(t, nil)
	_, lock := w.room(4)
	const turns = 500
	n := 0
	var both sync.WaitGroup
	for cpu := range 2 {
		c := w.home.Call(cpu)
		both.Go(func() {
			for range turns {
				w.im.Helpers["bpf_spin_lock"](c, lock, 0, 0, 0, 0)
				n++
				w.im.Helpers["bpf_spin_unlock"](c, lock, 0, 0, 0, 0)
			}
		})
	}
	both.Wait()
	require.Equal(t, 2*turns, n)
}

// A run that ends by a fault gives back its lock and its records.
func TestDoneGivesBack(t *testing.T) {
	w := open(t, nil)
	r := w.home.NewRing(abi.MapSpec{Name: "r", Type: 27, MaxEntries: 4096})
	_, lock := w.room(4)
	require.NotZero(t, w.call("bpf_ringbuf_reserve", r.Address(), 16, 0))
	w.call("bpf_spin_lock", lock)
	w.call("bpf_set_retval", 5)
	require.Equal(t, 1, r.Pending())
	w.im.Done(w.c)
	require.Zero(t, r.Pending())
	require.Empty(t, r.Consume())
	require.Zero(t, w.call("bpf_get_retval"))
	other := w.home.Call(1)
	w.on(other, "bpf_spin_lock", lock)
	w.on(other, "bpf_spin_unlock", lock)
	w.im.Done(other)
}

func TestRings(t *testing.T) {
	w := open(t, nil)
	r := w.home.NewRing(abi.MapSpec{Name: "r", Type: 27, MaxEntries: 4096})
	kept, dropped := w.call("bpf_ringbuf_reserve", r.Address(), 4, 0), w.call("bpf_ringbuf_reserve", r.Address(), 4, 0)
	copy(w.c.Bytes(kept, 4, true), "kept")
	require.Zero(t, w.call("bpf_ringbuf_output", r.Address(), w.home.Put([]byte("whole")), 5, 0))
	w.call("bpf_ringbuf_discard", dropped, 0)
	require.Empty(t, r.Consume(), "the first is not complete")
	w.call("bpf_ringbuf_submit", kept, 0)
	require.Equal(t, [][]byte{[]byte("kept"), []byte("whole")}, r.Consume())
	require.Zero(t, w.call("bpf_ringbuf_reserve", r.Address(), 4, 1), "flags")
	require.Zero(t, w.call("bpf_ringbuf_reserve", r.Address(), 1<<30, 0), "more than a record may have")
	require.Equal(t, codegen.EAGAIN.Ret(), w.call("bpf_ringbuf_output", r.Address(), w.home.Put(make([]byte, 5000)), 5000, 0))
}

func TestPerfOutput(t *testing.T) {
	const current, index, output = 1<<32 - 1, 0, "bpf_perf_event_output"
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Name: "events", Type: 4, KeySize: 4, ValueSize: 4, MaxEntries: 2}).Address()
	data := w.home.Put([]byte("data"))
	require.Zero(t, w.call(output, 0, m, current, data, 4))
	require.Zero(t, w.call(output, 0, m, index, data, 2))
	require.Equal(t, codegen.EOPNOTSUPP.Ret(), w.call(output, 0, m, 1, data, 4), "the event of another CPU")
	require.Equal(t, codegen.E2BIG.Ret(), w.call(output, 0, m, 2, data, 4))
	require.Equal(t, codegen.EINVAL.Ret(), w.call(output, 0, m, 1<<32|current, data, 4), "there is no packet")
	require.Equal(t, codegen.EINVAL.Ret(), w.call(output, 0, m, 1<<52|current, data, 4))
	w.c.Pkt = codegentest.NewPacket([]byte("packet"), 0, 0)
	require.Zero(t, w.call(output, 0, m, 3<<32|current, data, 4))
	require.Equal(t, codegen.EFAULT.Ret(), w.call(output, 0, m, 7<<32|current, data, 4))
	require.Equal(t, []codegen.Record{
		{Helper: output, Map: "events", Key: le32(0), Data: []byte("data")},
		{Helper: output, Map: "events", Key: le32(0), Data: []byte("da")},
		{Helper: output, Map: "events", Key: le32(0), Data: []byte("datapac")},
	}, w.c.Records)
	w.c.Full = true
	require.Equal(t, codegen.ENOSPC.Ret(), w.call(output, 0, m, current, data, 4))
}

func TestTraces(t *testing.T) {
	w := open(t, nil)
	text := func(s string) (addr, size uint64) { return w.home.Constant(s), uint64(len(s)) + 1 }
	f, n := text("%d %s %x\n")
	require.Equal(t, uint64(11), w.call("bpf_trace_printk", f, n, ^uint64(0), w.home.Constant("abcd"), 255))
	f, n = text("%d %d %d %d")
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_trace_printk", f, n), "more than three")
	require.Equal(t, uint64(7), w.call("bpf_trace_vprintk", f, n, w.home.Put(slices.Concat(le64(1), le64(2), le64(3), le64(4))), 32))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_trace_vprintk", f, n, w.home.Put(make([]byte, 32)), 31))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_trace_vprintk", f, n, 0, 32))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_trace_printk", f, n-1), "no zero at the end")
	f, n = text("%2000d")
	require.Equal(t, uint64(2000), w.call("bpf_trace_printk", f, n, 1))
	require.Equal(t, []codegen.Record{
		{Helper: "bpf_trace_printk", Data: []byte("-1 abcd ff\n")},
		{Helper: "bpf_trace_vprintk", Data: []byte("1 2 3 4")},
		{Helper: "bpf_trace_printk", Data: []byte(strings.Repeat(" ", 1023))},
	}, w.c.Records)
}

// Addresses are written as they are, where the kernel would write a hash.
func TestSnprintfWritesAddresses(t *testing.T) {
	w := open(t, nil)
	out, at := w.room(64)
	f := w.home.Constant("%p %pK %pS")
	data := w.home.Put(slices.Concat(le64(0x1234), le64(0xffff888000000000), le64(0xffffffff81000000)))
	n := w.call("bpf_snprintf", at, 64, f, data, 24)
	require.Equal(t, "0000000000001234 ffff888000000000 0xffffffff81000000\x00", string(out[:n]))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_snprintf", at, 64, w.home.Constant("%d"), 0, 0))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_snprintf", at, 64, 3, 0, 0), "no format there")
	huge := w.home.Constant("%999999999999d")
	require.Equal(t, uint64(1<<31), w.call("bpf_snprintf", at, 64, huge, data, 8), "no time is spent on what does not fit")
}

// A dynptr of a packet reads what the packet is now.
func TestDynptrsOfPackets(t *testing.T) {
	w := open(t, nil)
	w.c.Pkt = codegentest.NewPacket([]byte("abcdefgh"), 8, 8)
	place, d := w.room(codegen.DynptrBytes)
	codegen.Dynptr{Data: 1, Size: 8, Kind: abi.DynptrPacket, WriteFlags: 3}.Put(place)
	out, at := w.room(4)
	require.Zero(t, w.call("bpf_dynptr_read", at, 4, d, 2, 0))
	require.Equal(t, "cdef", string(out))
	require.Zero(t, w.call("bpf_dynptr_write", d, 0, at, 4, 3))
	require.Equal(t, "cdefefgh", string(w.c.Pkt.Bytes()))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_dynptr_write", d, 0, at, 4, 4))
	require.Equal(t, w.c.Pkt.Address()+5, w.call("bpf_dynptr_slice", d, 5, 0, 3))
	require.Zero(t, w.call("bpf_dynptr_data", d, 0, 4))
	require.True(t, w.c.Pkt.MoveEnd(-2))
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_dynptr_read", at, 4, d, 4, 0), "the packet has become shorter")
	codegen.Dynptr{Data: 1, Size: 8, Kind: abi.DynptrPacket, ReadOnly: true}.Put(place)
	require.Equal(t, uint64(1), w.call("bpf_dynptr_is_rdonly", d))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_dynptr_write", d, 0, at, 4, 0))
	require.Zero(t, w.call("bpf_dynptr_slice_rdwr", d, 0, 0, 2))
	require.NotZero(t, w.call("bpf_dynptr_slice", d, 0, 0, 2))
}

// What a helper is given that is not there is an error, never a crash: each helper with nonsense for all arguments.
func TestNonsenseIsAnError(t *testing.T) {
	w := open(t, nil)
	m := w.home.NewMap(abi.MapSpec{Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 2}).Address()
	_, small := w.room(3)
	for name := range w.im.Helpers {
		for _, a := range []uint64{0, 1, m, small, w.home.Constant("%s"), 1 << 40, ^uint64(0)} {
			for _, b := range []uint64{0, 1, m, small, 1 << 40, ^uint64(0)} {
				w.call(name, a, b, a, b, a)
				w.call(name, b, a, a, a, b)
				w.call(name, m, b, b, a, a)
			}
		}
		w.im.Done(w.c)
	}
}
