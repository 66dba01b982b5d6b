package base

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
)

type (
	args     = [5]abi.ArgKind
	receives = [5]abi.CallbackArg
)

// Flags that many helpers have.
const (
	every  = abi.FlagAnyType
	gpl    = abi.FlagGPL
	packet = abi.FlagPacket
)

// internal is the beginning of the numbers of helpers that only compilers call: Linux has no such numbers.
const internal = 0xbf << 24

// Structures of the kernel whose fields nothing describes.
const (
	task      = "task_struct"
	registers = "pt_regs" // of a task; the context of a probe has its own description
	cgroup    = "cgroup"
	kptr      = "kptr"   // whatever a pointer in a map leads to
	perCPUVar = "percpu" // a variable of the kernel that every CPU has
)

// helpers is every helper of the set. Numbers, names and C prototypes are those
// of include/uapi/linux/bpf.h; kinds and flags are those that Linux 6.18 enforces
// (the bpf_*_proto variables of kernel/bpf/helpers.c, kernel/bpf/ringbuf.c,
// kernel/bpf/bpf_task_storage.c and kernel/trace/bpf_trace.c). What every type may
// call is what bpf_base_func_proto offers; the others are named by the types that may.
func helpers() []abi.Helper {
	all := slices.Concat(mapHelpers(), clockHelpers(), textHelpers(), controlHelpers(), ringHelpers(), dynptrHelpers(), taskHelpers(), functions())
	runs := new(session).tables()
	for i := range all {
		if runs[all[i].Name] != nil {
			all[i].Impl = abi.ImplGo
		}
		if x, ok := expanded[all[i].Name]; ok {
			all[i].Intrinsic, all[i].With = x.as, x.with
			all[i].Impl = max(all[i].Impl, abi.ImplIntrinsic)
		}
	}
	return all
}

// expanded are the helpers whose meaning compilers know.
var expanded = map[string]struct {
	as   abi.Intrinsic
	with string
}{
	"bpf_map_lookup_elem":      {as: abi.IntrinsicMapLookup},
	"bpf_tail_call":            {as: abi.IntrinsicTailCall},
	"bpf_loop":                 {as: abi.IntrinsicLoop},
	"bpf_for_each_map_elem":    {abi.IntrinsicForEach, nextElement},
	"bpf_get_smp_processor_id": {as: abi.IntrinsicCPU},
	"bpf_map_update_elem":      {as: abi.IntrinsicMapUpdate},
	"bpf_get_prandom_u32":      {as: abi.IntrinsicRandom},
}

