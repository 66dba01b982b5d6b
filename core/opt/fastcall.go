package opt

import (
	"math/bits"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// dropSpills removes the stores and loads by which a program keeps registers over calls that leave them alone
// (abi.FlagFastcall). A compiler writes them for hosts that do not know of it:
//
//	store.u64 [r10-24], r1     the spill defines what is in the slot
//	r0 = cpu                   and nothing writes r1
//	r1 = load.u64 [r10-24]     until the fill
//
// The spills and fills that reach one another are a web: they go together or not at all. They go if all of them are of
// one register, 8 bytes wide; if on no way from a spill to a fill the register is written or a call is made that is not
// marked or not expanded; and if nothing else reads the slot on a way from a spill to where it is written next. What
// is written is what the lowered instructions write, so that an expansion which takes another register keeps the web.
func (p *program) dropSpills() {
	if p.v.Lost() {
		return
	}
	for i := range p.v.Program().Funcs {
		if f := p.out.Funcs[i]; f.Pos != ir.NoPos { // the instructions of a helper's body cannot be told apart
			if slots := spilled(f); slots != 0 {
				s := &spills{program: p, fi: i, f: f}
				s.run(slots)
			}
		}
	}
}

// spilled is the set of slots of f with a spill and a fill.
func spilled(f *ir.Func) uint64 {
	var spill, fill uint64
	for _, b := range f.Blocks {
		for i := range b.Insns {
			switch in := &b.Insns[i]; {
			case isSpill(in):
				spill |= 1 << slotOf(in)
			case isFill(in):
				fill |= 1 << slotOf(in)
			}
		}
	}
	return spill & fill
}

// direct reports whether in loads or stores a whole slot of the frame, as a spill does.
func direct(in *ir.Insn) bool {
	return (in.Op == ir.OpStore || in.Op == ir.OpLoad) && in.Base == ir.R10 && in.Index == ir.None && in.Size == 8 &&
		in.Order == ir.Plain && in.Disp%8 == 0 && in.Disp < 0 && in.Disp >= -ir.MaxStack
}

func isSpill(in *ir.Insn) bool {
	return in.Op == ir.OpStore && in.A >= ir.R0 && in.A <= ir.R9 && direct(in)
}

func isFill(in *ir.Insn) bool { return in.Op == ir.OpLoad && in.Dst <= ir.R9 && direct(in) }

// slotOf is the slot of a direct access, as in verifier.InsnFact.Slots.
func slotOf(in *ir.Insn) int { return int(-in.Disp)/8 - 1 }

// web is spills and fills of which one reaches the other.
type web struct {
	parent int32 // in the forest of webs that became one; itself for those that are one
	reg    ir.Reg
	bad    bool // it stays
	spills int32
	fills  int32
}

// foreign is the web of all that is not a spill.
const foreign = 0

// place is an instruction of the function.
type place struct {
	block ir.BlockID
	index int32
}

// spills is the state of the pass in one function.
type spills struct {
	*program
	fi      int
	f       *ir.Func
	post    []ir.BlockID
	touched map[ir.Pos]uint64 // slots that instructions of the source touch
	calls   map[ir.Pos]bool   // calls of the source that are not marked
	webs    []web
	of      map[place]int32          // webs of spills and fills
	in      [ir.MaxStack / 8][]int32 // by slot and block: the web whose value is in the slot; none if no path has come
	changed bool
}

// maxRounds bounds how often the webs are judged anew: one that stays may keep another of its register from going.
const maxRounds = 16

// none is the web of a slot in a block that no path reaches.
const none = -1

func (s *spills) run(slots uint64) {
	s.post, _ = ir.Postorder(s.f)
	s.source()
	s.webs, s.of = []web{{bad: true}}, map[place]int32{}
	preds := predecessors(s.f, s.post)
	for rest := slots; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		s.connect(slot, s.readLater(slot, preds))
	}
	s.judge()
	s.changed = true
	for round := 0; s.changed; round++ {
		if round == maxRounds {
			return
		}
		s.changed = false
		for rest := slots; rest != 0; rest &= rest - 1 {
			s.follow(bits.TrailingZeros64(rest))
		}
	}
	s.remove()
}

