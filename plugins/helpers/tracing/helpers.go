package tracing

import "github.com/bpfc/bpfc/core/abi"

// shared is the helpers of every tracing type of the kernel, most of them
// declared by the set base (bpf_base_func_proto, kernel/bpf/helpers.c, and
// bpf_tracing_func_proto, kernel/trace/bpf_trace.c, Linux 6.18).
var shared = []string{
	"bpf_map_lookup_elem", "bpf_map_update_elem", "bpf_map_delete_elem", "bpf_map_push_elem", "bpf_map_pop_elem", "bpf_map_peek_elem",
	"bpf_map_lookup_percpu_elem", "bpf_for_each_map_elem", "bpf_tail_call", "bpf_loop",
	"bpf_ktime_get_ns", "bpf_ktime_get_boot_ns", "bpf_ktime_get_tai_ns", "bpf_jiffies64",
	"bpf_get_prandom_u32", "bpf_get_smp_processor_id", "bpf_get_numa_node_id",
	"bpf_get_current_pid_tgid", "bpf_get_current_uid_gid", "bpf_get_current_comm", "bpf_get_ns_current_pid_tgid",
	"bpf_get_current_task", "bpf_get_current_task_btf", "bpf_task_pt_regs", "bpf_current_task_under_cgroup",
	"bpf_get_current_cgroup_id", "bpf_get_current_ancestor_cgroup_id", "bpf_get_cgroup_classid",
	"bpf_task_storage_get", "bpf_task_storage_delete", "bpf_cgrp_storage_get", "bpf_cgrp_storage_delete",
	"bpf_probe_read", "bpf_probe_read_str", "bpf_probe_read_user", "bpf_probe_read_user_str", "bpf_probe_read_kernel", "bpf_probe_read_kernel_str",
	"bpf_trace_printk", "bpf_trace_vprintk", "bpf_snprintf", "bpf_snprintf_btf", "bpf_strtol", "bpf_strtoul", "bpf_strncmp",
	"bpf_perf_event_output", "bpf_perf_event_read", "bpf_perf_event_read_value",
	"bpf_ringbuf_output", "bpf_ringbuf_reserve", "bpf_ringbuf_submit", "bpf_ringbuf_discard", "bpf_ringbuf_query",
	"bpf_ringbuf_reserve_dynptr", "bpf_ringbuf_submit_dynptr", "bpf_ringbuf_discard_dynptr", "bpf_user_ringbuf_drain",
	"bpf_dynptr_from_mem", "bpf_dynptr_read", "bpf_dynptr_write", "bpf_dynptr_data",
	"bpf_spin_lock", "bpf_spin_unlock", "bpf_timer_init", "bpf_timer_set_callback", "bpf_timer_start", "bpf_timer_cancel",
	"bpf_per_cpu_ptr", "bpf_this_cpu_ptr", "bpf_kptr_xchg",
	"bpf_send_signal", "bpf_send_signal_thread", "bpf_get_task_stack", "bpf_get_branch_snapshot", "bpf_find_vma",
	"bpf_copy_from_user", "bpf_copy_from_user_task",
}

// loader is the helpers of programs that load others, and what else they may call.
var loader = []string{"bpf_sys_bpf", "bpf_btf_find_by_name_kind", "bpf_sys_close", "bpf_kallsyms_lookup_name",
	"bpf_get_stackid", "bpf_get_stack", "bpf_get_func_ip", "bpf_skb_output", "bpf_xdp_output", "bpf_d_path", "bpf_sock_from_file"}

// Structures of the kernel that helpers take. Nothing describes their fields; task is declared by the set base.
const (
	task    = "task_struct"
	seqFile = "seq_file"
)