// mapHelpers look up, change and walk maps.
func mapHelpers() []abi.Helper {
	oneOrZero := abi.Range{Max: 1}
	return []abi.Helper{
		{ID: 1, Name: "bpf_map_lookup_elem", Args: args{abi.ArgConstMap, abi.ArgMapKey}, Ret: abi.RetMapValueOrNull, Flags: every | packet,
			C: "void *bpf_map_lookup_elem(void *map, const void *key)"},
		{ID: 2, Name: "bpf_map_update_elem", Args: args{abi.ArgConstMap, abi.ArgMapKey, abi.ArgMapValue, abi.ArgAny}, Flags: every | packet,
			C: "long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)"},
		{ID: 3, Name: "bpf_map_delete_elem", Args: args{abi.ArgConstMap, abi.ArgMapKey}, Flags: every | packet,
			C: "long bpf_map_delete_elem(void *map, const void *key)"},
		{ID: 87, Name: "bpf_map_push_elem", Args: args{abi.ArgConstMap, abi.ArgMapValue, abi.ArgAny}, Flags: every | packet,
			C: "long bpf_map_push_elem(void *map, const void *value, __u64 flags)"},
		{ID: 88, Name: "bpf_map_pop_elem", Args: args{abi.ArgConstMap, abi.ArgMapValueOut}, Flags: every,
			C: "long bpf_map_pop_elem(void *map, void *value)"},
		{ID: 89, Name: "bpf_map_peek_elem", Args: args{abi.ArgConstMap, abi.ArgMapValueOut}, Flags: every,
			C: "long bpf_map_peek_elem(void *map, void *value)"},
		{ID: 195, Name: "bpf_map_lookup_percpu_elem", Args: args{abi.ArgConstMap, abi.ArgMapKey, abi.ArgAny}, Ret: abi.RetMapValueOrNull, Flags: every | packet,
			C: "void *bpf_map_lookup_percpu_elem(void *map, const void *key, __u32 cpu)"},
		{ID: 164, Name: "bpf_for_each_map_elem", Args: args{abi.ArgConstMap, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgAny}, Flags: every, Callback: &abi.Callback{Args: receives{abi.CbMap, abi.CbMapKey, abi.CbMapValue, abi.CbCtx}, Returns: oneOrZero, Many: true},
			C: "long bpf_for_each_map_elem(void *map, void *callback_fn, void *callback_ctx, __u64 flags)"},
		{ID: 12, Name: "bpf_tail_call", Args: args{abi.ArgCtx, abi.ArgConstMap, abi.ArgAny}, Ret: abi.RetVoid, Flags: every | abi.FlagTailCall,
			C: "long bpf_tail_call(void *ctx, void *prog_array_map, __u32 index)"},
		{ID: 156, Name: "bpf_task_storage_get", Args: args{abi.ArgConstMap, abi.ArgStructOrNull, abi.ArgMapValueOrNull, abi.ArgAny}, Structs: [5]string{1: task}, Ret: abi.RetMapValueOrNull, Flags: every,
			C: "void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags)"},
		{ID: 157, Name: "bpf_task_storage_delete", Args: args{abi.ArgConstMap, abi.ArgStructOrNull}, Structs: [5]string{1: task}, Flags: every,
			C: "long bpf_task_storage_delete(void *map, struct task_struct *task)"},
		{ID: 210, Name: "bpf_cgrp_storage_get", Args: args{abi.ArgConstMap, abi.ArgStructOrNull, abi.ArgMapValueOrNull, abi.ArgAny}, Structs: [5]string{1: cgroup}, Ret: abi.RetMapValueOrNull, Flags: every,
			C: "void *bpf_cgrp_storage_get(void *map, struct cgroup *cgroup, void *value, __u64 flags)"},
		{ID: 211, Name: "bpf_cgrp_storage_delete", Args: args{abi.ArgConstMap, abi.ArgStructOrNull}, Structs: [5]string{1: cgroup}, Flags: every,
			C: "long bpf_cgrp_storage_delete(void *map, struct cgroup *cgroup)"},
		// For loops that compilers make of bpf_for_each_map_elem.
		{ID: internal | 1, Name: nextElement, Flags: abi.FlagInternal, Args: args{abi.ArgConstMap, abi.ArgFixedMemWrite, abi.ArgMapKey}, Sizes: [5]uint32{1: 8}, Ret: abi.RetMapValueOrNull,
			C: "void *bpf_next_element(void *map, __u64 *cursor, void *key)"},
		{ID: 37, Name: "bpf_current_task_under_cgroup", Args: args{abi.ArgConstMap, abi.ArgAny}, Flags: every,
			C: "long bpf_current_task_under_cgroup(void *map, __u32 index)"},
	}
}

// clockHelpers tell time, chance and place, and set timers.
func clockHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 5, Name: "bpf_ktime_get_ns", Flags: every,
			C: "__u64 bpf_ktime_get_ns(void)"},
		{ID: 125, Name: "bpf_ktime_get_boot_ns", Flags: every,
			C: "__u64 bpf_ktime_get_boot_ns(void)"},
		{ID: 160, Name: "bpf_ktime_get_coarse_ns",
			C: "__u64 bpf_ktime_get_coarse_ns(void)"},
		{ID: 208, Name: "bpf_ktime_get_tai_ns", Flags: every,
			C: "__u64 bpf_ktime_get_tai_ns(void)"},
		{ID: 118, Name: "bpf_jiffies64", Flags: every,
			C: "__u64 bpf_jiffies64(void)"},
		{ID: 7, Name: "bpf_get_prandom_u32", Flags: every,
			C: "__u32 bpf_get_prandom_u32(void)"},
		{ID: 8, Name: "bpf_get_smp_processor_id", Flags: every | abi.FlagFastcall,
			C: "__u32 bpf_get_smp_processor_id(void)"},
		{ID: 42, Name: "bpf_get_numa_node_id", Flags: every,
			C: "long bpf_get_numa_node_id(void)"},
		{ID: 169, Name: "bpf_timer_init", Args: args{abi.ArgTimer, abi.ArgConstMap, abi.ArgAny}, Flags: every | gpl,
			C: "long bpf_timer_init(struct bpf_timer *timer, void *map, __u64 flags)"},
		{ID: 170, Name: "bpf_timer_set_callback", Args: args{abi.ArgTimer, abi.ArgFunc}, Flags: every | gpl, Callback: &abi.Callback{Args: receives{abi.CbMap, abi.CbMapKey, abi.CbMapValue}, Returns: abi.Range{Zero: true}, Async: true},
			C: "long bpf_timer_set_callback(struct bpf_timer *timer, void *callback_fn)"},
		{ID: 171, Name: "bpf_timer_start", Args: args{abi.ArgTimer, abi.ArgAny, abi.ArgAny}, Flags: every | gpl,
			C: "long bpf_timer_start(struct bpf_timer *timer, __u64 nsecs, __u64 flags)"},
		{ID: 172, Name: "bpf_timer_cancel", Args: args{abi.ArgTimer}, Flags: every | gpl,
			C: "long bpf_timer_cancel(struct bpf_timer *timer)"},
	}
}