// source collects what is known of the function's instructions by their places in the program.
func (s *spills) source() {
	s.touched, s.calls = map[ir.Pos]uint64{}, map[ir.Pos]bool{}
	facts, p := s.v.Func(s.fi), s.v.Program()
	for _, b := range p.Funcs[s.fi].Blocks {
		for i := range b.Insns {
			in := &b.Insns[i]
			if slots := facts.Insns[int(facts.Start[b.ID])+i].Slots; slots != 0 {
				s.touched[in.Pos] |= slots
			}
			if in.Op.Info().Effects&ir.CallsOut != 0 && !(in.Op == ir.OpCallHelper && p.Helpers[in.Ref.Index].Flags&abi.FlagFastcall != 0) {
				s.calls[in.Pos] = true
			}
		}
	}
}

// use is what an instruction does with a slot.
type use uint8

const (
	reads  use = 1 << iota // some of it
	writes                 // some of it, perhaps
	fills                  // loads all of it
	sets                   // stores all of it
)

// useOf says what in does with the slot.
func (s *spills) useOf(in *ir.Insn, slot int) (u use) {
	e := in.Op.Info().Effects
	switch {
	case direct(in) && slotOf(in) != slot:
		return 0
	case direct(in) && in.Op == ir.OpStore:
		return sets
	case isFill(in):
		return fills
	case e&(ir.UseMem|ir.CallsOut) == 0 || e&(ir.Reads|ir.Writes|ir.CallsOut) == 0:
		return 0
	case s.touches(in)>>slot&1 == 0:
		return 0
	case e&ir.CallsOut != 0:
		return reads | writes
	}
	if e&ir.Reads != 0 {
		u |= reads
	}
	if e&ir.Writes != 0 {
		u |= writes
	}
	return u
}

// touches are the slots that in may touch: what it names itself, and what its source was found to touch.
func (s *spills) touches(in *ir.Insn) uint64 {
	set := s.touched[in.Pos]
	if in.Base == ir.R10 && in.Index == ir.None {
		n := int64(in.Size)
		if in.Op == ir.OpZero {
			n = in.Imm
		}
		set |= verifier.SlotsOf(int64(in.Disp), n)
	}
	return set
}

// readLater finds, by block, whether the slot is read there or later before all of it is stored.
func (s *spills) readLater(slot int, preds [][]ir.BlockID) []bool {
	live, closed := make([]bool, len(s.f.Blocks)), make([]bool, len(s.f.Blocks))
	var work []ir.BlockID
	for _, b := range s.post {
		insns := s.f.Blocks[b].Insns
		first := slices.IndexFunc(insns, func(in ir.Insn) bool { return s.useOf(&in, slot)&(reads|fills|sets) != 0 })
		if first < 0 {
			continue
		}
		closed[b], live[b] = true, s.useOf(&insns[first], slot)&(reads|fills) != 0
		if live[b] {
			work = append(work, b)
		}
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, t := range preds[b] {
			if !live[t] && !closed[t] {
				live[t] = true
				work = append(work, t)
			}
		}
	}
	return live
}

// connect makes the webs of a slot. Those that meet where the slot is still read are one.
func (s *spills) connect(slot int, live []bool) {
	in := make([]int32, len(s.f.Blocks))
	for i := range in {
		in[i] = none
	}
	s.in[slot], in[0] = in, foreign
	work := []ir.BlockID{0}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		at := s.connectBlock(slot, b, in[b])
		succs, n := s.f.Blocks[b].Succs()
		for _, t := range succs[:n] {
			switch {
			case in[t] == none:
				in[t] = at
				work = append(work, t)
			case live[t]:
				s.join(in[t], at)
			}
		}
	}
}

// connectBlock follows the slot through a block and returns what is in it at the end.
func (s *spills) connectBlock(slot int, b ir.BlockID, at int32) int32 {
	insns := s.f.Blocks[b].Insns
	for i := range insns {
		in := &insns[i]
		switch u := s.useOf(in, slot); {
		case u&sets != 0:
			at = foreign
			if isSpill(in) {
				at = int32(len(s.webs))
				s.webs = append(s.webs, web{parent: at, reg: in.A, spills: 1})
				s.of[place{b, int32(i)}] = at
			}
		case u&fills != 0:
			s.of[place{b, int32(i)}] = at
		case u&reads != 0:
			s.webs[s.root(at)].bad = true
		}
	}
	return at
}

// root is the web that w has become.
func (s *spills) root(w int32) int32 {
	for s.webs[w].parent != w {
		s.webs[w].parent = s.webs[s.webs[w].parent].parent
		w = s.webs[w].parent
	}
	return w
}

