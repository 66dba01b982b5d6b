package tracing_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// world is the set in a home, with a run.
type world struct {
	t    *testing.T
	home *codegentest.Home
	im   codegen.Implementation
	c    *codegentest.Call
}

func open(t *testing.T, parts map[string]string) *world {
	w := &world{t: t, home: &codegentest.Home{Parts: parts}}
	var err error
	w.im, err = tracing.Implement(w.home)
	require.NoError(t, err)
	w.c = w.home.Call(0)
	return w
}

func (w *world) call(name string, args ...uint64) uint64 {
	var a [5]uint64
	copy(a[:], args)
	f := w.im.Helpers[name]
	require.NotNil(w.t, f, name)
	return f(w.c, a[0], a[1], a[2], a[3], a[4])
}

func (w *world) room(n int) ([]byte, uint64) {
	mem, addr, err := w.home.Alloc(n)
	require.NoError(w.t, err)
	copy(mem, slices.Repeat([]byte{0xff}, n))
	return mem, addr
}

// words64 is numbers of 8 bytes.
func words64(list ...uint64) (out []byte) {
	for _, v := range list {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return out
}

// What runs is declared, for every type, and what is declared as running runs.
func TestTablesAndDeclarationsAgree(t *testing.T) {
	w, set := open(t, nil), tracing.Set()
	declared := slices.Clone(set.Helpers)
	for name := range w.im.Helpers {
		require.NotNil(t, set.HelperByName(name), name)
	}
	for i := range set.Types {
		declared = append(declared, set.Types[i].Variants...)
	}
	for _, h := range declared {
		require.Equal(t, h.Impl == abi.ImplGo, w.im.Helpers[h.Name] != nil, h.Name)
	}
}

const twoStacks = `{"kernel": ["0xffffffff81000001", "0xffffffff81000002", "0xffffffff81000003"], "user": [4096, 8192]}`

const (
	frame1, frame2, frame3 = 0xffffffff81000001, 0xffffffff81000002, 0xffffffff81000003
	ofUser                 = 1 << 8
	reuse                  = 1 << 10
	buildIDs               = 1 << 11
)

func TestStacks(t *testing.T) {
	w := open(t, map[string]string{"stacks": twoStacks})
	buf, at := w.room(64)
	for _, name := range []string{"bpf_get_stack", "bpf_get_task_stack"} {
		for _, c := range []struct {
			size, flags, want uint64
			bytes             []byte
		}{
			{40, 0, 24, words64(frame1, frame2, frame3, 0, 0)},
			{16, 0, 16, words64(frame1, frame2)},
			{16, 2, 8, words64(frame3, 0)},
			{16, 3, 0, words64(0, 0)},
			{16, 4, codegen.EFAULT.Ret(), words64(0, 0)},
			{16, ofUser, 16, words64(4096, 8192)},
			{12, 0, codegen.EINVAL.Ret(), make([]byte, 12)},
			{16, buildIDs, codegen.EINVAL.Ret(), words64(0, 0)},
			{32, buildIDs | ofUser | 1, 32, words64(2, 0, 0, 8192)},
			{16, 1 << 12, codegen.EINVAL.Ret(), words64(0, 0)},
			{0, 0, 0, nil},
		} {
			copy(buf, slices.Repeat([]byte{0xff}, 64))
			require.Equal(t, c.want, w.call(name, 0, at, c.size, c.flags), "%s %+v", name, c)
			require.Equal(t, append(c.bytes, 0xff), buf[:len(c.bytes)+1], "%s %+v", name, c)
		}
	}
	require.Equal(t, codegen.EFAULT.Ret(), open(t, nil).call("bpf_get_stack", 0, 0, 0, 0), "there is no stack")
}

func TestStackIDs(t *testing.T) {
	w := open(t, map[string]string{"stacks": twoStacks})
	m := w.home.NewStackTrace(abi.MapSpec{Type: 7, KeySize: 4, ValueSize: 16, MaxEntries: 3})
	require.Equal(t, uint64(5), w.call("bpf_get_stackid", 0, m.Address(), 0))
	require.Equal(t, []uint64{frame1, frame2}, m.Stack, "as many as a value has room for")
	require.Equal(t, uint64(5), w.call("bpf_get_stackid", 0, m.Address(), 0), "the same stack")
	require.Equal(t, codegen.EEXIST.Ret(), w.call("bpf_get_stackid", 0, m.Address(), 1), "another stack is there")
	require.Equal(t, uint64(5), w.call("bpf_get_stackid", 0, m.Address(), reuse|1))
	require.Equal(t, []uint64{frame2, frame3}, m.Stack)
	require.Equal(t, uint64(5), w.call("bpf_get_stackid", 0, m.Address(), reuse|ofUser))
	require.Equal(t, []uint64{4096, 8192}, m.Stack)
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_get_stackid", 0, m.Address(), 3), "all frames are skipped")
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_get_stackid", 0, m.Address(), buildIDs))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_get_stackid", 0, 1, 0), "no map there")
	ids := w.home.NewStackTrace(abi.MapSpec{Type: 7, KeySize: 4, ValueSize: 64, MaxEntries: 3, Flags: 1 << 5})
	w.call("bpf_get_stackid", 0, ids.Address(), 0)
	require.Equal(t, []uint64{frame1, frame2}, ids.Stack, "32 bytes for each")
}