// textHelpers print and parse text. What trace_printk prints beyond its format is not checked.
func textHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 6, Name: "bpf_trace_printk", Args: args{abi.ArgMem, abi.ArgSize}, Flags: every | gpl,
			C: "long bpf_trace_printk(const char *fmt, __u32 fmt_size, ...)"},
		{ID: 177, Name: "bpf_trace_vprintk", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgMemOrNull, abi.ArgSizeOrZero}, Flags: every | gpl,
			C: "long bpf_trace_vprintk(const char *fmt, __u32 fmt_size, const void *data, __u32 data_len)"},
		{ID: 165, Name: "bpf_snprintf", Args: args{abi.ArgMemWriteOrNull, abi.ArgSizeOrZero, abi.ArgConstString, abi.ArgMemOrNull, abi.ArgSizeOrZero}, Flags: every | gpl,
			C: "long bpf_snprintf(char *str, __u32 str_size, const char *fmt, __u64 *data, __u32 data_len)"},
		{ID: 105, Name: "bpf_strtol", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{3: 8}, Flags: every,
			C: "long bpf_strtol(const char *buf, unsigned long buf_len, __u64 flags, long *res)"},
		{ID: 106, Name: "bpf_strtoul", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{3: 8}, Flags: every,
			C: "long bpf_strtoul(const char *buf, unsigned long buf_len, __u64 flags, unsigned long *res)"},
		{ID: 182, Name: "bpf_strncmp", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgConstString}, Flags: every,
			C: "long bpf_strncmp(const char *s1, __u32 s1_sz, const char *s2)"},
	}
}

// controlHelpers run a function many times, and hold locks.
func controlHelpers() []abi.Helper {
	oneOrZero := abi.Range{Max: 1}
	return []abi.Helper{
		{ID: 181, Name: "bpf_loop", Args: args{abi.ArgAny, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgAny}, Flags: every, Callback: &abi.Callback{Args: receives{abi.CbScalar, abi.CbCtx}, Returns: oneOrZero, Many: true},
			C: "long bpf_loop(__u32 nr_loops, void *callback_fn, void *callback_ctx, __u64 flags)"},
		{ID: 93, Name: "bpf_spin_lock", Args: args{abi.ArgSpinLock}, Ret: abi.RetVoid, Flags: every | abi.FlagLock,
			C: "long bpf_spin_lock(struct bpf_spin_lock *lock)"},
		{ID: 94, Name: "bpf_spin_unlock", Args: args{abi.ArgSpinLock}, Ret: abi.RetVoid, Flags: every | abi.FlagUnlock,
			C: "long bpf_spin_unlock(struct bpf_spin_lock *lock)"},
		// Variables of the kernel come from its own symbols: programs that name one cannot be decided.
		{ID: 153, Name: "bpf_per_cpu_ptr", Args: args{abi.ArgStruct, abi.ArgAny}, Structs: [5]string{perCPUVar}, Ret: abi.RetStructOrNull, RetStruct: perCPUVar, Flags: every,
			C: "void *bpf_per_cpu_ptr(const void *percpu_ptr, __u32 cpu)"},
		{ID: 154, Name: "bpf_this_cpu_ptr", Args: args{abi.ArgStruct}, Structs: [5]string{perCPUVar}, Ret: abi.RetStruct, RetStruct: perCPUVar, Flags: every,
			C: "void *bpf_this_cpu_ptr(const void *percpu_ptr)"},
		// The pointers that maps hold for the kernel are not described: programs whose maps have one cannot be decided.
		{ID: 194, Name: "bpf_kptr_xchg", Args: args{abi.ArgKptr, abi.ArgStructOrNull}, Structs: [5]string{1: kptr}, Ret: abi.RetStructOrNull, RetStruct: kptr, Flags: every | abi.FlagAcquires | abi.FlagReleases,
			C: "void *bpf_kptr_xchg(void *map_value, void *ptr)"},
	}
}

