package opt

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// runnable refuses what can be verified but not lowered in this version: packet loads,
// and helpers without an implementation.
func runnable(v *verifier.Verified) error {
	p := v.Program()
	refuse := func(format string, args ...any) error {
		return &codegen.UnsupportedError{What: fmt.Sprintf("program %q", p.Name), Msg: fmt.Sprintf(format, args...)}
	}
	for fi, f := range p.Funcs {
		facts := v.Func(fi)
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if facts.Insns[int(facts.Start[b.ID])+i].Dead {
					continue
				}
				if why := obstacle(p, &b.Insns[i]); why != "" {
					return refuse("insn %d: %s", b.Insns[i].Pos, why)
				}
			}
		}
	}
	return nil
}

// obstacle says why an instruction cannot be lowered, "" if it can.
func obstacle(p *ir.Program, in *ir.Insn) string {
	switch {
	case in.Op == ir.OpLoadAbs || in.Op == ir.OpLoadInd:
		return "packet loads do not run in this version"
	case in.Op == ir.OpCallHelper:
		return cannotCall(&p.Helpers[in.Ref.Index])
	}
	return ""
}

// cannotCall says why a helper cannot be called.
func cannotCall(h *abi.Helper) string {
	if h.Impl == abi.ImplNone || h.Impl == abi.ImplIntrinsic {
		return fmt.Sprintf("%s is declared but does not run in this version", h.Name)
	}
	return ""
}
