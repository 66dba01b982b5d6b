package opt

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// dropAbsent takes the helper without a name out of the unit: it stands for calls that
// cannot be made (ir.Program.Absent), to which no path leads, so that none is left.
func dropAbsent(u *codegen.Unit) {
	absent := slices.IndexFunc(u.Helpers, func(h abi.Helper) bool { return h.Name == "" })
	if absent < 0 {
		return
	}
	u.Helpers = slices.Delete(slices.Clone(u.Helpers), absent, absent+1)
	for _, p := range u.Programs {
		p.Helpers = u.Helpers
		for _, f := range p.Funcs {
			for _, b := range f.Blocks {
				for i := range b.Insns {
					if in := &b.Insns[i]; in.Op == ir.OpCallHelper && in.Ref.Index > int32(absent) {
						in.Ref.Index--
					}
				}
			}
		}
	}
}
