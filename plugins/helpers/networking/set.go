package networking

import "github.com/bpfc/bpfc/core/abi"

// Set returns the set "networking". The caller owns the result.
func Set() *abi.Set {
	return &abi.Set{
		Name:    "networking",
		Types:   types(),
		Helpers: expanding(running(helpers())),
		Structs: structs(),
	}
}
