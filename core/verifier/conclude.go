package verifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// stats says what the analysis cost.
func (a *analysis) stats() Stats { return Stats{Processed: a.steps, Peak: a.peak} }

// hopeless reports whether, under guard, an error only says that the analysis
// did not get through: then what the structure shows has to do.
func (a *analysis) hopeless(err *Error) bool {
	return err.Code == CodeTooComplex || err.Code == CodeCallTarget
}

// conclude makes facts of what the analysis has seen.
func (a *analysis) conclude() {
	a.walk.exposed = a.exposed || a.policy == Guard && a.walk.exposed
	for fi := range a.facts {
		facts := &a.facts[fi]
		base := a.first[fi]
		for i := range facts.Insns {
			f := &facts.Insns[i]
			f.Dead = a.visits[base+int32(i)] == 0
			f.Sides = a.taken[base+int32(i)]
			if !a.flaws[base+int32(i)] {
				f.Proved, f.Aligned = true, f.Aligned || a.policy == Strict
			}
		}
		if a.policy == Strict {
			facts.Frame = (a.depth[fi] + 7) &^ 7
			facts.ZeroFrame = a.unread[fi]
		}
	}
}

// guards counts the accesses that are checked at run time.
func (a *analysis) guards(complete bool) (n int) {
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

// Polls counts the points where the program may be interrupted: loop heads that are reached.
func (v *Verified) Polls() (n int) {
	for fi := range v.funcs {
		facts := &v.funcs[fi]
		for b, head := range facts.LoopHeads {
			if (head || b == 0 && facts.PollEntry) && !facts.Insns[facts.Start[b]].Dead {
				n++
			}
		}
	}
	return n
}

// endless is the Error of a loop of which nothing shows that it ends.
func (a *analysis) endless(p *path, m *mark) *Error {
	f := a.program.Funcs[p.top().fn]
	e := a.fail(CodeEndless, f, p.topPos(a), "the loop that begins here is not known to end: no number in it goes one way towards a bound")
	e.trail = p.trail
	if m != nil && m.widened {
		e.endless = m
	}
	return e
}

// tooComplex is the Error of an analysis that takes too long; it names what was looked at most often.
func (a *analysis) tooComplex(p *path, in *ir.Insn) *Error {
	type spot struct {
		fn   int
		pos  ir.Pos
		n    uint32
		loop bool
	}
	var spots []spot
	for fi, f := range a.program.Funcs {
		for _, b := range f.Blocks {
			gi := a.first[fi] + a.facts[fi].Start[b.ID]
			if a.joins[gi] {
				spots = append(spots, spot{fi, b.Insns[0].Pos, a.visits[gi], a.facts[fi].LoopHeads[b.ID]})
			}
		}
	}
	slices.SortStableFunc(spots, func(x, y spot) int { return int(y.n) - int(x.n) })
	var most []string
	for _, s := range spots[:min(3, len(spots))] {
		kind := "join"
		if s.loop {
			kind = "loop"
		}
		where := ""
		if l := a.program.Source(s.pos); l != nil && l.File != "" {
			where = fmt.Sprintf(" (%s:%d)", l.File, l.Line)
		}
		most = append(most, fmt.Sprintf("the %s at insn %d%s of %s %d times", kind, s.pos, where, a.program.Funcs[s.fn].Name, s.n))
	}
	e := a.fail(CodeTooComplex, a.program.Funcs[p.top().fn], in.Pos, "more than %d instructions were looked at without an end", a.limit)
	if len(most) > 0 {
		e.Msg += ": " + strings.Join(most, ", ")
	}
	return e
}

// journal prints the steps of an analysis.
type journal struct{ line func(string) }

func newJournal(line func(string)) *journal {
	if line == nil {
		return nil
	}
	return &journal{line}
}

// step prints an instruction and the values that it starts from.
func (j *journal) step(a *analysis, p *path, in *ir.Insn) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d: %-40s ;", in.Pos, in.String())
	f := p.top()
	for r, v := range f.regs[:10] {
		if v != 0 {
			fmt.Fprintf(&b, " R%d=%s", r, a.show(v))
		}
	}
	for k := range f.slots[:f.used] {
		if s := &f.slots[k]; s.size != 0 {
			fmt.Fprintf(&b, " fp-%d=%s", 8*(k+1), a.show(s.val))
		}
	}
	j.line(b.String())
}

// shortNames are the kinds in the log, as in the kernel's.
var shortNames = [...]string{isNothing: "?", isScalar: "", isCtx: "ctx", isStack: "fp", isPacket: "pkt", isPacketEnd: "pkt_end", isPacketMeta: "pkt_meta",
	isMemory: "mem", isMemoryEnd: "mem_end", isMapValue: "map_value", isMap: "map_ptr", isData: "data", isMem: "mem", isStruct: "struct", isFunc: "func", isDynptr: "dynptr", isIter: "iter"}

// show is a value in the log.
func (a *analysis) show(v ref) string {
	n := a.at(v)
	mark := ""
	if n.flags&precise != 0 {
		mark = "P"
	}
	if n.kind == isScalar {
		return mark + n.num.String()
	}
	s := shortNames[n.kind]
	if n.flags&orNull != 0 {
		s += "_or_null"
	}
	if c, ok := n.num.Const(); !ok || c != 0 {
		s += "+" + n.num.String()
	}
	if n.off != 0 {
		s += signed(n.off)
	}
	if n.id != 0 {
		s += fmt.Sprintf("#%d", n.id)
	}
	return s
}

// rangeText is a range of return values in words.
func rangeText(r *abi.Range) string {
	if r.Min == r.Max {
		return fmt.Sprintf("%d", r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}
