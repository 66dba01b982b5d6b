package opt

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
)

// Bounds of what is inlined, in instructions without exits and polls: of a function that is called in several places, where a
// copy is hardly longer than the call and what it costs, and of one that is called in one place, which goes with it.
const (
	maxCallee     = 8
	maxOnlyCallee = 64
)

// calleeSaved are the registers that a call leaves alone.
const calleeSaved = ir.RegSet(0xf << 6) // R6 to R9

// inline puts functions of the program, bodies of helpers among them, in the places of their calls. Those are inlined
// that make no call, have a size within the bounds, and write of R6 to R9 only what the caller does not need after the call.
// One that has a frame is inlined only if its caller then calls nothing any more: its frame becomes a part of the caller's, in
// the place where it was, and no other moves. Instructions keep their places in the source. What nothing calls any more and
// whose address is not taken returns 0; functions keep their numbers, which are values of the program.
func (p *program) inline() {
	x := &inliner{program: p, sites: make([]int, len(p.out.Funcs)), taken: make([]bool, len(p.out.Funcs)), seen: make([]bool, len(p.out.Funcs))}
	for _, f := range p.out.Funcs {
		eachRef(f, func(in *ir.Insn) {
			x.sites[in.Ref.Index]++
			x.taken[in.Ref.Index] = x.taken[in.Ref.Index] || in.Op == ir.OpAddr
		})
	}
	x.visit(0)
	clear(x.seen)
	x.mark(0)
	for i, f := range p.out.Funcs {
		if !x.seen[i] {
			none := []ir.Insn{{Op: ir.OpMov, Width: 64, Dst: ir.R0, Pos: f.Pos}, {Op: ir.OpExit, Pos: f.Pos}}
			f.Blocks, f.Frame, p.live[i] = []*ir.Block{{Insns: none}}, 0, nil
		}
	}
}

// inliner is the state of the pass.
type inliner struct {
	*program
	sites []int  // by function: its calls, and the places where its address is taken
	taken []bool // by function: whether its address is taken
	seen  []bool
}

// eachRef calls do with the instructions of f that call a function or take its address.
func eachRef(f *ir.Func, do func(*ir.Insn)) {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if in := &b.Insns[i]; in.Ref.Kind == ir.RefFunc {
				do(in)
			}
		}
	}
}

// visit inlines into function i, after what it calls.
func (x *inliner) visit(i int32) {
	if x.seen[i] {
		return
	}
	x.seen[i] = true
	eachRef(x.out.Funcs[i], func(in *ir.Insn) { x.visit(in.Ref.Index) })
	x.into(i)
}

// mark marks function i and what it refers to.
func (x *inliner) mark(i int32) {
	if !x.seen[i] {
		x.seen[i] = true
		eachRef(x.out.Funcs[i], func(in *ir.Insn) { x.mark(in.Ref.Index) })
	}
}

// into inlines what it may into function i.
func (x *inliner) into(i int32) {
	f := x.out.Funcs[i]
	places, all := x.places(f)
	if !all {
		for at, g := range places {
			if g.Frame > 0 {
				delete(places, at)
			}
		}
	}
	x.stats.Inlined += len(places)
	if len(places) > 0 {
		(&splicing{f: f, base: f.Frame, heads: make([]ir.BlockID, len(f.Blocks))}).run(places)
		x.live[i] = nil
	}
}

// places are the calls of f that may be replaced, with the functions that they call. all reports whether those are all its calls.
func (x *inliner) places(f *ir.Func) (places map[place]*ir.Func, all bool) {
	all = true
	var live []ir.RegSet
	for _, b := range f.Blocks {
		for i := range b.Insns {
			in := &b.Insns[i]
			all = all && (in.Op == ir.OpCall || in.Op == ir.OpCallHelper || !in.Op.Info().Has(ir.CallsOut))
			if in.Op != ir.OpCall {
				continue
			}
			g, wrote, ok := x.callee(in.Ref.Index, f.Frame)
			if ok && wrote != 0 {
				if live == nil {
					post, _ := ir.Postorder(f)
					live = ir.Liveness(f, post, nil)
				}
				ok = wrote&liveAfter(b, i, live) == 0
			}
			if !ok {
				all = false
				continue
			}
			if places == nil {
				places = map[place]*ir.Func{}
			}
			places[place{b.ID, int32(i)}] = g
		}
	}
	return places, all
}

// liveAfter is what is read behind instruction i of b before it is written.
func liveAfter(b *ir.Block, i int, live []ir.RegSet) ir.RegSet {
	out := ir.LiveOut(b, live)
	for j := len(b.Insns) - 1; j > i; j-- {
		use, def := b.Insns[j].UseDef()
		out = out&^def | use
	}
	return out
}

