package verifier

import "github.com/bpfc/bpfc/core/ir"

// stats says what the analysis cost.
func (a *analysis) stats() Stats { return Stats{Processed: a.steps, Peak: a.peak} }

// hopeless reports whether, under guard, an error only says that the analysis
// did not get through: then what the structure shows has to do.
func (a *analysis) hopeless(err *Error) bool {
	return err.Code == CodeTooComplex || err.Code == CodeCallTarget
}

// conclude makes facts of what the analysis has seen.
func (a *analysis) conclude() {
	strict := a.policy == Strict
	a.walk.exposed = !strict && (a.exposed || a.walk.exposed)
	for fi := range a.facts {
		facts := &a.facts[fi]
		base := a.first[fi]
		for i := range facts.Insns {
			f := &facts.Insns[i]
			f.Dead = a.visits[base+int32(i)] == 0
			f.Sides = a.taken[base+int32(i)]
			f.Moved, f.Slots = max(a.source[base+int32(i)], 0), a.touched[base+int32(i)]
			f.Map, f.Like = a.calledWith(base + int32(i))
			f.Index = max(a.tailIndex[base+int32(i)], 0)
			if !a.flaws[base+int32(i)] {
				f.Proved, f.Aligned = true, f.Aligned || strict
			}
			if strict {
				f.ZeroAfter = 0
			}
		}
		facts.Frame = max(facts.Frame, (a.depth[fi]+7)&^7)
		facts.ZeroFrame = facts.ZeroFrame && !strict || a.unread[fi]
		if strict {
			facts.ZeroEntry = 0 // what was not written is not read
		}
		a.prune(fi)
	}
	a.walk.bound = a.runBound()
	a.walk.lost = a.lost || a.walk.exposed && a.guards() > 0
}

// guards counts the accesses that are checked at run time.
func (a *analysis) guards() (n int) {
	for fi, f := range a.program.Funcs {
		facts := &a.facts[fi]
		for _, b := range f.Blocks {
			for i := range b.Insns {
				fact := &facts.Insns[int(facts.Start[b.ID])+i]
				if b.Insns[i].Op.Info().Effects&ir.UseMem != 0 && !fact.Proved && !fact.Dead {
					n++
				}
			}
		}
	}
	return n
}

// endless is the Error of a loop of which nothing shows that it ends.
func (a *analysis) endless(p *path, m *mark) *Error {
	f := a.program.Funcs[p.top().fn]
	e := a.fail(CodeEndless, f, p.topPos(a), "the loop that begins here is not known to end: no number in it goes one way towards a bound")
	e.trail, e.path = p.trail, p
	if m != nil && (m.widened || m.ranked) {
		e.endless = m
	}
	return e
}
