package tracing

import "github.com/bpfc/bpfc/core/abi"

// Helpers of the tracing filters of 2014 have no number of the kernel's. Theirs
// are the set's: private is the 16-bit hash of the name "tracing" (FNV-1a of 32 bits, its halves xored).
const private = 0x410c << 16

// tables is how a tracing filter of 2014 uses its maps: by their index in the
// order of declaration. Keys and values are as wide as the table declares.
func tables() []abi.Helper {
	return []abi.Helper{
		{ID: private | 1, Name: "tracing/bpf_table_lookup", Args: args{abi.ArgCtx, abi.ArgMapIndex, abi.ArgMapKey}, Ret: abi.RetMapValueOrNull,
			C: "void *bpf_table_lookup(struct bpf_context *ctx, int table, const void *key)"},
		{ID: private | 2, Name: "tracing/bpf_table_update", Args: args{abi.ArgCtx, abi.ArgMapIndex, abi.ArgMapKey, abi.ArgMapValue},
			C: "int bpf_table_update(struct bpf_context *ctx, int table, const void *key, const void *value)"},
	}
}

// filterHelpers is what a tracing filter may call: its tables, and what helpers of every type are.
func filterHelpers() []string {
	var out []string
	for _, h := range tables() {
		out = append(out, h.Name)
	}
	return out
}
