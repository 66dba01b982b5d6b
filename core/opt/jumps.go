package opt

import "github.com/bpfc/bpfc/core/ir"

// threadJumps lets branches lead where they end up, past blocks that only jump on,
// as the back edges of compilers' loops do: `if r1 == r2 goto out; goto head`.
// Blocks that nothing leads to any more go.
func (p *program) threadJumps() {
	for _, f := range p.out.Funcs {
		ir.ThreadJumps(f)
	}
}
