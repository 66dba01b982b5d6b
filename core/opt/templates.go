package opt

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// template is a function that lowerings add to a program: what helpers do that call functions, or that look where
// programs cannot. It is written as IR before lowering, and trusted: none of its accesses has a guard.
type template struct {
	name string
	text string // with args in the places of %d
	args []any
	// callees are the functions that its calls through registers may reach. Each set of them has a template of its own:
	// the function of a loop may itself have a loop, and no function calls itself.
	callees []int32
}

// loopText is bpf_loop (kernel/bpf/bpf_iter.c, Linux 6.18).
const loopText = `func@0 "loop" pos 0 frame 0 {
b0:
  br64 ne r4, 0 -> b6, b1
b1:
  r6 = mov32 r1
  br64 ugt r6, 8388608 -> b7, b2
b2:
  r7 = mov64 r2
  r8 = mov64 r3
  r9 = mov64 0
  jmp -> b3
b3:
  poll
  br64 uge r9, r6 -> b5, b4
b4:
  r1 = mov64 r9
  r2 = mov64 r8
  call.reg r7
  r9 = add64 r9, 1
  br64 ne r0, 0 -> b5, b3
b5:
  r0 = mov64 r9
  exit
b6:
  r0 = mov64 -22
  exit
b7:
  r0 = mov64 -7
  exit
}
`

// eachText is bpf_for_each_map_elem (kernel/bpf/bpf_iter.c, Linux 6.18). The cursor is at R10-8, the key below it.
const eachText = `func@0 "each" pos 0 frame %[1]d {
b0:
  br64 ne r4, 0 -> b5, b1
b1:
  r6 = mov64 r1
  r7 = mov64 r2
  r8 = mov64 r3
  r9 = mov64 0
  store.u64 [r10-8], 0
  jmp -> b2
b2:
  poll
  r1 = mov64 r6
  r2 = add64 r10, -8
  r3 = add64 r10, -%[1]d
  call.helper helper@%[2]d
  br64 eq r0, 0 -> b4, b3
b3:
  r1 = mov64 r6
  r2 = add64 r10, -%[1]d
  r3 = mov64 r0
  r4 = mov64 r8
  call.reg r7
  r9 = add64 r9, 1
  br64 ne r0, 0 -> b4, b2
b4:
  r0 = mov64 r9
  exit
b5:
  r0 = mov64 -22
  exit
}
`

// added is the number that the template has as a function of the program.
func (p *program) added(t template) int32 {
	for _, c := range t.callees {
		t.name += fmt.Sprintf(".%d", c)
	}
	i := slices.IndexFunc(p.templates, func(x template) bool { return x.name == t.name })
	if i < 0 {
		i = len(p.templates)
		p.templates = append(p.templates, t)
	}
	return int32(len(p.v.Program().Funcs) + i)
}

// lowerTemplates lowers the templates that were added, and those that they add.
func (p *program) lowerTemplates() {
	for i := 0; i < len(p.templates); i++ {
		f := p.templates[i].parse()
		l := &lowering{program: p, src: f, fi: noFunc, facts: trusted(f), callees: p.templates[i].callees}
		p.out.Funcs = append(p.out.Funcs, l.run())
		p.live = append(p.live, l.live)
	}
}

// noFunc is the number of a function that was not verified.
const noFunc = -1

// parse reads the text. An error in it is a bug, which the tests of the templates find.
func (t *template) parse() *ir.Func {
	out, err := ir.Parse(t.name, fmt.Sprintf(t.text, t.args...))
	if err != nil {
		panic(fmt.Sprintf("opt: template %s: %v", t.name, err))
	}
	f := out.Funcs[0]
	f.Name, f.Pos = t.name, ir.NoPos
	for _, b := range f.Blocks {
		for i := range b.Insns {
			b.Insns[i].Pos = ir.NoPos
		}
	}
	return f
}

// trusted are facts that leave a function as it is.
func trusted(f *ir.Func) *verifier.FuncFacts {
	facts := &verifier.FuncFacts{Frame: f.Frame, LoopHeads: make([]bool, len(f.Blocks))}
	for _, b := range f.Blocks {
		facts.Start = append(facts.Start, int32(len(facts.Insns)))
		facts.Live = append(facts.Live, everything)
		for range b.Insns {
			facts.Insns = append(facts.Insns, verifier.InsnFact{Proved: true, Aligned: true})
		}
	}
	return facts
}
