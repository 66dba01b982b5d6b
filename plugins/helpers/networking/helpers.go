package networking

import "github.com/bpfc/bpfc/core/abi"

// helpers are the prototypes of the set.
func helpers() []abi.Helper { return nil }