// join makes two webs one.
func (s *spills) join(a, b int32) {
	a, b = s.root(a), s.root(b)
	if a == b {
		return
	}
	if b < a { // what is foreign stays so
		a, b = b, a
	}
	x, y := &s.webs[a], &s.webs[b]
	y.parent = a
	x.bad = x.bad || y.bad || x.reg != y.reg
	x.spills += y.spills
}

// judge counts fills, and keeps webs with a fill of another register.
func (s *spills) judge() {
	for at, w := range s.of {
		if in := s.at(at); isFill(in) {
			x := &s.webs[s.root(w)]
			x.fills++
			x.bad = x.bad || in.Dst != x.reg
		}
	}
	for i := range s.webs {
		s.webs[i].bad = s.webs[i].bad || s.webs[i].parent == int32(i) && s.webs[i].fills == 0
	}
}

func (s *spills) at(at place) *ir.Insn { return &s.f.Blocks[at.block].Insns[at.index] }

// goes reports whether the instruction at a place is a spill or fill that is to be removed.
func (s *spills) goes(at place) bool {
	w, ok := s.of[at]
	return ok && !s.webs[s.root(w)].bad
}

// follow finds the fills of a slot whose register may no longer have what was spilled, and keeps their webs.
func (s *spills) follow(slot int) {
	spoiled := make([]bool, len(s.f.Blocks))
	work := slices.Clone(s.post)
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if !s.followBlock(slot, b, spoiled[b]) {
			continue
		}
		succs, n := s.f.Blocks[b].Succs()
		for _, t := range succs[:n] {
			if !spoiled[t] {
				spoiled[t] = true
				work = append(work, t)
			}
		}
	}
}

// followBlock follows the register of the web in a slot through a block: does it have another value at the end?
func (s *spills) followBlock(slot int, b ir.BlockID, spoiled bool) bool {
	w := &s.webs[s.root(s.in[slot][b])]
	insns := s.f.Blocks[b].Insns
	for i := range insns {
		in, at := &insns[i], place{b, int32(i)}
		switch u := s.useOf(in, slot); {
		case u&sets != 0:
			w, spoiled = &s.webs[foreign], true
			if isSpill(in) {
				w, spoiled = &s.webs[s.root(s.of[at])], false
			}
			continue
		case u&fills != 0 && spoiled && !w.bad:
			w.bad, s.changed = true, true
		case u&writes != 0:
			spoiled = true
		}
		_, def := in.UseDef()
		if s.barrier(in) || def.Has(w.reg) && !s.goes(at) {
			spoiled = true
		}
	}
	return spoiled
}

// barrier reports whether in belongs to a call that is not marked, or is a call that was not expanded.
func (s *spills) barrier(in *ir.Insn) bool {
	return in.Op.Info().Effects&ir.CallsOut != 0 || s.calls[in.Pos]
}

// remove removes the webs that are not kept, and the part of the frame that nothing uses any more.
func (s *spills) remove() {
	removed := 0
	for _, b := range s.f.Blocks {
		n := 0
		for i := range b.Insns {
			if at := (place{b.ID, int32(i)}); s.goes(at) {
				s.count(&b.Insns[i])
				removed++
				continue
			}
			b.Insns[n] = b.Insns[i]
			n++
		}
		b.Insns = b.Insns[:n]
	}
	if removed > 0 {
		s.live[s.fi] = nil
		s.shrink()
	}
}

func (s *spills) count(in *ir.Insn) {
	if in.Op == ir.OpStore {
		s.stats.Spills++
	} else {
		s.stats.Fills++
	}
	delete(s.touched, in.Pos)
}

// shrink leaves the function as much frame as it uses.
func (s *spills) shrink() {
	entry := s.f.Blocks[0]
	zero := slices.IndexFunc(entry.Insns, func(in ir.Insn) bool { return in.Op == ir.OpZero && in.Base == ir.R10 })
	var used uint64
	for _, slots := range s.touched {
		used |= slots
	}
	frame := int32(8 * bits.Len64(used))
	for _, b := range s.f.Blocks {
		for i := range b.Insns {
			if in := &b.Insns[i]; in.Base == ir.R10 && in.Op != ir.OpLea && !(b == entry && i == zero) {
				frame = max(frame, (-in.Disp+7)&^7)
			}
		}
	}
	if frame >= s.f.Frame {
		return
	}
	s.f.Frame = frame
	switch {
	case zero >= 0 && frame == 0:
		entry.Insns = slices.Delete(entry.Insns, zero, zero+1)
	case zero >= 0:
		entry.Insns[zero].Disp, entry.Insns[zero].Imm = -frame, int64(frame)
	}
}
