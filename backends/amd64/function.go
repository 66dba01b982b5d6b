package amd64

import (
	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// emitter is the state of one compile.
type emitter struct {
	asm  asm.Assembler
	unit *codegen.Unit
	opts codegen.Options
	v3   bool // CPU level x86-64-v3: BMI2

	ibt, retpoline bool // features
	thunks         [numThunks]thunk

	origin      asm.Label  // begin of the code
	entries     []asm.Mark // by program
	entryLabels []asm.Label
	writes      []ir.RegSet // callee-saved registers, by program
	symbols     []symbol
	refs        []reference // symbols of relocations
	refNumber   map[reference]int32
	exits       []exit
	lines       []line
	search      [4][2]asm.Label // by log2 of the size and write; 0 is none yet (see searchLabel)
	c           []cEntry
	err         error // the first instruction that cannot be emitted

	// The program at hand.
	prog  int32
	p     *ir.Program
	funcs []asm.Label

	// The function at hand.
	f        *ir.Func
	blocks   []asm.Label
	saved    ir.RegSet // callee-saved registers that it pushes
	below    int32     // bytes of control stack below them: slots and padding
	cold     []cold
	after    []ir.RegSet // live after each instruction of the block at hand, if liveness is known
	live     []ir.RegSet // at the start of blocks; nil until an instruction asks
	index    int         // of the instruction at hand in its block
	block    *ir.Block
	flags    flags
	pos      ir.Pos
	symIndex int
}

// symbol, exit, line and cfaStep are entries of the artifact's tables whose offsets are known when all is emitted.
type (
	symbol struct {
		name       string
		start, end asm.Mark
		global     bool
		prog       int32
		cfa        []cfaStep
	}
	cfaStep struct {
		at    asm.Mark
		cfa   int32
		saved []codegen.SavedReg
	}
	exit struct {
		at asm.Mark
		codegen.Exit
	}
	line struct {
		at   asm.Mark
		prog int32
		pos  ir.Pos
	}
	reference struct {
		kind  codegen.RelocKind
		index int32
	}
)

// cold is code that is rarely run, placed behind its function.
type cold struct {
	label, back asm.Label
	in          *ir.Insn
	emit        func(*emitter, *cold)
}

// flags says what the processor's flags are known to hold.
type flags struct {
	at    int     // the code's length when it was noted: any code since forgets it
	reg   asm.Reg // the flags compare reg with zero
	wide  bool    // all 64 bits of it
	logic bool    // carry and overflow are clear, as after a test
}

// program emits all functions of a program.
func (e *emitter) program(i int32, p *ir.Program) {
	e.prog, e.p = i, p
	e.writes = append(e.writes, 0)
	e.funcs = e.funcs[:0]
	for range p.Funcs {
		e.funcs = append(e.funcs, e.asm.NewLabel())
	}
	for fi, f := range p.Funcs {
		e.function(fi, f)
	}
}

// function emits one function: prologue, blocks in order, cold code.
func (e *emitter) function(i int, f *ir.Func) {
	e.f, e.live, e.cold, e.pos = f, nil, e.cold[:0], ir.NoPos-1
	e.asm.Align(16)
	name := f.Name
	if i == 0 && e.opts.Object {
		name += ".bpf" // NAME is the C entry
	}
	e.begin(name, e.prog)
	e.asm.Bind(e.funcs[i])
	if i == 0 {
		e.entries = append(e.entries, e.asm.Mark())
		e.entryLabels = append(e.entryLabels, e.funcs[0])
	}
	e.blocks = e.blocks[:0]
	for range f.Blocks {
		e.blocks = append(e.blocks, e.asm.NewLabel())
	}
	e.line(f.Pos)
	if i == 0 {
		e.landing()
	}
	e.frame(f)
	e.writes[e.prog] |= e.saved
	e.prologue()
	for _, b := range f.Blocks {
		e.emitBlock(b)
	}
	for i := 0; i < len(e.cold); i++ {
		c := &e.cold[i]
		e.asm.Bind(c.label)
		e.line(c.in.Pos)
		c.emit(e, c)
	}
	e.end()
}

// begin and end delimit a symbol.
func (e *emitter) begin(name string, prog int32) {
	e.symbols = append(e.symbols, symbol{name: name, prog: prog, start: e.asm.Mark()})
	e.symIndex = len(e.symbols) - 1
	e.cfa(8, nil)
}

// routine begins a symbol whose code comes from no instruction of a program.
func (e *emitter) routine(name string, prog int32) {
	e.begin(name, prog)
	e.line(ir.NoPos)
}

func (e *emitter) end() { e.symbols[e.symIndex].end = e.asm.Mark() }

// cfa notes that the caller's frame now begins n bytes above rsp. It is of use in object files only.
func (e *emitter) cfa(n int32, saved []codegen.SavedReg) {
	if e.opts.Object {
		s := &e.symbols[e.symIndex]
		s.cfa = append(s.cfa, cfaStep{e.asm.Mark(), n, saved})
	}
}

// frame decides which registers the function saves, and how much control stack it has below them: a multiple of 16 with all
// that is pushed, if it calls.
func (e *emitter) frame(f *ir.Func) {
	var written ir.RegSet
	calls := false
	for _, b := range f.Blocks {
		for i := range b.Insns {
			in := &b.Insns[i]
			written |= ir.Bit(in.Dst)
			calls = calls || in.Op == ir.OpCall || in.Op == ir.OpCallHelper
		}
	}
	e.saved = 0
	n := 0
	for _, c := range calleeSaved {
		if written.Has(c.bpf) {
			e.saved |= ir.Bit(c.bpf)
			n++
		}
	}
	e.below = 8 * f.Slots
	if calls && (n+int(f.Slots))%2 == 0 {
		e.below += 8
	}
}

func (e *emitter) prologue() {
	cfa := int32(8)
	var saved []codegen.SavedReg
	for _, c := range calleeSaved {
		if !e.saved.Has(c.bpf) {
			continue
		}
		e.asm.Push(c.reg)
		cfa += 8
		if e.opts.Object {
			saved = append(saved[:len(saved):len(saved)], codegen.SavedReg{Reg: c.dwarf, Below: cfa})
			e.cfa(cfa, saved)
		}
	}
	if e.below != 0 {
		e.asm.AluRI(asm.Sub, asm.W64, asm.RSP, e.below)
		e.cfa(cfa+e.below, saved)
	}
}

// epilogue undoes the prologue and returns. Code behind it belongs to the function's body again.
func (e *emitter) epilogue(*ir.Insn) {
	body := e.unwindState()
	e.leaveFrame()
	e.asm.Op(asm.Ret)
	e.cfa(body.cfa, body.saved)
}

// leaveFrame undoes the prologue.
func (e *emitter) leaveFrame() {
	if e.below != 0 {
		e.asm.AluRI(asm.Add, asm.W64, asm.RSP, e.below)
		e.released(e.below)
	}
	for i := len(calleeSaved) - 1; i >= 0; i-- {
		if e.saved.Has(calleeSaved[i].bpf) {
			e.restore(calleeSaved[i].reg)
		}
	}
}

// restore pops the register that was saved last.
func (e *emitter) restore(r asm.Reg) {
	e.asm.Pop(r)
	e.released(8)
}

// released notes that rsp was raised by n bytes: registers saved below it are restored.
func (e *emitter) released(n int32) {
	if !e.opts.Object {
		return
	}
	now := e.unwindState()
	now.cfa -= n
	for i, s := range now.saved {
		if s.Below > now.cfa {
			now.saved = now.saved[:i]
			break
		}
	}
	e.cfa(now.cfa, now.saved)
}

// unwindState is the last unwinding rule noted.
func (e *emitter) unwindState() cfaStep {
	s := e.symbols[e.symIndex].cfa
	if len(s) == 0 {
		return cfaStep{cfa: 8}
	}
	return s[len(s)-1]
}

// emitBlock emits a block; the next one follows it.
func (e *emitter) emitBlock(b *ir.Block) {
	e.asm.Bind(e.blocks[b.ID])
	e.block, e.after = b, e.after[:0]
	e.flags.at = -1
	for i := range b.Insns {
		in := &b.Insns[i]
		e.index = i
		e.line(in.Pos)
		if clobbersOperand(in) {
			e.refuse(in)
			continue
		}
		emitters[in.Op](e, in)
	}
}

// line notes that the code from here on comes from pos.
func (e *emitter) line(pos ir.Pos) {
	if pos != e.pos {
		e.pos = pos
		e.lines = append(e.lines, line{e.asm.Mark(), e.prog, pos})
	}
}

// dead reports whether r is not read after the instruction at hand: then it need not be kept.
func (e *emitter) dead(r ir.Reg) bool {
	if e.live == nil {
		post, _ := ir.Postorder(e.f)
		e.live = ir.Liveness(e.f, post, nil)
	}
	if len(e.after) != len(e.block.Insns) {
		e.liveInBlock()
	}
	return !e.after[e.index].Has(r)
}

// liveInBlock computes what is live after every instruction of the block at hand.
func (e *emitter) liveInBlock() {
	n := len(e.block.Insns)
	for len(e.after) < n {
		e.after = append(e.after, 0)
	}
	out := ir.LiveOut(e.block, e.live)
	for i := n - 1; i >= 0; i-- {
		e.after[i] = out
		use, def := e.block.Insns[i].UseDef()
		out = out&^def | use
	}
}

// later places code for in out of line and returns its label; emit ends it with a jump to back if it goes on.
func (e *emitter) later(in *ir.Insn, emit func(*emitter, *cold)) cold {
	c := cold{label: e.asm.NewLabel(), back: e.asm.NewLabel(), in: in, emit: emit}
	e.cold = append(e.cold, c)
	return c
}

// ref is the symbol number of a relocation target.
func (e *emitter) ref(kind codegen.RelocKind, index int32) int32 {
	r := reference{kind, index}
	n, known := e.refNumber[r]
	if !known {
		n = int32(len(e.refs))
		e.refs, e.refNumber[r] = append(e.refs, r), n
	}
	return n
}