// ringHelpers send records to ring buffers and perf buffers.
func ringHelpers() []abi.Helper {
	oneOrZero := abi.Range{Max: 1}
	return []abi.Helper{
		{ID: 25, Name: "bpf_perf_event_output", Args: args{abi.ArgCtx, abi.ArgConstMap, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero}, Flags: gpl,
			C: "long bpf_perf_event_output(void *ctx, void *map, __u64 flags, void *data, __u64 size)"},
		{ID: 130, Name: "bpf_ringbuf_output", Args: args{abi.ArgConstMap, abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every,
			C: "long bpf_ringbuf_output(void *ringbuf, void *data, __u64 size, __u64 flags)"},
		{ID: 131, Name: "bpf_ringbuf_reserve", Args: args{abi.ArgConstMap, abi.ArgAllocSize, abi.ArgAny}, Ret: abi.RetMemOrNull, Flags: every | abi.FlagAcquires,
			C: "void *bpf_ringbuf_reserve(void *ringbuf, __u64 size, __u64 flags)"},
		{ID: 132, Name: "bpf_ringbuf_submit", Args: args{abi.ArgRecord, abi.ArgAny}, Ret: abi.RetVoid, Flags: every | abi.FlagReleases,
			C: "void bpf_ringbuf_submit(void *data, __u64 flags)"},
		{ID: 133, Name: "bpf_ringbuf_discard", Args: args{abi.ArgRecord, abi.ArgAny}, Ret: abi.RetVoid, Flags: every | abi.FlagReleases,
			C: "void bpf_ringbuf_discard(void *data, __u64 flags)"},
		{ID: 134, Name: "bpf_ringbuf_query", Args: args{abi.ArgConstMap, abi.ArgAny}, Flags: every,
			C: "__u64 bpf_ringbuf_query(void *ringbuf, __u64 flags)"},
		{ID: 198, Name: "bpf_ringbuf_reserve_dynptr", Args: args{abi.ArgConstMap, abi.ArgAny, abi.ArgAny, abi.ArgDynptrInit}, Dynptr: abi.DynptrRecord, Flags: every,
			C: "long bpf_ringbuf_reserve_dynptr(void *ringbuf, __u32 size, __u64 flags, struct bpf_dynptr *ptr)"},
		{ID: 199, Name: "bpf_ringbuf_submit_dynptr", Args: args{abi.ArgDynptrRecord, abi.ArgAny}, Ret: abi.RetVoid, Flags: every | abi.FlagReleases,
			C: "void bpf_ringbuf_submit_dynptr(struct bpf_dynptr *ptr, __u64 flags)"},
		{ID: 200, Name: "bpf_ringbuf_discard_dynptr", Args: args{abi.ArgDynptrRecord, abi.ArgAny}, Ret: abi.RetVoid, Flags: every | abi.FlagReleases,
			C: "void bpf_ringbuf_discard_dynptr(struct bpf_dynptr *ptr, __u64 flags)"},
		{ID: 209, Name: "bpf_user_ringbuf_drain", Args: args{abi.ArgConstMap, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgAny}, Flags: every, Callback: &abi.Callback{Args: receives{abi.CbDynptr, abi.CbCtx}, Returns: oneOrZero, Many: true},
			C: "long bpf_user_ringbuf_drain(void *map, void *callback_fn, void *ctx, __u64 flags)"},
	}
}

// dynptrHelpers reach memory whose bounds are checked when the program runs.
func dynptrHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 197, Name: "bpf_dynptr_from_mem", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny, abi.ArgDynptrInit}, Dynptr: abi.DynptrLocal, Flags: every,
			C: "long bpf_dynptr_from_mem(void *data, __u32 size, __u64 flags, struct bpf_dynptr *ptr)"},
		{ID: 201, Name: "bpf_dynptr_read", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgDynptr, abi.ArgAny, abi.ArgAny}, Flags: every,
			C: "long bpf_dynptr_read(void *dst, __u32 len, const struct bpf_dynptr *src, __u32 offset, __u64 flags)"},
		{ID: 202, Name: "bpf_dynptr_write", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every,
			C: "long bpf_dynptr_write(const struct bpf_dynptr *dst, __u32 offset, void *src, __u32 len, __u64 flags)"},
		{ID: 203, Name: "bpf_dynptr_data", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgAllocSize}, Ret: abi.RetDynptrMemOrNull, Flags: every,
			C: "void *bpf_dynptr_data(const struct bpf_dynptr *ptr, __u32 offset, __u32 len)"},
	}
}

