package tracing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

func TestSectionsNameTheirTypes(t *testing.T) {
	set := tracing.Set()
	for section, want := range map[string]string{
		"kprobe": "kprobe", "kprobe/do_sys_open": "kprobe", "kretprobe/do_sys_open+0x10": "kprobe", "ksyscall/open": "kprobe", "kretsyscall/open": "kprobe",
		"uprobe//bin/sh:main": "kprobe", "uretprobe": "kprobe", "usdt": "kprobe", "usdt/libc.so.6:libc:setjmp": "kprobe",
		"kprobe.multi/tcp_*": "kprobe.multi", "kretprobe.multi": "kprobe.multi", "kprobe.session/x": "kprobe.session",
		"uprobe.s//bin/sh:main": "uprobe.s", "uretprobe.s": "uprobe.s", "usdt.s": "uprobe.s",
		"uprobe.multi": "uprobe.multi", "uretprobe.multi/a": "uprobe.multi", "uprobe.multi.s/a": "uprobe.multi.s",
		"uprobe.session": "uprobe.session", "uprobe.session.s/a": "uprobe.session.s",
		"tracepoint/syscalls/sys_enter_open": "tracepoint", "tp/sched/sched_switch": "tracepoint", "tp": "tracepoint",
		"raw_tp/sys_enter": "raw_tracepoint", "raw_tracepoint/sys_enter": "raw_tracepoint", "raw_tp.w/x": "raw_tracepoint.w",
		"perf_event": "perf_event", "perf_event/cpu": "perf_event", "syscall": "syscall",
		"e skb:kfree_skb": "tracefilter", "events/skb/kfree_skb": "tracefilter", "tracefilter": "tracefilter",
		"tp_btf/sched_switch": "tp_btf", "fentry/x": "fentry", "fentry.s/x": "fentry", "fexit": "fexit", "fmod_ret/x": "fmod_ret",
		"iter/task": "iter", "iter.s/task": "iter", "lsm/file_open": "lsm", "lsm.s/bpf": "lsm", "lsm_cgroup/bpf": "lsm_cgroup",
		"struct_ops/init": "struct_ops", "struct_ops.s": "struct_ops", "freplace/f": "ext", "lirc_mode2": "lirc_mode2", "netfilter": "",
		"kprobes": "", "kprobe.x": "", "tracing": "", "xdp": "", "tc": "", "events": "",
	} {
		typ, ok := set.SectionType(section)
		require.Equal(t, want != "", ok, section)
		require.Equal(t, want, typ.Name, section)
	}
}

func TestSetIsTheCallers(t *testing.T) {
	a := tracing.Set()
	a.Types[0].Helpers[0], a.Types[0].Context.Fields[0].Name, a.Helpers[0].Name = "changed", "changed", "changed"
	b := tracing.Set()
	require.NotEqual(t, "changed", b.Types[0].Helpers[0])
	require.NotEqual(t, "changed", b.Types[0].Context.Fields[0].Name)
	require.NotEqual(t, "changed", b.Helpers[0].Name)
}

func TestSetIsSound(t *testing.T) {
	require.NoError(t, abi.Check(tracing.Set()))
	_, err := abi.Merge(tracing.Set())
	require.NoError(t, err)
}

func TestUndecidedTypesSayWhy(t *testing.T) {
	for _, typ := range tracing.Set().Types {
		require.Equal(t, typ.Unsupported == "", !typ.Context.Opaque, typ.Name)
	}
}
