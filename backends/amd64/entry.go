package amd64

import (
	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/abi"
)

const implNative = abi.ImplNative

// cEntry is where the C entries of a program begin.
type cEntry struct{ plain, checked asm.Mark }

func (e *emitter) rodata() []byte { return nil }

func (e *emitter) objectEntries() {}