// callee is function i if it may be inlined where the caller's frame has so many bytes, and what it writes of R6 to R9.
func (x *inliner) callee(i, frame int32) (g *ir.Func, wrote ir.RegSet, ok bool) {
	g = x.out.Funcs[i]
	bound := maxCallee
	if x.sites[i] == 1 {
		bound = maxOnlyCallee
	}
	if frame+g.Frame > ir.MaxStack {
		return nil, 0, false
	}
	size := 0
	for _, b := range g.Blocks {
		for j := range b.Insns {
			in := b.Insns[j]
			if in.Op.Info().Has(ir.CallsOut) && in.Op != ir.OpCallHelper || !rebase(&in, frame) {
				return nil, 0, false
			}
			if in.Op != ir.OpExit && in.Op != ir.OpPoll {
				size++
			}
			wrote |= ir.Bit(in.Dst) & calleeSaved
		}
		if succs, n := b.Succs(); size > bound || slices.Contains(succs[:n], 0) {
			return nil, 0, false
		}
	}
	return g, wrote, true
}

// rebase makes of an instruction of a function that of its caller whose frame has so many bytes, where R10 is so much more.
// It reports whether there is one that does the same.
func rebase(in *ir.Insn, frame int32) bool {
	if frame == 0 {
		return true
	}
	number := in.Width == 64 && in.Dst != ir.None && in.Op == ir.OpMov && in.B == ir.R10
	if in.Op == ir.OpAdd && in.Width == 64 && in.A == ir.R10 && in.B == ir.None && in.Imm == int64(int32(in.Imm)) {
		number = true
	}
	if number {
		*in = ir.Insn{Op: ir.OpLea, Width: 64, Dst: in.Dst, Base: ir.R10, Disp: int32(in.Imm), Pos: in.Pos}
	}
	if in.A == ir.R10 || in.B == ir.R10 || in.Index == ir.R10 {
		return false
	}
	if in.Base == ir.R10 {
		in.Disp -= frame
		return in.Disp < in.Disp+frame
	}
	return true
}

// splicing is a function into which others are being inlined. Its blocks, and theirs, lie in the order of their code.
type splicing struct {
	f      *ir.Func
	base   int32 // its frame without those of what is inlined
	blocks []*ir.Block
	heads  []ir.BlockID // by block as it was: the block with its first instructions
}

func (s *splicing) run(places map[place]*ir.Func) {
	old := s.f.Blocks
	ends := make([]*ir.Block, len(old))
	for i, b := range old {
		insns := b.Insns
		s.heads[i] = s.begin()
		for j := range insns {
			if g := places[place{b.ID, int32(j)}]; g != nil {
				s.splice(g)
			} else {
				s.emit(insns[j])
			}
		}
		ends[i] = s.last()
	}
	for _, b := range ends {
		retarget(b.Terminator(), func(to ir.BlockID) ir.BlockID { return s.heads[to] })
	}
	s.f.Blocks = s.blocks
	ir.DropUnreached(s.f) // what lies behind a call that does not return
}

// begin adds a block.
func (s *splicing) begin() ir.BlockID {
	id := ir.BlockID(len(s.blocks))
	s.blocks = append(s.blocks, &ir.Block{ID: id})
	return id
}

func (s *splicing) last() *ir.Block { return s.blocks[len(s.blocks)-1] }

func (s *splicing) emit(in ir.Insn) {
	b := s.last()
	b.Insns = append(b.Insns, in)
}

// splice puts a copy of g at the end of the last block, and what comes next behind its other blocks.
func (s *splicing) splice(g *ir.Func) {
	s.f.Frame = max(s.f.Frame, s.base+g.Frame)
	first := s.last().ID
	behind := first + ir.BlockID(len(g.Blocks))
	straight := len(g.Blocks) == 1 && g.Blocks[0].Terminator().Op == ir.OpExit
	for k, b := range g.Blocks {
		if k > 0 {
			s.begin()
		}
		for _, in := range b.Insns {
			rebase(&in, s.base)
			switch {
			case in.Op == ir.OpExit && straight:
				return
			case in.Op == ir.OpExit:
				in = ir.Insn{Op: ir.OpJmp, Width: 64, Then: behind, Pos: in.Pos}
			default:
				retarget(&in, func(to ir.BlockID) ir.BlockID { return first + to })
			}
			s.emit(in)
		}
	}
	s.begin()
}

// retarget replaces the targets of in, if it has some.
func retarget(in *ir.Insn, to func(ir.BlockID) ir.BlockID) {
	switch in.Op {
	case ir.OpBr:
		in.Then, in.Else = to(in.Then), to(in.Else)
	case ir.OpJmp:
		in.Then = to(in.Then)
	}
}
