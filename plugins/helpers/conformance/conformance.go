// Package conformance is the helper set of the public bpf_conformance suite:
// programs of type mem, and one helper, number 5, which returns its argument.
// It takes the place of the set base; the two cannot be merged.
package conformance

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
)

// Helper is the number of the helper that the suite's programs call.
const Helper = 5

// Set returns the set "conformance". The caller owns the result.
func Set() *abi.Set {
	return &abi.Set{
		Name: "conformance",
		Types: []abi.ProgType{{
			Name:     "mem",
			Sections: []string{"mem", "mem/*"},
			Context:  abi.Context{Kind: abi.CtxMemory, Name: "memory"},
			Helpers:  []string{"identity"},
		}},
		Helpers: []abi.Helper{{
			ID:   Helper,
			Name: "identity",
			Args: [5]abi.ArgKind{abi.ArgAny},
			Ret:  abi.RetInteger,
			Impl: abi.ImplBody,
			Body: identity(),
		}},
	}
}

// identity is the helper as BPF bytecode: it returns its argument.
func identity() []byte {
	body, err := isa.Encode(isa.Prog(isa.Mov64Reg(isa.R0, isa.R1), isa.Return()))
	if err != nil {
		panic("conformance: the body of identity does not encode: " + err.Error())
	}
	return body
}
