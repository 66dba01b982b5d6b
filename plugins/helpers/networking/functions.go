package networking

import "github.com/bpfc/bpfc/core/abi"

// private is where the numbers of helpers begin that the kernel calls by name
// alone: the 16-bit hash of the set's name (FNV-1a of 32 bits, its halves xored).
const private = 0x805a << 16

// functionHelpers are the kernel functions (kfuncs) that these types call by
// name: dynptrs of packets, and the frame of XDP made longer (bpf_kfunc_set_skb,
// bpf_kfunc_set_skb_meta and bpf_kfunc_set_xdp, net/core/filter.c, Linux 6.18).
// Kernel functions may only be called by programs under the GPL.
func functionHelpers() []abi.Helper {
	fromPacket := args(ctx, anything, abi.ArgDynptrInit)
	return []abi.Helper{
		{ID: private | 1, Name: "bpf_dynptr_from_skb", Args: fromPacket, Dynptr: abi.DynptrPacket, Flags: abi.FlagGPL,
			C: "int bpf_dynptr_from_skb(struct __sk_buff *s, __u64 flags, struct bpf_dynptr *ptr)"},
		{ID: private | 2, Name: "bpf_dynptr_from_xdp", Args: fromPacket, Dynptr: abi.DynptrPacket, Flags: abi.FlagGPL,
			C: "int bpf_dynptr_from_xdp(struct xdp_md *x, __u64 flags, struct bpf_dynptr *ptr)"},
		{ID: private | 3, Name: "bpf_dynptr_from_skb_meta", Args: fromPacket, Dynptr: abi.DynptrPacket, Flags: abi.FlagGPL,
			C: "int bpf_dynptr_from_skb_meta(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr)"},
		{ID: private | 4, Name: "bpf_xdp_pull_data", Args: args(ctx, anything), Flags: moves | abi.FlagGPL,
			C: "int bpf_xdp_pull_data(struct xdp_md *x, __u32 len)"},
	}
}

// The kernel functions of the types whose context is a struct __sk_buff, of
// classifiers and actions, and of XDP.
var (
	skbFunctions = []string{"bpf_dynptr_from_skb"}
	tcFunctions  = []string{"bpf_dynptr_from_skb", "bpf_dynptr_from_skb_meta"}
	xdpFunctions = []string{"bpf_dynptr_from_xdp", "bpf_xdp_pull_data"}
)
