// Package networking declares the program types of Linux's network stack, their
// contexts field by field, and the helpers that belong to them. It describes:
// no helper runs here. The facts are those that Linux 6.18 enforces; a test
// compares them with the running kernel.
package networking

import "github.com/bpfc/bpfc/core/abi"

// Set returns the set "networking". The caller owns the result.
func Set() *abi.Set {
	return &abi.Set{
		Name:    "networking",
		Types:   types(),
		Helpers: running(helpers()),
		Structs: structs(),
	}
}
