package base_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/plugins/helpers/base"
)

// results calls helpers without arguments.
func (w *world) results(names ...string) (out []uint64) {
	for _, n := range names {
		out = append(out, w.call(n))
	}
	return out
}

var clocks = []string{"bpf_ktime_get_ns", "bpf_ktime_get_boot_ns", "bpf_ktime_get_tai_ns", "bpf_ktime_get_coarse_ns", "bpf_jiffies64"}

func TestClocks(t *testing.T) {
	w := open(t, nil)
	require.Equal(t, []uint64{1000e9, 1000e9, 1_735_689_637e9, 1000e9, 1<<32 - 300*250 + 250_000}, w.results(clocks...), "the default")
	require.Equal(t, w.results(clocks...), w.results(clocks...), "it stands still")
	w = open(t, map[string]string{"clock": `{"ktime": 10000001, "boot_offset": 5, "tai_offset": 7, "hz": 1000, "step": 500000}`})
	require.Equal(t, []uint64{10_000_001, 10_500_006, 11_000_008, 11_000_000, 1<<32 - 300_000 + 12}, w.results(clocks...))
}

func TestRandomNumbersFollowFromTheSeed(t *testing.T) {
	draw := func(w *world, cpu int) (out []uint64) {
		for range 8 {
			out = append(out, w.on(w.home.Call(cpu), "bpf_get_prandom_u32"))
		}
		return out
	}
	first := draw(open(t, nil), 0)
	require.Equal(t, first, draw(open(t, map[string]string{"seed": "1"}), 0))
	require.Equal(t, []uint64{0xbfef8030, 0x5f552ce4, 0x70335fc3}, first[:3])
	require.NotEqual(t, first, draw(open(t, nil), 1), "of another CPU")
	require.NotEqual(t, first, draw(open(t, map[string]string{"seed": `"0x2"`}), 0))
	seen := map[uint64]bool{}
	for _, v := range first {
		require.Less(t, v, uint64(1<<32))
		seen[v] = true
	}
	require.Len(t, seen, 8)
}

func TestPlaces(t *testing.T) {
	w := open(t, map[string]string{"numa": "[3]"})
	other := w.home.Call(1)
	require.Equal(t, []uint64{0, 3, 1, 0}, []uint64{w.call("bpf_get_smp_processor_id"), w.call("bpf_get_numa_node_id"),
		w.on(other, "bpf_get_smp_processor_id"), w.on(other, "bpf_get_numa_node_id")})
}

const twoTasks = `[{"pid": 7, "tgid": 5, "uid": 1, "gid": 2, "comm": "a rather long name", "cgroups": [1, 20, 300], "classid": 65537,
	"namespace": {"dev": 4, "ino": 99, "pid": 2, "tgid": 1}, "address": "0xffff888000001000"},
	{"cpu": 1, "pid": 8}]`

func TestTasks(t *testing.T) {
	w := open(t, map[string]string{"tasks": twoTasks})
	require.Equal(t, []uint64{5<<32 | 7, 2<<32 | 1, 0xffff888000001000, 0xffff888000001000, 300, 65537},
		w.results("bpf_get_current_pid_tgid", "bpf_get_current_uid_gid", "bpf_get_current_task", "bpf_get_current_task_btf", "bpf_get_current_cgroup_id", "bpf_get_cgroup_classid"))
	require.Equal(t, uint64(8<<32|8), w.on(w.home.Call(1), "bpf_get_current_pid_tgid"))
	require.Equal(t, uint64(1), w.on(w.home.Call(1), "bpf_get_current_cgroup_id"))
	for level, id := range map[uint64]uint64{0: 1, 1: 20, 2: 300, 3: 0, 1<<32 - 1: 0} {
		require.Equal(t, id, w.call("bpf_get_current_ancestor_cgroup_id", level), level)
	}
	buf, at := w.room(16)
	copy(buf, slices.Repeat([]byte{0xff}, 16))
	require.Zero(t, w.call("bpf_get_current_comm", at, 16))
	require.Equal(t, "a rather long n\x00", string(buf))
	require.Zero(t, w.call("bpf_get_current_comm", at, 4))
	require.Equal(t, "a r\x00", string(buf[:4]))
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_get_current_comm", at, 0))
	require.Equal(t, uint64(1000<<32|1000), open(t, nil).call("bpf_get_current_pid_tgid"), "the default")
}

func TestNamespaces(t *testing.T) {
	w := open(t, map[string]string{"tasks": twoTasks})
	info, at := w.room(8)
	require.Zero(t, w.call("bpf_get_ns_current_pid_tgid", 4, 99, at, 8))
	require.Equal(t, slices.Concat(le32(2), le32(1)), info)
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_get_ns_current_pid_tgid", 4, 98, at, 8))
	require.Zero(t, info[0], "what it leaves is 0")
	require.Equal(t, codegen.EINVAL.Ret(), w.call("bpf_get_ns_current_pid_tgid", 4, 99, at, 4))
}

