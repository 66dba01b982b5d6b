package base

import (
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// Helpers that maps of several kinds share, without their prefix.
const (
	elements = "map_lookup_elem map_update_elem map_delete_elem"
	walked   = elements + " for_each_map_elem"
	perCPU   = walked + " map_lookup_percpu_elem"
	timed    = walked + " timer_init"
	queued   = "map_push_elem map_pop_elem map_peek_elem"
	redirect = "redirect_map"
)

// mapKinds is every kind of map of Linux 6.18, by the names that libbpf and
// bpftool use, with the helpers that may take one (check_map_func_compatibility,
// kernel/bpf/verifier.c, and the operations of each kind's bpf_map_ops). Sockets
// get into sockmaps by bpf_sock_map_update and bpf_sock_hash_update alone, and
// every type that may delete elements may delete theirs: Linux allows it to some types only.
func mapKinds() []abi.MapKind {
	return []abi.MapKind{
		{Name: "hash", Type: 1, Helpers: helperNames(timed), Values: abi.ValuesMemory},
		{Name: "array", Type: 2, Helpers: helperNames(timed), Values: abi.ValuesMemory, Direct: true, Indexed: true},
		{Name: "prog_array", Type: 3, Helpers: helperNames("tail_call")},
		{Name: "perf_event_array", Type: 4, Helpers: helperNames("perf_event_output perf_event_read perf_event_read_value skb_output xdp_output")},
		{Name: "percpu_hash", Type: 5, Helpers: helperNames(perCPU), Values: abi.ValuesMemory},
		{Name: "percpu_array", Type: 6, Helpers: helperNames(perCPU), Values: abi.ValuesMemory, Indexed: true},
		{Name: "stack_trace", Type: 7, Helpers: helperNames("get_stackid")},
		{Name: "cgroup_array", Type: 8, Helpers: helperNames("skb_under_cgroup current_task_under_cgroup")},
		{Name: "lru_hash", Type: 9, Helpers: helperNames(timed), Values: abi.ValuesMemory},
		{Name: "lru_percpu_hash", Type: 10, Helpers: helperNames(perCPU), Values: abi.ValuesMemory},
		{Name: "lpm_trie", Type: 11, Helpers: helperNames(elements), Values: abi.ValuesMemory},
		{Name: "array_of_maps", Type: 12, Helpers: helperNames("map_lookup_elem"), Values: abi.ValuesMap},
		{Name: "hash_of_maps", Type: 13, Helpers: helperNames("map_lookup_elem"), Values: abi.ValuesMap},
		{Name: "devmap", Type: 14, Helpers: helperNames(redirect + " map_lookup_elem"), Values: abi.ValuesMemory},
		{Name: "sockmap", Type: 15, Helpers: helperNames("sk_redirect_map sock_map_update msg_redirect_map sk_select_reuseport map_lookup_elem map_delete_elem"), Values: abi.ValuesStruct, Struct: "bpf_sock"},
		{Name: "cpumap", Type: 16, Helpers: helperNames(redirect)},
		{Name: "xskmap", Type: 17, Helpers: helperNames(redirect + " map_lookup_elem"), Values: abi.ValuesBorrowed, Struct: "bpf_xdp_sock"},
		{Name: "sockhash", Type: 18, Helpers: helperNames("sk_redirect_hash sock_hash_update msg_redirect_hash sk_select_reuseport map_lookup_elem map_delete_elem"), Values: abi.ValuesStruct, Struct: "bpf_sock"},
		{Name: "cgroup_storage", Type: 19, Helpers: helperNames("get_local_storage"), Values: abi.ValuesMemory},
		{Name: "reuseport_sockarray", Type: 20, Helpers: helperNames("sk_select_reuseport")},
		{Name: "percpu_cgroup_storage", Type: 21, Helpers: helperNames("get_local_storage"), Values: abi.ValuesMemory},
		{Name: "queue", Type: 22, Helpers: helperNames(queued)},
		{Name: "stack", Type: 23, Helpers: helperNames(queued)},
		{Name: "sk_storage", Type: 24, Helpers: helperNames("sk_storage_get sk_storage_delete"), Values: abi.ValuesMemory},
		{Name: "devmap_hash", Type: 25, Helpers: helperNames(redirect + " map_lookup_elem"), Values: abi.ValuesMemory},
		{Name: "struct_ops", Type: 26},
		{Name: "ringbuf", Type: 27, Helpers: helperNames("ringbuf_output ringbuf_reserve ringbuf_query ringbuf_reserve_dynptr")},
		{Name: "inode_storage", Type: 28, Helpers: helperNames("inode_storage_get inode_storage_delete"), Values: abi.ValuesMemory},
		{Name: "task_storage", Type: 29, Helpers: helperNames("task_storage_get task_storage_delete"), Values: abi.ValuesMemory},
		{Name: "bloom_filter", Type: 30, Helpers: helperNames("map_push_elem map_peek_elem")},
		{Name: "user_ringbuf", Type: 31, Helpers: helperNames("user_ringbuf_drain")},
		{Name: "cgrp_storage", Type: 32, Helpers: helperNames("cgrp_storage_get cgrp_storage_delete"), Values: abi.ValuesMemory},
		{Name: "arena", Type: 33},
	}
}

// helperNames is the full names of helpers in a list separated by blanks.
func helperNames(list string) []string {
	names := slices.Collect(strings.FieldsSeq(list))
	for i := range names {
		names[i] = "bpf_" + names[i]
	}
	return names
}
