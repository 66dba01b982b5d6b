package interp

import "github.com/bpfc/bpfc/core/ir"

// Runs reports whether the op is decoded.
func Runs(op ir.Op) bool { return decoders[op] != nil }
