package ir

import (
	"fmt"

	"github.com/bpfc/bpfc/core/isa"
)

// Stage says how far a program has come, which decides what Check allows.
type Stage uint8

// The stages.
const (
	StageLifted  Stage = iota // as made by Lift: no op of a lowering, no temporary
	StageLowered              // as given to a back end
)

// maxFrame is the largest frame of a function, in bytes, with the hidden counter
// of may_goto. maxZero is the largest OpZero: all frames of a run.
const (
	maxFrame = MaxStack + 8
	maxZero  = MaxFrames * maxFrame
	// maxVirtual bounds the tables by virtual register.
	maxVirtual = 1 << 26
)

// CheckCode names a rule that Check enforces. Codes are stable; tests match them.
type CheckCode string

// The rules.
const (
	CheckEmpty      CheckCode = "ir-empty"      // a program without functions, a function or block without content
	CheckBlockID    CheckCode = "ir-block-id"   // a block's ID is not its index
	CheckParams     CheckCode = "ir-params"     // block parameters in register form, or not as many as an edge gives
	CheckFrame      CheckCode = "ir-frame"      // a frame that is negative, too large or no multiple of 8
	CheckTerminator CheckCode = "ir-terminator" // no terminator at the end, or one before it
	CheckOp         CheckCode = "ir-op"         // an unknown op, or one that this stage does not have
	CheckRegister   CheckCode = "ir-register"   // a register missing, superfluous, unknown, or written though read-only
	CheckOperand    CheckCode = "ir-operand"    // an attribute that is missing, illegal or set without a meaning
	CheckTarget     CheckCode = "ir-target"     // a branch to a block that does not exist
	CheckRef        CheckCode = "ir-ref"        // a reference of the wrong kind or out of range
	CheckPos        CheckCode = "ir-pos"        // a position that is neither a slot nor NoPos
	CheckTemp       CheckCode = "ir-temp"       // a temporary read outside the source instruction that wrote it
	CheckSSA        CheckCode = "ir-ssa"        // a value that is defined twice, or used where it is not defined
)

// CheckError is a breach of a rule of the IR. Func is -1 if it concerns the whole
// program, Block and Insn are -1 if they concern the whole function or block.
type CheckError struct {
	Code    CheckCode
	Program string
	Func    int
	Name    string // of the function
	Block   BlockID
	Insn    int    // index in Block.Insns
	Text    string // what is wrong
}

// Error is one line: where and what.
func (e *CheckError) Error() string {
	s := fmt.Sprintf("ir: program %q", e.Program)
	if e.Func >= 0 {
		s += fmt.Sprintf(", func@%d %q", e.Func, e.Name)
	}
	if e.Block >= 0 {
		s += fmt.Sprintf(", b%d", e.Block)
	}
	if e.Insn >= 0 {
		s += fmt.Sprintf(", instruction %d", e.Insn)
	}
	return s + ": " + e.Text
}

// Check proves that p is well-formed IR of the given stage: what verifier, passes
// and back ends rely on without asking again. Its error is an *CheckError.
func Check(p *Program, stage Stage) error {
	c := checker{p: p, stage: stage, fi: -1, bi: -1, ii: -1}
	if len(p.Funcs) == 0 {
		return c.fail(CheckEmpty, "the program has no function")
	}
	for i, f := range p.Funcs {
		if err := c.function(i, f); err != nil {
			return err
		}
	}
	return nil
}

// checker holds the program and the place that is being looked at.
type checker struct {
	p     *Program
	f     *Func
	stage Stage
	fi    int
	bi    BlockID
	ii    int
	temps bool
}

func (c *checker) fail(code CheckCode, format string, args ...any) error {
	e := &CheckError{Code: code, Program: c.p.Name, Func: c.fi, Block: c.bi, Insn: c.ii, Text: fmt.Sprintf(format, args...)}
	if c.f != nil {
		e.Name = c.f.Name
	}
	return e
}

func (c *checker) function(i int, f *Func) error {
	c.fi, c.f, c.bi, c.ii, c.temps = i, f, -1, -1, false
	switch {
	case f == nil || len(f.Blocks) == 0:
		return c.fail(CheckEmpty, "the function has no block")
	case f.Pos < NoPos:
		return c.fail(CheckPos, "the function's position %d is no slot", f.Pos)
	case f.Virtual < 0 || f.Virtual > 0 && c.stage == StageLifted || f.Virtual > maxVirtual:
		return c.fail(CheckRegister, "a function with %d virtual registers", f.Virtual)
	case f.Slots != 0:
		return c.fail(CheckOperand, "a function with slots for spills: back ends allocate registers themselves")
	case f.Frame < 0 || f.Frame > maxFrame || f.Frame%8 != 0:
		return c.fail(CheckFrame, "a frame of %d bytes: it must be a multiple of 8 from 0 to %d", f.Frame, maxFrame)
	}
	for i, b := range f.Blocks {
		if err := c.block(i, b); err != nil {
			return err
		}
	}
	switch {
	case f.Virtual != 0:
		return c.ssa()
	case c.temps:
		return c.temporaries()
	}
	return nil
}