// structs is the kernel's structures that helpers of this set take or give.
func structs() (out []abi.Context) {
	for _, name := range []string{"sk_buff", "xdp_buff", seqFile, "path", "linux_binprm", "inode", "file", "socket"} {
		out = append(out, abi.Context{Kind: abi.CtxStruct, Name: name, Opaque: true})
	}
	return out
}

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
	return running(append([]abi.Helper{
		{ID: 22, Name: "bpf_perf_event_read", Args: args{abi.ArgConstMap, abi.ArgAny}, Flags: gpl | any,
			C: "__u64 bpf_perf_event_read(void *map, __u64 flags)"},
		{ID: 27, Name: "bpf_get_stackid", Args: args{abi.ArgCtx, abi.ArgConstMap, abi.ArgAny}, Flags: gpl,
			C: "long bpf_get_stackid(void *ctx, void *map, __u64 flags)"},
		{ID: 36, Name: "bpf_probe_write_user", Args: args{abi.ArgAny, abi.ArgMem, abi.ArgSize}, Flags: gpl,
			C: "long bpf_probe_write_user(void *dst, const void *src, __u32 len)"},
		{ID: 55, Name: "bpf_perf_event_read_value", Args: args{abi.ArgConstMap, abi.ArgAny, abi.ArgMemWrite, abi.ArgSize}, Flags: gpl | any,
			C: "long bpf_perf_event_read_value(void *map, __u64 flags, struct bpf_perf_event_value *buf, __u32 buf_size)"},
		{ID: 56, Name: "bpf_perf_prog_read_value", Args: args{abi.ArgCtx, abi.ArgMemWrite, abi.ArgSize}, Flags: gpl,
			C: "long bpf_perf_prog_read_value(struct bpf_perf_event_data *ctx, struct bpf_perf_event_value *buf, __u32 buf_size)"},
		{ID: 58, Name: "bpf_override_return", Args: args{abi.ArgCtx, abi.ArgAny}, Flags: gpl,
			C: "long bpf_override_return(struct pt_regs *regs, __u64 rc)"},
		{ID: 67, Name: "bpf_get_stack", Args: args{abi.ArgCtx, abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl | length,
			C: "long bpf_get_stack(void *ctx, void *buf, __u32 size, __u64 flags)"},
		{ID: 77, Name: "bpf_rc_repeat", Args: args{abi.ArgCtx}, Flags: gpl,
			C: "long bpf_rc_repeat(void *ctx)"},
		{ID: 78, Name: "bpf_rc_keydown", Args: args{abi.ArgCtx, abi.ArgAny, abi.ArgAny, abi.ArgAny}, Flags: gpl,
			C: "long bpf_rc_keydown(void *ctx, __u32 protocol, __u64 scancode, __u32 toggle)"},
		{ID: 92, Name: "bpf_rc_pointer_rel", Args: args{abi.ArgCtx, abi.ArgAny, abi.ArgAny}, Flags: gpl,
			C: "long bpf_rc_pointer_rel(void *ctx, __s32 rel_x, __s32 rel_y)"},
		{ID: 109, Name: "bpf_send_signal", Args: args{abi.ArgAny}, Flags: any,
			C: "long bpf_send_signal(__u32 sig)"},
		{ID: 111, Name: "bpf_skb_output", Args: args{abi.ArgStruct, abi.ArgConstMap, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{"sk_buff"}, Flags: gpl,
			C: "long bpf_skb_output(void *ctx, void *map, __u64 flags, void *data, __u64 size)"},
		{ID: 116, Name: "bpf_tcp_send_ack", Args: args{abi.ArgStruct, abi.ArgAny}, Structs: [5]string{"tcp_sock"},
			C: "long bpf_tcp_send_ack(void *tp, __u32 rcv_nxt)"},
		{ID: 117, Name: "bpf_send_signal_thread", Args: args{abi.ArgAny}, Flags: any,
			C: "long bpf_send_signal_thread(__u32 sig)"},
		{ID: 119, Name: "bpf_read_branch_records", Args: args{abi.ArgCtx, abi.ArgMemWriteOrNull, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl,
			C: "long bpf_read_branch_records(struct bpf_perf_event_data *ctx, void *buf, __u32 size, __u64 flags)"},
		{ID: 121, Name: "bpf_xdp_output", Args: args{abi.ArgStruct, abi.ArgConstMap, abi.ArgAny, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{"xdp_buff"}, Flags: gpl,
			C: "long bpf_xdp_output(void *ctx, void *map, __u64 flags, void *data, __u64 size)"},
		{ID: 126, Name: "bpf_seq_printf", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSize, abi.ArgMemOrNull, abi.ArgSizeOrZero}, Structs: [5]string{seqFile}, Flags: gpl,
			C: "long bpf_seq_printf(struct seq_file *m, const char *fmt, __u32 fmt_size, const void *data, __u32 data_len)"},
		{ID: 127, Name: "bpf_seq_write", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSizeOrZero}, Structs: [5]string{seqFile}, Flags: gpl,
			C: "long bpf_seq_write(struct seq_file *m, const void *data, __u32 len)"},
		{ID: 141, Name: "bpf_get_task_stack", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Structs: [5]string{task}, Flags: length | any,
			C: "long bpf_get_task_stack(struct task_struct *task, void *buf, __u32 size, __u64 flags)"},
		{ID: 145, Name: "bpf_inode_storage_get", Args: args{abi.ArgConstMap, abi.ArgStruct, abi.ArgMapValueOrNull, abi.ArgAny}, Structs: [5]string{1: "inode"}, Ret: abi.RetMapValueOrNull,
			C: "void *bpf_inode_storage_get(void *map, void *inode, void *value, __u64 flags)"},
		{ID: 146, Name: "bpf_inode_storage_delete", Args: args{abi.ArgConstMap, abi.ArgStruct}, Structs: [5]string{1: "inode"},
			C: "int bpf_inode_storage_delete(void *map, void *inode)"},
		{ID: 147, Name: "bpf_d_path", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSizeOrZero}, Structs: [5]string{"path"},
			C: "long bpf_d_path(struct path *path, char *buf, __u32 sz)"},
		{ID: 148, Name: "bpf_copy_from_user", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: any | sleeps,
			C: "long bpf_copy_from_user(void *dst, __u32 size, const void *user_ptr)"},
		{ID: 149, Name: "bpf_snprintf_btf", Args: args{abi.ArgMemWrite, abi.ArgSize, abi.ArgMem, abi.ArgSize, abi.ArgAny}, Flags: any,
			C: "long bpf_snprintf_btf(char *str, __u32 str_size, struct btf_ptr *ptr, __u32 btf_ptr_size, __u64 flags)"},
		{ID: 150, Name: "bpf_seq_printf_btf", Args: args{abi.ArgStruct, abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny}, Structs: [5]string{seqFile}, Flags: gpl,
			C: "long bpf_seq_printf_btf(struct seq_file *m, struct btf_ptr *ptr, __u32 ptr_size, __u64 flags)"},
		{ID: 159, Name: "bpf_bprm_opts_set", Args: args{abi.ArgStruct, abi.ArgAny}, Structs: [5]string{"linux_binprm"},
			C: "long bpf_bprm_opts_set(struct linux_binprm *bprm, __u64 flags)"},
		{ID: 161, Name: "bpf_ima_inode_hash", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSize}, Structs: [5]string{"inode"}, Flags: sleeps,
			C: "long bpf_ima_inode_hash(struct inode *inode, void *dst, __u32 size)"},
		{ID: 162, Name: "bpf_sock_from_file", Args: args{abi.ArgStruct}, Structs: [5]string{"file"}, Ret: abi.RetStructOrNull, RetStruct: "socket",
			C: "struct socket *bpf_sock_from_file(struct file *file)"},
		{ID: 166, Name: "bpf_sys_bpf", Args: args{abi.ArgAny, abi.ArgMemWrite, abi.ArgSize},
			C: "long bpf_sys_bpf(__u32 cmd, void *attr, __u32 attr_size)"},
		{ID: 167, Name: "bpf_btf_find_by_name_kind", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgAny, abi.ArgAny},
			C: "long bpf_btf_find_by_name_kind(char *name, int name_sz, __u32 kind, int flags)"},
		{ID: 168, Name: "bpf_sys_close", Args: args{abi.ArgAny},
			C: "long bpf_sys_close(__u32 fd)"},
		{ID: 173, Name: "bpf_get_func_ip", Args: args{abi.ArgCtx}, Flags: gpl,
			C: "__u64 bpf_get_func_ip(void *ctx)"},
		{ID: 174, Name: "bpf_get_attach_cookie", Args: args{abi.ArgCtx},
			C: "__u64 bpf_get_attach_cookie(void *ctx)"},
		{ID: 176, Name: "bpf_get_branch_snapshot", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny}, Flags: gpl | any,
			C: "long bpf_get_branch_snapshot(void *entries, __u32 size, __u64 flags)"},
		{ID: 179, Name: "bpf_kallsyms_lookup_name", Args: args{abi.ArgMem, abi.ArgSizeOrZero, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{3: word},
			C: "long bpf_kallsyms_lookup_name(const char *name, int name_sz, int flags, __u64 *res)"},
		{ID: 180, Name: "bpf_find_vma", Args: args{abi.ArgStruct, abi.ArgAny, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgAny}, Structs: [5]string{task},
			Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbUnknown, abi.CbUnknown, abi.CbCtx}, Returns: abi.Range{Max: 1}}, Flags: any,
			C: "long bpf_find_vma(struct task_struct *task, __u64 addr, void *callback_fn, void *callback_ctx, __u64 flags)"},
		{ID: 183, Name: "bpf_get_func_arg", Args: args{abi.ArgCtx, abi.ArgAny, abi.ArgFixedMemWrite}, Sizes: [5]uint32{2: word},
			C: "long bpf_get_func_arg(void *ctx, __u32 n, __u64 *value)"},
		{ID: 184, Name: "bpf_get_func_ret", Args: args{abi.ArgCtx, abi.ArgFixedMemWrite}, Sizes: [5]uint32{1: word},
			C: "long bpf_get_func_ret(void *ctx, __u64 *value)"},
		{ID: 185, Name: "bpf_get_func_arg_cnt", Args: args{abi.ArgCtx},
			C: "long bpf_get_func_arg_cnt(void *ctx)"},
		{ID: 191, Name: "bpf_copy_from_user_task", Args: args{abi.ArgMemWrite, abi.ArgSizeOrZero, abi.ArgAny, abi.ArgStruct, abi.ArgAny}, Structs: [5]string{3: task}, Flags: gpl | any | sleeps,
			C: "long bpf_copy_from_user_task(void *dst, __u32 size, const void *user_ptr, struct task_struct *tsk, __u64 flags)"},
		{ID: 193, Name: "bpf_ima_file_hash", Args: args{abi.ArgStruct, abi.ArgMemWrite, abi.ArgSize}, Structs: [5]string{"file"}, Flags: sleeps,
			C: "long bpf_ima_file_hash(struct file *file, void *dst, __u32 size)"},
	}, tables()...))
}
