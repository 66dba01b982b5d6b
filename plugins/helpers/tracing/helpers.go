package tracing

import "github.com/bpfc/bpfc/core/abi"

// shared is the helpers of every tracing type of the kernel, most of them
// declared by the set base (bpf_base_func_proto, kernel/bpf/helpers.c, and
// bpf_tracing_func_proto, kernel/trace/bpf_trace.c, Linux 6.18).
var shared = []string{
	"map_lookup_elem", "map_update_elem", "map_delete_elem", "map_push_elem", "map_pop_elem", "map_peek_elem",
	"map_lookup_percpu_elem", "for_each_map_elem", "tail_call", "loop",
	"ktime_get_ns", "ktime_get_boot_ns", "ktime_get_tai_ns", "jiffies64",
	"get_prandom_u32", "get_smp_processor_id", "get_numa_node_id",
	"get_current_pid_tgid", "get_current_uid_gid", "get_current_comm", "get_ns_current_pid_tgid",
	"get_current_task", "get_current_task_btf", "task_pt_regs", "current_task_under_cgroup",
	"get_current_cgroup_id", "get_current_ancestor_cgroup_id", "get_cgroup_classid",
	"task_storage_get", "task_storage_delete", "cgrp_storage_get", "cgrp_storage_delete",
	"probe_read", "probe_read_str", "probe_read_user", "probe_read_user_str", "probe_read_kernel", "probe_read_kernel_str",
	"trace_printk", "trace_vprintk", "snprintf", "snprintf_btf", "strtol", "strtoul", "strncmp",
	"perf_event_output", "perf_event_read", "perf_event_read_value",
	"ringbuf_output", "ringbuf_reserve", "ringbuf_submit", "ringbuf_discard", "ringbuf_query",
	"ringbuf_reserve_dynptr", "ringbuf_submit_dynptr", "ringbuf_discard_dynptr", "user_ringbuf_drain",
	"dynptr_from_mem", "dynptr_read", "dynptr_write", "dynptr_data",
	"spin_lock", "spin_unlock", "timer_init", "timer_set_callback", "timer_start", "timer_cancel",
	"per_cpu_ptr", "this_cpu_ptr", "kptr_xchg",
	"send_signal", "send_signal_thread", "get_task_stack", "get_branch_snapshot", "find_vma",
}

// sleeping is the helpers that may wait for a page, for types whose programs may sleep.
var sleeping = []string{"copy_from_user", "copy_from_user_task"}

// loader is the helpers of programs that load others, and what else they may call.
var loader = []string{"sys_bpf", "btf_find_by_name_kind", "sys_close", "kallsyms_lookup_name",
	"get_stackid", "get_stack", "get_func_ip", "skb_output", "xdp_output", "d_path", "sock_from_file"}

// The structures of the kernel that helpers take. No set describes their fields.
const (
	task    = "task_struct"
	seqFile = "seq_file"
)

type args = [5]abi.ArgKind

