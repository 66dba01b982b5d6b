package opt

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// runnable refuses what can be verified but not lowered in this version: helpers without an
// implementation, packet loads of types without a helper for them.
func runnable(v *verifier.Verified) error {
	p := v.Program()
	for fi, f := range p.Funcs {
		facts := v.Func(fi)
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if facts.Insns[int(facts.Start[b.ID])+i].Dead {
					continue
				}
				if why := obstacle(v, &b.Insns[i]); why != "" {
					return &codegen.UnsupportedError{What: fmt.Sprintf("program %q", p.Name), Msg: fmt.Sprintf("insn %d: %s", b.Insns[i].Pos, why)}
				}
			}
		}
	}
	return nil
}

// obstacle says why an instruction cannot be lowered, "" if it can.
func obstacle(v *verifier.Verified, in *ir.Insn) string {
	switch {
	case (in.Op == ir.OpLoadAbs || in.Op == ir.OpLoadInd) && v.Type().Loads == "":
		return fmt.Sprintf("packet loads do not run in programs of type %s", v.Type().Name)
	case in.Op == ir.OpCallHelper:
		return cannotCall(&v.Program().Helpers[in.Ref.Index])
	}
	return ""
}

// cannotCall says why a helper cannot be called.
func cannotCall(h *abi.Helper) string {
	switch {
	case h.Intrinsic == abi.IntrinsicForEach && h.With == "", h.Impl == abi.ImplNone:
		return fmt.Sprintf("%s is declared but does not run in this version", h.Name)
	}
	return ""
}