func TestGroups(t *testing.T) {
	w := open(t, map[string]string{"tasks": twoTasks})
	m := w.home.NewMap(abi.MapSpec{Type: 8, KeySize: 4, ValueSize: 4, MaxEntries: 3})
	m.Update(le32(0), le32(20), 0, 0)
	m.Update(le32(1), le32(21), 0, 0)
	for index, want := range map[uint64]uint64{0: 1, 1: 0, 2: codegen.EAGAIN.Ret(), 3: codegen.E2BIG.Ret()} {
		require.Equal(t, want, w.call("bpf_current_task_under_cgroup", m.Address(), index), index)
	}
}

func TestRetval(t *testing.T) {
	w := open(t, nil)
	require.Zero(t, w.call("bpf_get_retval"))
	require.Zero(t, w.call("bpf_set_retval", uint64(uint32(1<<32-13))))
	require.Equal(t, codegen.EACCES.Ret(), w.call("bpf_get_retval"))
	require.Equal(t, []codegen.Record{{Helper: "bpf_set_retval", Args: []uint64{codegen.EACCES.Ret()}}}, w.c.Records)
}

const someMemory = `[{"address": 4096, "text": "in a process"}, {"address": "0xffff888000001000", "hex": "01 02 03 04"},
	{"address": "0xffff888000001004", "hex": "0506 6100"}]`

func TestProbes(t *testing.T) {
	w := open(t, map[string]string{"memory": someMemory})
	const process, kernel = 4096, 0xffff888000001000
	buf, at := w.room(32)
	for _, c := range []struct {
		name       string
		size, addr uint64
		want       uint64
		text       string
	}{
		{"bpf_probe_read_kernel", 8, kernel, 0, "\x01\x02\x03\x04\x05\x06a\x00"},
		{"bpf_probe_read_kernel", 9, kernel, codegen.EFAULT.Ret(), "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"bpf_probe_read_kernel", 4, process, codegen.ERANGE.Ret(), "\x00\x00\x00\x00"},
		{"bpf_probe_read_user", 4, process + 5, 0, "proc"},
		{"bpf_probe_read_user", 4, kernel, codegen.EFAULT.Ret(), "\x00\x00\x00\x00"},
		{"bpf_probe_read", 4, process, 0, "in a"},
		{"bpf_probe_read", 2, kernel + 2, 0, "\x03\x04"},
		{"bpf_probe_read_kernel_str", 9, kernel, 8, "\x01\x02\x03\x04\x05\x06a\x00\xff"},
		{"bpf_probe_read_kernel_str", 4, kernel, 4, "\x01\x02\x03\x00\xff"},
		{"bpf_probe_read_user_str", 32, process, 13, "in a process\x00\xff"},
		{"bpf_probe_read_str", 32, process, 13, "in a process\x00\xff"},
		{"bpf_probe_read_str", 5, kernel + 6, 2, "a\x00\xff"},
		{"bpf_probe_read_user_str", 4, process - 1, codegen.EFAULT.Ret(), "\x00\x00\x00\x00\xff"},
	} {
		copy(buf, slices.Repeat([]byte{0xff}, 32))
		require.Equal(t, c.want, w.call(c.name, at, c.size, c.addr), c)
		require.Equal(t, c.text, string(buf[:len(c.text)]), c)
	}
}

// A wrong environment is refused with the part and what is wrong with it.
func TestEnvironmentsAreChecked(t *testing.T) {
	for _, c := range []struct{ part, json, want string }{
		{"clock", `{"ktme": 1}`, `part "clock": unknown field "ktme"`},
		{"clock", `{"hz": 0}`, "hz is 0"},
		{"clock", `{"hz": "x"}`, "hz must be something else than string"},
		{"clock", `[]`, "it must be something else than array"},
		{"clock", `{`, "the JSON ends too early"},
		{"clock", `{} {}`, "more than one value"},
		{"seed", `-1`, "-1 is no number from 0"},
		{"seed", `"x"`, `"x" is no number`},
		{"numa", `{}`, `part "numa"`},
		{"tasks", `[{"cpu": 2}]`, "task 0 runs on cpu 2; there are 2"},
		{"tasks", `[{"cpu": 0}, {"cpu": 0}]`, "two tasks run on cpu 0"},
		{"tasks", `[{"cpu": 0}]`, "no task runs on cpu 1"},
		{"tasks", `[{}, {}]`, "two tasks without a cpu"},
		{"tasks", `[{"name": "x"}]`, `unknown field "name"`},
		{"memory", `[{"address": 1, "hex": "0"}]`, `"0" is no string of hexadecimal digits`},
		{"memory", `[{"address": 1, "hex": 0}]`, "0 is no string of hexadecimal digits"},
		{"memory", `[{"address": 1, "hex": "00", "text": "x"}]`, "both hex and text"},
		{"memory", `[{"address": 2, "text": "x"}, {"address": 1, "text": "x"}]`, "the block at 0x1 reaches into"},
		{"memory", `[{"address": "0xffffffffffffffff", "text": "x"}]`, "reaches into"},
	} {
		_, err := base.Implement(&codegentest.Home{N: 2, Parts: map[string]string{c.part: c.json}})
		require.ErrorContains(t, err, c.want, c.json)
		require.ErrorContains(t, err, `environment: part "`+c.part+`": `)
	}
}