// taskHelpers tell which task runs, and read memory at addresses that may be wrong.
func taskHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 14, Name: "bpf_get_current_pid_tgid", Flags: every,
			C: "__u64 bpf_get_current_pid_tgid(void)"},
		{ID: 15, Name: "bpf_get_current_uid_gid", Flags: every,
			C: "__u64 bpf_get_current_uid_gid(void)"},
		{ID: 16, Name: "bpf_get_current_comm", Args: args{abi.ArgMemWrite, abi.ArgSize}, Flags: every,
			C: "long bpf_get_current_comm(void *buf, __u32 size_of_buf)"},
		{ID: 35, Name: "bpf_get_current_task", Flags: every | gpl,
			C: "__u64 bpf_get_current_task(void)"},
		{ID: 158, Name: "bpf_get_current_task_btf", Ret: abi.RetStruct, RetStruct: task, Flags: every | gpl,
			C: "struct task_struct *bpf_get_current_task_btf(void)"},
		{ID: 175, Name: "bpf_task_pt_regs", Args: args{abi.ArgStruct}, Structs: [5]string{task}, Ret: abi.RetStruct, RetStruct: registers, Flags: every | gpl,
			C: "long bpf_task_pt_regs(struct task_struct *task)"},
		{ID: 120, Name: "bpf_get_ns_current_pid_tgid", Args: args{abi.ArgAny, abi.ArgAny, abi.ArgMemWrite, abi.ArgSize}, Flags: every,
			C: "long bpf_get_ns_current_pid_tgid(__u64 dev, __u64 ino, struct bpf_pidns_info *nsdata, __u32 size)"},
		{ID: 80, Name: "bpf_get_current_cgroup_id", Flags: every,
			C: "__u64 bpf_get_current_cgroup_id(void)"},
		{ID: 123, Name: "bpf_get_current_ancestor_cgroup_id", Args: args{abi.ArgAny}, Flags: every,
			C: "__u64 bpf_get_current_ancestor_cgroup_id(int ancestor_level)"},
		{ID: 4, Name: "bpf_probe_read", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl,
			C: "long bpf_probe_read(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 45, Name: "bpf_probe_read_str", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl | abi.FlagReturnsLength,
			C: "long bpf_probe_read_str(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 112, Name: "bpf_probe_read_user", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every | gpl,
			C: "long bpf_probe_read_user(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 114, Name: "bpf_probe_read_user_str", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every | gpl | abi.FlagReturnsLength,
			C: "long bpf_probe_read_user_str(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 113, Name: "bpf_probe_read_kernel", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every | gpl,
			C: "long bpf_probe_read_kernel(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 115, Name: "bpf_probe_read_kernel_str", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: every | gpl | abi.FlagReturnsLength,
			C: "long bpf_probe_read_kernel_str(void *dst, __u32 size, const void *unsafe_ptr)"},
		{ID: 17, Name: "bpf_get_cgroup_classid", Flags: every,
			C: "__u32 bpf_get_cgroup_classid(struct __sk_buff *skb)"},
		{ID: 186, Name: "bpf_get_retval",
			C: "int bpf_get_retval(void)"},
		{ID: 187, Name: "bpf_set_retval", Args: args{abi.ArgAny},
			C: "int bpf_set_retval(int retval)"},
	}
}