// helpers is the prototypes (struct bpf_func_proto of each, kernel/trace/bpf_trace.c,
// kernel/events/core.c, kernel/bpf/stackmap.c, helpers.c, task_iter.c, syscall.c,
// bpf_lsm.c, Linux 6.18). Without another note the result is any number.
func helpers() []abi.Helper {
	const (
		gpl    = abi.FlagGPL
		length = abi.FlagReturnsLength
		any    = abi.FlagAnyType
		sleeps = abi.FlagSleeps
	)
	return append([]abi.Helper{
		{ID: 22, Name: "perf_event_read", Args: args{abi.ArgConstMap, abi.ArgAny}, Flags: gpl | any},
		{ID: 27, Name: "get_stackid", Args: args{abi.ArgCtx, abi.ArgConstMap, abi.ArgAny}, Flags: gpl},
		{ID: 36, Name: "probe_write_user", Args: args{abi.ArgAny, abi.ArgMem, abi.ArgSize}, Flags: gpl},
		{ID: 55, Name: "perf_event_read_value", Args: args{abi.ArgConstMap, abi.ArgAny, abi.ArgMemWrite, abi.ArgSize}, Flags: gpl | any},
		{ID: 56, Name: "perf_prog_read_value", Args: args{abi.ArgCtx, abi.ArgMemWrite, abi.ArgSize}, Flags: gpl},
		{ID: 58, Name: "override_return", Args: args{abi.ArgCtx, abi.ArgAny}, Flags: gpl},
		{ID: 67, Name: "get_stack", Args: args{abi.ArgCtx, abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl | length},
		{ID: 109, Name: "send_signal", Args: args{abi.ArgAny}, Flags: any},
		{ID: 111, Name: "skb_output", Args: args{abi.ArgStruct, abi.ArgConstMap, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{"sk_buff"}, Flags: gpl},
		{ID: 117, Name: "send_signal_thread", Args: args{abi.ArgAny}, Flags: any},
		{ID: 119, Name: "read_branch_records", Args: args{abi.ArgCtx, abi.ArgMemWriteOrNull, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl},
		{ID: 121, Name: "xdp_output", Args: args{abi.ArgStruct, abi.ArgConstMap, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{"xdp_buff"}, Flags: gpl},
		{ID: 126, Name: "seq_printf", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSize, abi.ArgMemOrNull, abi.ArgSizeOrZero}, Structs: [5]string{seqFile}, Flags: gpl},
		{ID: 127, Name: "seq_write", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{seqFile}, Flags: gpl},
		{ID: 141, Name: "get_task_stack", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Structs: [5]string{task}, Flags: length | any},
		{ID: 147, Name: "d_path", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSizeOrZero}, Structs: [5]string{"path"}},
		{ID: 148, Name: "copy_from_user", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: sleeps},
		{ID: 149, Name: "snprintf_btf", Args: args{abi.ArgMemWrite, abi.ArgSize, abi.ArgMem, abi.ArgSize, abi.ArgAny}, Flags: any},
		{ID: 150, Name: "seq_printf_btf", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny}, Structs: [5]string{seqFile}, Flags: gpl},
		{ID: 159, Name: "bprm_opts_set", Args: args{abi.ArgStruct, abi.ArgAny}, Structs: [5]string{"linux_binprm"}},
		{ID: 161, Name: "ima_inode_hash", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSize}, Structs: [5]string{"inode"}, Flags: sleeps},
		{ID: 162, Name: "sock_from_file", Args: args{abi.ArgStruct}, Structs: [5]string{"file"}, Ret: abi.RetStructOrNull, RetStruct: "socket"},
		{ID: 166, Name: "sys_bpf", Args: args{abi.ArgAny, abi.ArgMemWrite, abi.ArgSize}},
		{ID: 167, Name: "btf_find_by_name_kind", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgAny, abi.ArgAny}},
		{ID: 168, Name: "sys_close", Args: args{abi.ArgAny}},
		{ID: 173, Name: "get_func_ip", Args: args{abi.ArgCtx}, Flags: gpl},
		{ID: 174, Name: "get_attach_cookie", Args: args{abi.ArgCtx}},
		{ID: 176, Name: "get_branch_snapshot", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl | any},
		{ID: 179, Name: "kallsyms_lookup_name", Args: args{abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{3: word}},
		{ID: 180, Name: "find_vma", Args: args{abi.ArgStruct, abi.ArgAny, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgFlagZero}, Structs: [5]string{task},
			Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbUnknown, abi.CbUnknown, abi.CbCtx}, Returns: abi.Range{Max: 1}}, Flags: any},
		{ID: 183, Name: "get_func_arg", Args: args{abi.ArgCtx, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{2: word}},
		{ID: 184, Name: "get_func_ret", Args: args{abi.ArgCtx, abi.ArgFixedMemWrite}, Sizes: [5]uint32{1: word}},
		{ID: 185, Name: "get_func_arg_cnt", Args: args{abi.ArgCtx}},
		{ID: 191, Name: "copy_from_user_task", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny, abi.ArgStruct, abi.ArgAny}, Structs: [5]string{3: task}, Flags: gpl | sleeps},
		{ID: 193, Name: "ima_file_hash", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSize}, Structs: [5]string{"file"}, Flags: sleeps},
	}, tables()...)
}
