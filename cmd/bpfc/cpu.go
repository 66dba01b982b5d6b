package main

import (
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	bpfcruntime "github.com/bpfc/bpfc/runtime"
)

// native is the CPU level of the machine that bpfc runs on, as the user names it.
const native = "native"

// resolveCPU turns the level native into the highest one that this machine and
// the back end both have. Back ends themselves never look at the machine.
func resolveCPU(asked string, t codegen.Target) string {
	if asked != native {
		return asked
	}
	if slices.Contains(t.CPUs, bpfcruntime.HostCPU()) {
		return bpfcruntime.HostCPU()
	}
	return ""
}

// runCPU is the level of code that runs at once: this machine's, unless the user chose another.
func runCPU(asked string, t codegen.Target) string {
	if asked == "" {
		asked = native
	}
	return resolveCPU(asked, t)
}
