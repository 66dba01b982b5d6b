package verifier

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/ir"
)

// possible says which ways lead on from an instruction that is reached: the sides
// of a branch, sideThen for every other instruction that goes on in its block or jumps.
func (facts *FuncFacts) possible(t *ir.Insn, fact *InsnFact) (sides uint8) {
	dead := func(b ir.BlockID) bool { return facts.Insns[facts.Start[b]].Dead }
	switch t.Op {
	case ir.OpJmp:
		if !dead(t.Then) {
			sides = sideThen
		}
	case ir.OpBr, ir.OpMayGoto:
		sides = fact.Sides
		if sides == 0 {
			sides = sideThen | sideElse
		}
		if dead(t.Then) {
			sides &^= sideThen
		}
		if dead(t.Else) {
			sides &^= sideElse
		}
	}
	return sides
}

// prune takes what no path reaches out of the facts: sides that lead to dead blocks, and
// the heads of loops that do not turn.
func (w *walk) prune(fi int) {
	facts, f := &w.facts[fi], w.program.Funcs[fi]
	live := &ir.Func{Blocks: make([]*ir.Block, len(f.Blocks))}
	blocks, ends := make([]ir.Block, len(f.Blocks)), make([]ir.Insn, len(f.Blocks))
	for i, b := range f.Blocks {
		n := len(b.Insns)
		t, fact := &b.Insns[n-1], &facts.Insns[int(facts.Start[i])+n-1]
		ends[i] = ir.Insn{Op: ir.OpExit}
		if !fact.Dead {
			fact.Sides = facts.possible(t, fact)
			ends[i] = shortened(t, fact.Sides)
		}
		blocks[i] = ir.Block{ID: b.ID, Insns: ends[i : i+1]}
		live.Blocks[i] = &blocks[i]
	}
	_, facts.LoopHeads = ir.Postorder(live)
}

// shortened is the terminator t with the sides that are possible.
func shortened(t *ir.Insn, sides uint8) ir.Insn {
	switch sides {
	case sideThen:
		return ir.Insn{Op: ir.OpJmp, Then: t.Then}
	case sideElse:
		return ir.Insn{Op: ir.OpJmp, Then: t.Else}
	case sideThen | sideElse:
		return ir.Insn{Op: ir.OpBr, Then: t.Then, Else: t.Else}
	}
	return ir.Insn{Op: ir.OpExit}
}

// Bound bounds the instructions of a whole run, helpers counted as one each; 0 if no bound is known.
func (v *Verified) Bound() uint64 { return v.bound }

// Polled reports whether block b of function fi begins with a point where the program may be interrupted:
// at heads of loops and, where calls alone run for long, at the entry of functions. A program whose run is
// known to be short has none.
func (v *Verified) Polled(fi, b int) bool {
	facts := &v.funcs[fi]
	if v.bound > 0 && v.bound <= maxUnpolled || facts.Insns[facts.Start[b]].Dead {
		return false
	}
	return facts.LoopHeads[b] || b == 0 && facts.PollEntry
}

// Polls counts the blocks that are Polled.
func (v *Verified) Polls() (n int) {
	for fi := range v.funcs {
		for b := range v.funcs[fi].LoopHeads {
			if v.Polled(fi, b) {
				n++
			}
		}
	}
	return n
}

// noteTurn keeps what bounds the turns of a loop that p closes at m.
func (a *analysis) noteTurn(m *mark, p *path) {
	if p.ticks > m.path.ticks {
		a.unended = true
		return
	}
	for _, t := range a.turning {
		if t == m {
			return
		}
	}
	a.turning = append(a.turning, m)
}

// runBound bounds the instructions of a run, 0 if that is not known. A run follows the
// paths of the walk, and goes on at a mark where a path was ended by it. All ways from such
// a mark had been followed then, so that no step comes twice but by the turns of loops that
// were closed; each of those multiplies what a run may take at most by its number of turns.
func (a *analysis) runBound() uint64 {
	if a.policy == Guard || a.unended || len(a.roots) > 1 {
		return 0
	}
	n := uint64(a.steps)
	for _, m := range a.turning {
		if m.dead {
			continue
		}
		turns := a.turnsOf(m)
		if turns == 0 || turns > maxUnpolled || n > maxUnpolled {
			return 0
		}
		n *= turns
	}
	return n
}

// turnsOf bounds how often the head m of a loop is passed in a row, 0 if that is not known: a number
// that goes one way, by no less than what all its values are multiples of, leaves its range.
func (a *analysis) turnsOf(m *mark) (least uint64) {
	for _, r := range m.rank {
		v := m.path.value(r.place)
		if v == 0 {
			continue
		}
		num := a.wholeOf(a.at(v))
		span := num.UMax() - num.UMin()
		if r.signed {
			span = uint64(num.SMax()) - uint64(num.SMin())
		}
		turns := span>>bits.TrailingZeros64(num.Mask|1<<63) + 2
		if least == 0 || turns < least {
			least = turns
		}
	}
	return least
}