func TestCounters(t *testing.T) {
	w := open(t, map[string]string{"perf": `[{"map": "events", "index": 0, "counter": 7, "enabled": 8, "running": 9}, {"counter": 1}]`})
	m := w.home.NewMap(abi.MapSpec{Name: "events", Type: 4, KeySize: 4, ValueSize: 4, MaxEntries: 2}).Address()
	const current = 1<<32 - 1
	require.Equal(t, uint64(7), w.call("bpf_perf_event_read", m, current))
	require.Equal(t, codegen.ENOENT.Ret(), w.call("bpf_perf_event_read", m, 1))
	require.Equal(t, codegen.E2BIG.Ret(), w.call("bpf_perf_event_read", m, 2))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_perf_event_read", m, 1<<32))
	buf, at := w.room(32)
	require.Zero(t, w.call("bpf_perf_event_read_value", m, 0, at, 24))
	require.Equal(t, words64(7, 8, 9, ^uint64(0)), buf)
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_perf_event_read_value", m, 0, at, 16))
	require.Equal(t, words64(0, 0, 9, ^uint64(0)), buf)
	require.Zero(t, w.call("bpf_perf_prog_read_value", 0, at, 24))
	require.Equal(t, words64(1, 0, 0, ^uint64(0)), buf)
	require.Equal(t, codegen.EINVAL.Ret(), open(t, nil).call("bpf_perf_prog_read_value", 0, at, 24))
}

func TestEffects(t *testing.T) {
	w := open(t, nil)
	w.c.Ctx = make([]byte, 168)
	require.Zero(t, w.call("bpf_send_signal", 9))
	require.Zero(t, w.call("bpf_send_signal_thread", 1<<32|64))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_send_signal", 65))
	require.Zero(t, w.call("bpf_override_return", 0, codegen.EPERM.Ret()))
	require.Equal(t, words64(0, codegen.EPERM.Ret(), 0), w.c.Ctx[72:96], "rax")
	require.Equal(t, []codegen.Record{
		{Helper: "bpf_send_signal", Args: []uint64{9}},
		{Helper: "bpf_send_signal_thread", Args: []uint64{64}},
		{Helper: "bpf_override_return", Args: []uint64{codegen.EPERM.Ret()}},
	}, w.c.Records)
	w.c.Full = true
	require.Equal(t, codegen.EBUSY.Ret(), w.call("bpf_send_signal", 9))
}

func TestCopies(t *testing.T) {
	w := open(t, map[string]string{"memory": `[{"address": 4096, "text": "abc"}, {"address": "0xffff888000001000", "text": "kernel"}]`})
	buf, at := w.room(8)
	require.Zero(t, w.call("bpf_copy_from_user", at, 4, 4096))
	require.Equal(t, "abc\x00\xff", string(buf[:5]))
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_copy_from_user", at, 5, 4096))
	require.Equal(t, "\x00\x00\x00\x00\x00\xff", string(buf[:6]))
	require.Equal(t, codegen.EFAULT.Ret(), w.call("bpf_copy_from_user", at, 4, 0xffff888000001000))
	require.Zero(t, w.call("bpf_copy_from_user_task", at, 3, 4097, 1, 0))
	require.Equal(t, "bc\x00", string(buf[:3]))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_copy_from_user_task", at, 3, 4097, 1, 1))
}

// The tables of 2014 go by their number.
func TestTables(t *testing.T) {
	w := open(t, nil)
	w.home.NewMap(abi.MapSpec{Type: 1, KeySize: 8, ValueSize: 8, MaxEntries: 4})
	key, value := w.home.Put(words64(5)), w.home.Put(words64(0))
	require.Zero(t, w.call("tracing/bpf_table_lookup", 0, 0, key))
	require.Zero(t, w.call("tracing/bpf_table_update", 0, 0, key, value))
	found := w.call("tracing/bpf_table_lookup", 0, 0, key)
	require.NotZero(t, found)
	w.c.Bytes(found, 8, true)[0]++
	require.Equal(t, words64(1), w.c.Bytes(w.call("tracing/bpf_table_lookup", 0, 0, key), 8, false))
	require.Zero(t, w.call("tracing/bpf_table_lookup", 0, 1, key), "there is no such table")
	require.Equal(t, codegen.EFAULT.Ret(), w.call("tracing/bpf_table_update", 0, 0, 1, value), "no key there")
}

func TestEnvironmentsAreChecked(t *testing.T) {
	for _, c := range []struct{ part, json, want string }{
		{"stacks", `{"kernel": ["x"]}`, `"x" is no number`},
		{"stacks", `{"Kernle": []}`, `unknown field "Kernle"`},
		{"perf", `{}`, "it must be something else than object"},
		{"memory", `[{"text": "x"}, {"text": "y"}]`, "the block at 0x0 reaches into"},
	} {
		_, err := tracing.Implement(&codegentest.Home{Parts: map[string]string{c.part: c.json}})
		require.ErrorContains(t, err, `environment: part "`+c.part+`": `)
		require.ErrorContains(t, err, c.want, c.json)
	}
}

// What a helper is given that is not there is an error, never a crash.
func TestNonsenseIsAnError(t *testing.T) {
	w := open(t, map[string]string{"stacks": twoStacks})
	m := w.home.NewMap(abi.MapSpec{Type: 7, KeySize: 4, ValueSize: 16, MaxEntries: 2}).Address()
	_, small := w.room(3)
	for name := range w.im.Helpers {
		for _, a := range []uint64{0, 1, m, small, 1 << 40, ^uint64(0)} {
			for _, b := range []uint64{0, 1, m, small, 1 << 40, ^uint64(0)} {
				w.call(name, a, b, a, b, a)
				w.call(name, b, a, a, a, b)
				w.call(name, m, b, b, a, a)
			}
		}
	}
}
