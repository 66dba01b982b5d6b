package opt

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// Loops of one block whose number of turns is known are unrolled: most turns need no test then, and additions to what
// counts the turns become displacements. unrolled is the most turns that become one, unrolledInsns the most instructions.
const (
	unrolled      = 8
	unrolledInsns = 64
)

// unroll unrolls the loops of every function.
func (p *program) unroll() {
	for _, f := range p.out.Funcs {
		preds, defs := predecessors(f, inOrder(f)), definitions(f)
		for _, b := range f.Blocks {
			if l, ok := loopOf(f, b, preds, defs); ok {
				l.unroll()
			}
		}
	}
}

// selfLoop is a loop of one block, and the block on its edge back.
type selfLoop struct {
	f          *ir.Func
	body, back *ir.Block
	before     ir.BlockID // where it is entered from
	defs       []*ir.Insn // of the function, by virtual register
	times      int        // that it is unrolled
}

// loopOf is the loop that b is, if it is one that is worth unrolling.
func loopOf(f *ir.Func, b *ir.Block, preds [][]ir.BlockID, defs []*ir.Insn) (l selfLoop, ok bool) {
	t := b.Terminator()
	if t.Op != ir.OpBr || len(preds[b.ID]) != 2 {
		return l, false
	}
	for _, s := range [...]ir.BlockID{t.Then, t.Else} {
		if back := f.Blocks[s]; len(back.Insns) == 1 && back.Insns[0].Op == ir.OpJmp && back.Insns[0].Then == b.ID && len(preds[s]) == 1 {
			l = selfLoop{f: f, body: b, back: back, before: preds[b.ID][0], defs: defs}
			if l.before == s {
				l.before = preds[b.ID][1]
			}
		}
	}
	if l.body == nil {
		return l, false
	}
	turns := l.turns()
	for n := unrolled; n > 1; n /= 2 {
		if turns%uint64(n) == 0 && turns > 0 && (len(b.Insns)-1)*n <= unrolledInsns {
			l.times = n
			return l, true
		}
	}
	return l, false
}

// turns is how often the loop turns, 0 if that is not known: it adds a number to a parameter that begins with a constant, until
// the sum is another constant.
func (l *selfLoop) turns() uint64 {
	t := l.body.Terminator()
	leaves := isa.EQ
	if t.Then == l.back.ID {
		leaves = isa.NE
	}
	if t.Cond != leaves || t.Width != 64 || t.B != ir.None {
		return 0
	}
	for i := range l.body.Insns {
		in := &l.body.Insns[i]
		if in.Dst != t.A || in.Op != ir.OpAdd || in.Width != 64 || in.B != ir.None || in.Imm <= 0 {
			continue
		}
		for k, p := range l.body.Params {
			if begin, ok := l.begin(k); p == in.A && l.back.Args[0][k] == t.A && ok && t.Imm > begin && uint64(t.Imm-begin)%uint64(in.Imm) == 0 {
				return uint64(t.Imm-begin) / uint64(in.Imm)
			}
		}
	}
	return 0
}

// begin is the constant with which parameter k begins.
func (l *selfLoop) begin(k int) (n int64, ok bool) {
	b := l.f.Blocks[l.before]
	succs, _ := b.Succs()
	e := 0
	if succs[0] != l.body.ID {
		e = 1
	}
	if r := b.Args[e][k]; r >= ir.FirstVirtual {
		return numberOf(l.defs[r-ir.FirstVirtual])
	}
	return 0, false
}

// unroll puts as many turns behind one another. What others use of the loop are the values of the last.
func (l *selfLoop) unroll() {
	last := len(l.body.Insns) - 1
	body, t := l.body.Insns[:last:last], l.body.Insns[last]
	now := map[ir.Reg]ir.Reg{} // the values of the turn at hand, by those of the first
	of := func(r ir.Reg) ir.Reg {
		if n, ok := now[r]; ok {
			return n
		}
		return r
	}
	insns := append([]ir.Insn(nil), body...)
	for range l.times - 1 {
		next := map[ir.Reg]ir.Reg{}
		for k, p := range l.body.Params {
			next[p] = of(l.back.Args[0][k])
		}
		now = next
		for i := range body {
			in := body[i]
			in.A, in.B, in.Base, in.Index = of(in.A), of(in.B), of(in.Base), of(in.Index)
			if in.Dst >= ir.FirstVirtual {
				v := ir.FirstVirtual + ir.Reg(l.f.Virtual)
				l.f.Virtual++
				now[in.Dst], in.Dst = v, v
			}
			insns = append(insns, in)
		}
	}
	for _, b := range l.f.Blocks {
		if b == l.body {
			continue
		}
		for i := range b.Insns {
			in := &b.Insns[i]
			in.A, in.B, in.Base, in.Index = of(in.A), of(in.B), of(in.Base), of(in.Index)
		}
		for e := range b.Args {
			for i, r := range b.Args[e] {
				b.Args[e][i] = of(r)
			}
		}
	}
	t.A = of(t.A)
	l.body.Insns = append(insns, t)
}