func (c *checker) block(i int, b *Block) error {
	c.bi, c.ii = BlockID(i), -1
	switch {
	case b == nil || len(b.Insns) == 0:
		return c.fail(CheckEmpty, "the block has no instruction")
	case b.ID != BlockID(i):
		return c.fail(CheckBlockID, "the block at index %d has the ID b%d", i, b.ID)
	case c.f.Virtual == 0 && len(b.Params)+len(b.Args[0])+len(b.Args[1]) != 0:
		return c.fail(CheckParams, "register form has no block parameters")
	}
	for j := range b.Insns {
		c.ii = j
		if err := c.insn(&b.Insns[j], j == len(b.Insns)-1); err != nil {
			return err
		}
	}
	return nil
}

// insn checks one instruction; the first rule that is broken decides.
func (c *checker) insn(i *Insn, last bool) error {
	if !i.Op.valid() {
		return c.fail(CheckOp, "unknown op %d", i.Op)
	}
	if c.stage == StageLifted && i.Op.Info().Has(Lowered) {
		return c.fail(CheckOp, "%s appears only after lowering", i.Op)
	}
	if i.Op == OpSpill || i.Op == OpReload {
		return c.fail(CheckOp, "%s: back ends allocate registers themselves", i.Op)
	}
	if i.Op.Info().Has(Term) != last {
		return c.fail(CheckTerminator, "%s: a block ends with its only terminator", i.Op)
	}
	if i.Pos < NoPos {
		return c.fail(CheckPos, "%s: position %d is no slot", i.Op, i.Pos)
	}
	for _, check := range [...]func(*Insn) error{c.registers, c.attributes, c.targets, c.ref} {
		if err := check(i); err != nil {
			return err
		}
	}
	return nil
}

// operand is a register field and whether it must, may or must not be set.
type operand struct {
	name           string
	reg            Reg
	needed, allows bool
}

func (c *checker) registers(i *Insn) error {
	e, f := i.Op.Info().Effects, forms[i.Op].fields
	zero := i.Op == OpZero // its memory operand is Base + Disp
	for _, o := range [...]operand{
		{"dst", i.Dst, e&DefDst != 0, e&(DefDst|OptDst) != 0},
		{"a", i.A, e&UseA != 0, e&(UseA|OptA) != 0 || f&fOptAddr != 0},
		{"b", i.B, e&UseB != 0, e&(UseB|OptB) != 0},
		{"base", i.Base, e&UseMem != 0, e&UseMem != 0},
		{"index", i.Index, false, e&UseMem != 0 && !zero},
	} {
		if err := c.register(i, o); err != nil {
			return err
		}
	}
	switch {
	case i.Def() == R10:
		return c.fail(CheckRegister, "%s writes r10, the frame pointer, which is read-only", i.Op)
	case c.f.Virtual != 0: // what R0 to R5 may be used for, ssa checks
	case i.Op == OpAtomicCmpXchg && (i.Dst != R0 || i.B != R0):
		return c.fail(CheckRegister, "%s compares and returns r0 in register form", i.Op)
	case (i.Op == OpLoadAbs || i.Op == OpLoadInd) && i.Dst != R0:
		return c.fail(CheckRegister, "%s returns r0 in register form", i.Op)
	}
	return nil
}

func (c *checker) register(i *Insn, o operand) error {
	switch {
	case o.reg == None && o.needed:
		return c.fail(CheckRegister, "%s needs the register %s", i.Op, o.name)
	case o.reg == None:
		return nil
	case !o.allows:
		return c.fail(CheckRegister, "%s has no register %s", i.Op, o.name)
	case c.f.Virtual != 0:
		return c.ssaRegister(i, o)
	case o.reg < None || o.reg > T2:
		return c.fail(CheckRegister, "%s: %s is %s, which register form does not have", i.Op, o.name, o.reg)
	case o.reg > R10 && c.stage == StageLifted:
		return c.fail(CheckRegister, "%s: %s is %s, which appears only after lowering", i.Op, o.name, o.reg)
	}
	c.temps = c.temps || o.reg > R10
	return nil
}

