package base

import "github.com/bpfc/bpfc/core/abi"

// private is where the numbers of helpers begin that the kernel calls by name
// alone: the 16-bit hash of the set's name (FNV-1a of 32 bits, its halves xored).
const private = 0xa904 << 16

// Bytes of an iterator over numbers on the stack (struct bpf_iter_num,
// include/uapi/linux/bpf.h), and of what it gives.
const (
	iterNumBytes = 8
	intBytes     = 4
)

// functions is the kernel functions (kfuncs) that every type may call, by name:
// iterators over numbers (kernel/bpf/bpf_iter.c) and what is asked of dynptrs
// (common_btf_ids, kernel/bpf/helpers.c, Linux 6.18). The kernel gives the numbers
// of an iterator to programs as memory they may write; here they may read it.
func functions() []abi.Helper {
	const named = every | gpl // a kernel function may only be called by programs under the GPL
	iter := [5]uint32{iterNumBytes}
	return []abi.Helper{
		{ID: private | 1, Name: "bpf_iter_num_new", Args: args{abi.ArgIter, abi.ArgAny, abi.ArgAny}, Sizes: iter, Flags: named | abi.FlagIterNew,
			C: "int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end)"},
		{ID: private | 2, Name: "bpf_iter_num_next", Args: args{abi.ArgIter}, Sizes: iter, Ret: abi.RetMemOrNull, RetSize: intBytes, Flags: named | abi.FlagIterNext | abi.FlagReadOnly,
			C: "int *bpf_iter_num_next(struct bpf_iter_num *it)"},
		{ID: private | 3, Name: "bpf_iter_num_destroy", Args: args{abi.ArgIter}, Sizes: iter, Ret: abi.RetVoid, Flags: named | abi.FlagIterDestroy,
			C: "void bpf_iter_num_destroy(struct bpf_iter_num *it)"},
		{ID: private | 4, Name: "bpf_dynptr_adjust", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgAny}, Flags: named,
			C: "int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end)"},
		{ID: private | 5, Name: "bpf_dynptr_is_null", Args: args{abi.ArgDynptr}, Flags: named,
			C: "_Bool bpf_dynptr_is_null(const struct bpf_dynptr *p)"},
		{ID: private | 6, Name: "bpf_dynptr_is_rdonly", Args: args{abi.ArgDynptr}, Flags: named,
			C: "_Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p)"},
		{ID: private | 7, Name: "bpf_dynptr_size", Args: args{abi.ArgDynptr}, Flags: named,
			C: "__u32 bpf_dynptr_size(const struct bpf_dynptr *p)"},
		{ID: private | 8, Name: "bpf_dynptr_slice", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgMemWriteOrNull, abi.ArgConst}, Ret: abi.RetDynptrMemOrNull, Flags: named | abi.FlagReadOnly,
			C: "void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 buffer_size)"},
		{ID: private | 9, Name: "bpf_dynptr_slice_rdwr", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgMemWriteOrNull, abi.ArgConst}, Ret: abi.RetDynptrMemOrNull, Flags: named,
			C: "void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 buffer_size)"},
	}
}
