package verifier

import (
	"math/bits"
	"slices"

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

// prune takes the heads of loops that do not turn out of the facts.
func (w *walk) prune(fi int) {
	_, w.facts[fi].LoopHeads = ir.Postorder(w.shape(fi))
}

// shape is function fi with the branches that are possible, and nothing else.
func (w *walk) shape(fi int) *ir.Func {
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
	return live
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
	if !m.turned {
		m.turned = true
		a.turning = append(a.turning, m)
	}
}

// runBound bounds the instructions of a run, 0 if that is not known. A run follows the
// paths of the walk, and goes on at a mark where a path was ended by it. All ways from such
// a mark had been followed then, so that no step comes twice, but by the turns of loops that
// were closed: without those the steps of the walk are a bound.
func (a *analysis) runBound() uint64 {
	if a.policy == Guard || a.unended || len(a.roots) > 1 {
		return 0
	}
	turns := make([]uint64, len(a.visits))
	for gi, n := range a.visits {
		turns[gi] = uint64(n)
	}
	closed := false
	for _, m := range a.turning {
		if m.gone {
			continue
		}
		n := a.turnsOf(m)
		if n == 0 {
			return 0
		}
		closed, turns[m.gi] = true, turns[m.gi]+n
	}
	if !closed {
		return uint64(a.steps)
	}
	return a.nestBound(turns)
}

// beyond is more than any bound that helps.
const beyond = maxUnpolled + 1

// nestBound bounds the instructions of a run by the structure of the program: each block
// as often as the loops around it turn, calls with what the callee takes; 0 if that is not known or too long. By
// instruction, turns holds how often the head of a loop is passed while no loop around it turns.
func (a *analysis) nestBound(turns []uint64) uint64 {
	cost := make([]uint64, len(a.facts))
	for _, fi := range slices.Backward(a.order) {
		times, ok := a.times(fi, turns)
		if !ok {
			return 0
		}
		f := a.program.Funcs[fi]
		for i, b := range f.Blocks {
			cost[fi] = min(cost[fi]+times[i]*uint64(len(b.Insns)), beyond)
			for j := range b.Insns {
				if b.Insns[j].Op == ir.OpCall {
					cost[fi] = min(cost[fi]+times[i]*cost[b.Insns[j].Ref.Index], beyond)
				}
			}
		}
	}
	if a.indirect > 0 || cost[0] == beyond {
		return 0
	}
	return cost[0]
}

// times bounds how often each block of function fi runs in a call of it. It reports false
// where loops are entered elsewhere than at their heads.
func (a *analysis) times(fi int32, turns []uint64) (times []uint64, ok bool) {
	f, facts := a.shape(int(fi)), &a.facts[fi]
	post, heads := ir.Postorder(f)
	times = make([]uint64, len(f.Blocks))
	for _, b := range post {
		times[b] = 1
	}
	loops := newLoops(f, post)
	for h, head := range heads {
		if !head {
			continue
		}
		body := loops.body(ir.BlockID(h))
		if slices.Contains(body[1:], 0) {
			return nil, false
		}
		for _, b := range body {
			times[b] = min(times[b]*turns[a.first[fi]+facts.Start[h]], beyond)
		}
	}
	return times, true
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
		turns := min(span>>bits.TrailingZeros64(num.Mask|1<<63), beyond) + 2
		if least == 0 || turns < least {
			least = turns
		}
	}
	return least
}

// absentCall refuses a program that has a call which cannot be made, where it is not known which calls paths lead to.
func (w *walk) absentCall() *Error {
	for _, f := range w.program.Funcs {
		if err := insns(f, func(in *ir.Insn) *Error {
			why := w.program.Absent[in.Pos]
			if why == nil || in.Op != ir.OpCallHelper {
				return nil
			}
			return w.fail(Code(why.Code), f, in.Pos, "%s", why.Msg)
		}); err != nil {
			return err
		}
	}
	return nil
}
