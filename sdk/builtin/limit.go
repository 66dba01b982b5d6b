package builtin

import (
	"fmt"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// MaxInsns is the largest program that is read, in 8-byte slots: what Linux
// takes from a privileged loader (BPF_COMPLEXITY_LIMIT_INSNS, Linux 6.18).
const MaxInsns = 1_000_000

func tooLong(name string, slots int) error {
	return &codegen.UnsupportedError{
		What: fmt.Sprintf("%s: a program of %d instructions", name, slots),
		Msg:  fmt.Sprintf("at most %d can be handled", MaxInsns),
	}
}

// checkBytes refuses bytecode before its instructions take memory.
func checkBytes(name string, b []byte) error {
	if slots := len(b) / isa.SlotSize; slots > MaxInsns {
		return tooLong(name, slots)
	}
	return nil
}

// checkLength refuses programs that are too long, whatever they came from.
func checkLength(o *obj.Object) error {
	for _, p := range o.Programs {
		if len(p.Insns) > MaxInsns {
			return tooLong(o.Name, len(p.Insns))
		}
	}
	return nil
}
