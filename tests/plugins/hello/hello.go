// Package hello is a helper set of a third party: a program type with a context of its own, a helper in Go and one that
// is BPF. It imports the SDK alone. bpfc-helpers-hello serves it as a plugin; a program that imports it links it.
package hello

import (
	"encoding/binary"
	"fmt"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
)

// Set declares it.
func Set() *sdk.Set {
	s := sdk.NewSet("hello")
	s.Type("hello", sdk.Struct("hello_ctx", sdk.U32("user"), sdk.Writable(sdk.U32("length")))).Returns = sdk.Range{Max: 1}
	s.Go("greet", sdk.Args{sdk.ArgCtx, sdk.ArgMemWrite, sdk.ArgSize}).Flags = sdk.FlagReturnsLength
	s.Body("twice", sdk.Args{sdk.ArgAny}, asm.MustBody(
		asm.MovReg(asm.R0, asm.R1),
		asm.AddReg(asm.R0, asm.R1),
		asm.Exit()))
	return s.Set()
}

// Implement runs hello/greet: it writes a greeting for the context's user.
func Implement(sdk.Home) (sdk.Implementation, error) {
	return sdk.Implementation{Helpers: map[string]sdk.GoHelper{
		"hello/greet": func(c sdk.Call, _, text, size, _, _ uint64) uint64 {
			user := binary.LittleEndian.Uint32(c.Context())
			return uint64(copy(c.Bytes(text, size, true), fmt.Sprintf("hello, user %d", user)))
		},
	}}, nil
}
