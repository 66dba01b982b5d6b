// Package tracing is the helper set of programs that watch a kernel or a
// process: kprobes and uprobes, tracepoints, perf events, and the tracing
// filters of 2014. It also names the types whose programs bpfc does not decide,
// with the reason.
package tracing

import "github.com/bpfc/bpfc/core/abi"

// Set returns the set "tracing". Its types call helpers of the set base too and
// have to be merged with it. The caller owns the result.
func Set() *abi.Set {
	return &abi.Set{
		Name:    "tracing",
		Types:   append(decided(), undecided()...),
		Helpers: helpers(),
		Structs: structs(),
	}
}