// attributeRules says when an attribute is legal; x is the op's form.
var attributeRules = [...]struct {
	what string
	ok   func(i *Insn, x *form) bool
}{
	{"width", func(i *Insn, x *form) bool {
		return i.Width == 64 || i.Width == 32 && x.has(fWidth) || i.Width == 0 && !x.has(fWidth)
	}},
	{"size", func(i *Insn, x *form) bool { return x.sizes.has(i.Size) }},
	{"order", func(i *Insn, x *form) bool { return x.orders.has(uint8(i.Order)) }},
	{"sign", func(i *Insn, x *form) bool { return !i.Sign || x.has(fSign) && i.Size < 8 }},
	{"write", func(i *Insn, x *form) bool { return !i.Write || x.has(fWrite) }},
	{"condition", func(i *Insn, x *form) bool {
		return i.Cond == isa.NoCond && !x.has(fCond) || validCond(i.Cond) && x.has(fCond)
	}},
	{"immediate", func(i *Insn, x *form) bool { return i.Imm == 0 || i.readsImm() }},
	{"number of bytes", func(i *Insn, x *form) bool { return i.Op != OpZero || i.Imm > 0 && i.Imm <= maxZero && i.Imm%8 == 0 }},
	{"displacement", func(i *Insn, x *form) bool { return i.Disp == 0 || i.Op.Info().Has(UseMem) }},
	{"scale", func(i *Insn, x *form) bool {
		return i.Index == None && i.Scale == 0 || i.Index != None && accessSizes.has(i.Scale)
	}},
	{"region", func(i *Insn, x *form) bool { return i.Region == 0 || x.has(fRegion) && i.Region < MaxRegions }},
	{"rule", func(i *Insn, x *form) bool {
		return i.Rule == NoRule && !x.has(fRule) || validRule(i.Rule) && x.has(fRule)
	}},
}

// attributes checks widths, sizes and all that is not a register, target or Ref.
func (c *checker) attributes(i *Insn) error {
	for k := range attributeRules {
		if r := &attributeRules[k]; !r.ok(i, &forms[i.Op]) {
			return c.fail(CheckOperand, "%s: its %s is missing, illegal or without a meaning", i.Op, r.what)
		}
	}
	return nil
}

func (c *checker) targets(i *Insn) error {
	for _, t := range [...]struct {
		used bool
		to   BlockID
	}{{forms[i.Op].fields&fThen != 0, i.Then}, {forms[i.Op].fields&fElse != 0, i.Else}} {
		if !t.used && t.to != 0 {
			return c.fail(CheckTarget, "%s has no such target", i.Op)
		}
		if t.to < 0 || int(t.to) >= len(c.f.Blocks) {
			return c.fail(CheckTarget, "%s to b%d: the function has %d blocks", i.Op, t.to, len(c.f.Blocks))
		}
	}
	return nil
}

func (c *checker) ref(i *Insn) error {
	r := i.Ref
	if !forms[i.Op].refs.has(uint8(r.Kind)) {
		return c.fail(CheckRef, "%s does not refer to a %s", i.Op, r.Kind)
	}
	n := [...]int{RefNone: 1, RefMap: len(c.p.Maps), RefMapValue: len(c.p.Maps), RefData: len(c.p.Data),
		RefFunc: len(c.p.Funcs), RefHelper: len(c.p.Helpers)}[r.Kind]
	if r.Index < 0 || int(r.Index) >= n {
		return c.fail(CheckRef, "%s %s: the program has %d", i.Op, r, n)
	}
	return nil
}

// live is what is known of the temporaries at a point: those in mask were
// written at pos, on every path here, without leaving pos. mask 0 has pos 0.
type live struct {
	pos  Pos
	mask uint8
}

func (l live) meet(o live) live {
	if l.mask &= o.mask; l.mask == 0 || l.pos != o.pos {
		return live{}
	}
	return l
}

// step moves l over i; bad is a temporary that i reads and must not.
func (l live) step(i *Insn) (after live, bad Reg) {
	if i.Pos != l.pos {
		l = live{pos: i.Pos}
	}
	i.Uses(func(r Reg) {
		if r >= T0 && r <= T2 && l.mask>>(r-T0)&1 == 0 {
			bad = r
		}
	})
	if i.Op.Info().Has(CallsOut) {
		l.mask = 0 // the native registers of temporaries are the callee's to overwrite
	}
	if d := i.Def(); d >= T0 && d <= T2 {
		l.mask |= 1 << (d - T0)
	}
	if l.mask == 0 {
		l = live{}
	}
	return l, bad
}

// temporaries checks the rule of T0 to T2 by forward data flow over the
// function's blocks: what reaches a block is the meet over its predecessors.
func (c *checker) temporaries() error {
	blocks := c.f.Blocks
	in, seen := make([]live, len(blocks)), make([]bool, len(blocks))
	seen[0] = true
	for work := []BlockID{0}; len(work) > 0; {
		b := blocks[work[len(work)-1]]
		work = work[:len(work)-1]
		out := in[b.ID]
		for j := range b.Insns {
			out, _ = out.step(&b.Insns[j])
		}
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			next := out
			if seen[s] {
				next = in[s].meet(out)
			}
			if s == 0 {
				next = live{} // the caller's temporaries mean nothing here
			}
			if !seen[s] || next != in[s] {
				in[s], seen[s] = next, true
				work = append(work, s)
			}
		}
	}
	return c.temporaryReads(in)
}

func (c *checker) temporaryReads(in []live) error {
	for bi, b := range c.f.Blocks {
		l, bad := in[bi], None
		for j := range b.Insns {
			if l, bad = l.step(&b.Insns[j]); bad != None {
				c.bi, c.ii = BlockID(bi), j
				return c.fail(CheckTemp, "%s reads %s, which no instruction of slot %d has written on every path here", b.Insns[j].Op, bad, b.Insns[j].Pos)
			}
		}
	}
	return nil
}
