package diff

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// The generator makes valid programs of type mem from bytes. What differs
// between two engines in one runtime, the addresses of data sections and maps,
// is held in R9 only and never leaves it; addresses of memory and stack, and function values, are
// the same and may get anywhere.

// source yields choices from bytes; behind their end every choice is 0.
type source struct{ bytes []byte }

func (s *source) byte() int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b)
}

// pick yields a number below n, n ≤ 256.
func (s *source) pick(n int) int { return s.byte() % n }

// one is true in one of n cases, and false at the end of the bytes.
func (s *source) one(n int) bool { return s.pick(n) == n-1 }

func (s *source) int32() int32 {
	return int32(s.byte() | s.byte()<<8 | s.byte()<<16 | s.byte()<<24)
}

var (
	aluOps  = [...]isa.Arith{isa.Add, isa.Sub, isa.Mul, isa.Div, isa.SDiv, isa.Or, isa.And, isa.Lsh, isa.Rsh, isa.Mod, isa.SMod, isa.Xor, isa.Mov, isa.Arsh}
	conds   = [...]isa.Cond{isa.EQ, isa.NE, isa.GT, isa.GE, isa.LT, isa.LE, isa.SGT, isa.SGE, isa.SLT, isa.SLE, isa.SET}
	atomics = [...]isa.AtomicOp{isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor, isa.AtomicXchg, isa.AtomicCmpXchg}
	sizes   = [...]uint8{1, 2, 4, 8}
	numbers = [...]int32{0, 1, -1, 2, 3, 7, 8, 16, 31, 32, 48, 56, 63, 64, 127, 128, 255, 256, -128, 1 << 15, 1 << 30, -1 << 31, 1<<31 - 1}
	wide    = [...]int64{0, 1, -1, 1 << 31, 1 << 32, 1<<32 - 1, 1<<63 - 1, -1 << 63, 0x0123456789abcdef, -0x0123456789abcdf, 8 << 20}
)

// The registers by their roles: memory and its length are mostly in R6 and R7.
const (
	regMem, regLen, regData = isa.R6, isa.R7, isa.R9
	general                 = 9 // R0 to R8 take part in everything
)

// The helpers of the set that generated programs use.
const (
	helperAdd   = 1
	helperDirty = 2
)

// shape is what all functions of a program have in common.
type shape struct {
	section  string
	straight bool // one short function without branches, in which nothing gets lost
	shy      bool // addresses of the stack stay where the verifier sees them
}

// shapes by the first byte.
var shapes = [...]shape{{section: "mem"}, {section: "mem/8"}, {section: "mem/32", shy: true}, {section: "mem", shy: true},
	{"mem/60", true, true}, {"mem/60", true, true}, {"mem/60", true, false}}

// function is a function being made.
type function struct {
	*source
	shape
	code  []isa.Insn
	refs  []obj.Ref
	fixes []fix
	index int  // of all functions
	count int  // of functions
	depth int  // of nested statements
	frame int  // bytes of stack that it may use, a multiple of 8
	fuel  int  // statements that may still be made
	short bool // a few instructions that leave R6 to R8 alone, as functions that are inlined do
}

// fix is an instruction that refers to the start of a function.
type fix struct{ slot, callee int }

// program makes an object with one program.
func program(bytes []byte) *obj.Object {
	s := &source{bytes}
	sh := shapes[s.pick(len(shapes))]
	n := 1
	if !sh.straight {
		n += s.pick(4)
	}
	o := &obj.Object{
		Name: "generated",
		Data: []obj.Data{{Name: ".data", Align: 8, Bytes: pattern(40)}, {Name: ".rodata", Align: 8, Bytes: pattern(24), ReadOnly: true}, {Name: ".bss", Align: 8, Bytes: make([]byte, 16)}},
		Maps: []abi.MapSpec{{Name: "array", Type: 2, KeySize: 4, ValueSize: 32, MaxEntries: 1}},
	}
	p := obj.Program{Name: "main", Section: sh.section}
	var fixes []fix
	for i := range n {
		f := &function{source: s, shape: sh, index: i, count: n, frame: 8 * (s.pick(16)), fuel: 4 + s.pick(30)}
		if sh.straight {
			f.fuel = 1 + s.pick(8)
		}
		start := len(p.Insns)
		p.Funcs = append(p.Funcs, obj.FuncInfo{Slot: start, Name: fmt.Sprint("f", i)})
		f.make()
		for _, x := range f.fixes {
			fixes = append(fixes, fix{x.slot + start, x.callee})
		}
		for _, r := range f.refs {
			r.Slot += start
			p.Refs = append(p.Refs, r)
		}
		p.Insns = append(p.Insns, f.code...)
	}
	for _, x := range fixes {
		in, off := &p.Insns[x.slot], int32(p.Funcs[x.callee].Slot-x.slot-1)
		if in.Op == isa.CallLocal {
			*in = isa.CallFunc(off)
		} else {
			*in = isa.LoadFunc(in.Dst, off)
		}
	}
	o.Programs = []obj.Program{p}
	return o
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(0x35*i + 0x91)
	}
	return b
}

func (f *function) emit(insns ...isa.Insn) { f.code = append(f.code, isa.Prog(insns...)...) }

// reg is a register to read.
func (f *function) reg() isa.Reg {
	if f.short {
		return isa.Reg(f.pick(6))
	}
	return isa.Reg(f.pick(general))
}

// mem is the register that mostly holds memory.
func (f *function) mem() isa.Reg {
	if f.short {
		return isa.R1
	}
	return regMem
}

// dst is a register to write: not often those that hold memory.
func (f *function) dst() isa.Reg {
	if r := f.reg(); r != f.mem() && r != regLen || f.one(64) {
		return r
	}
	return isa.Reg(2 + f.pick(4))
}

func (f *function) size() uint8 { return sizes[f.pick(4)] }

func (f *function) imm() int32 {
	switch f.pick(4) {
	case 0:
		return f.int32()
	case 1:
		return int32(int8(f.byte()))
	}
	return numbers[f.pick(len(numbers))]
}

// make makes the whole function.
func (f *function) make() {
	if f.index > 0 && f.one(2) {
		f.short, f.fuel = true, 1+f.pick(6)
	} else if !f.one(32) {
		f.emit(isa.Mov.Reg(regMem, isa.R1), isa.Mov.Reg(regLen, isa.R2))
	}
	if f.straight {
		for r := isa.R0; r <= isa.R5; r++ {
			f.emit(isa.LoadMem(r, isa.R6, int16(8*r), 8))
		}
		f.emit(isa.LoadMemSX(isa.R8, isa.R6, 50, 4))
	}
	for f.fuel > 0 {
		f.statement()
	}
	switch {
	case f.index == 0:
		f.mix()
	case !f.one(4):
		f.emit(isa.Mov.Reg(isa.R0, f.reg()))
	}
	f.emit(isa.Return())
}

// mix lets every register take part in R0.
func (f *function) mix() {
	for r := isa.R1; r < general; r++ {
		f.emit(isa.Mul.Imm(isa.R0, 31), isa.Xor.Reg(isa.R0, r))
	}
}

// statements by frequency.
func statements() []func(*function) {
	return []func(*function){
		(*function).alu, (*function).alu, (*function).alu, (*function).alu, (*function).constant, (*function).unary, (*function).extend,
		(*function).shifts, (*function).shifts, (*function).sum, (*function).sum,
		(*function).memory, (*function).memory, (*function).memory, (*function).indexed, (*function).indexed,
		(*function).stack, (*function).stack, (*function).stackPointer,
		(*function).atomic, (*function).ordered, (*function).data,

		(*function).branch, (*function).branch, (*function).loop, (*function).while, (*function).mayGoto,
		(*function).call, (*function).call, (*function).callValue, (*function).leave, (*function).wild,
	}
}

// simple is how many of the statements are without branches and calls.
const simple = 22

func (f *function) statement() {
	f.fuel--
	all := statements()
	switch {
	case f.straight:
		all = all[:simple]
	case f.short:
		all = append(all[:simple:simple], (*function).branch, (*function).leave)
	}
	all[f.pick(len(all))](f)
}

// body makes some statements inside of another.
func (f *function) body() {
	f.depth++
	for n := 1 + f.pick(4); n > 0 && f.fuel > 0; n-- {
		f.statement()
	}
	f.depth--
}

func (f *function) alu() {
	op, dst := aluOps[f.pick(len(aluOps))], f.dst()
	switch f.pick(4) {
	case 0:
		f.emit(op.Imm(dst, f.imm()))
	case 1:
		f.emit(op.Reg(dst, f.reg()))
	case 2:
		f.emit(op.Imm32(dst, f.imm()))
	case 3:
		f.emit(op.Reg32(dst, f.reg()))
	}
}

func (f *function) constant() { f.emit(isa.LoadImm64(f.dst(), wide[f.pick(len(wide))])) }

func (f *function) unary() {
	dst := f.dst()
	f.emit([...]isa.Insn{
		isa.Negate(dst), isa.Negate32(dst), isa.Extend64(dst, f.reg(), sizes[f.pick(3)]), isa.Extend32(dst, f.reg(), sizes[f.pick(2)]),
		isa.ToLE(dst, sizes[1+f.pick(3)]), isa.ToBE(dst, sizes[1+f.pick(3)]), isa.ByteSwap(dst, sizes[1+f.pick(3)]), isa.Mov.Reg32(dst, dst),
	}[f.pick(8)])
}

// shifts are pairs of shifts to the left and back, as compilers extend with them.
func (f *function) shifts() {
	dst, n := f.dst(), [...]int32{32, 32, 32, 48, 56, 16, 24, 31}[f.pick(8)]
	m := n
	if f.one(2) {
		m = [...]int32{29, 31, 33, 40}[f.pick(4)]
	}
	if !f.one(3) {
		f.emit(isa.Mov.Reg(dst, f.reg()))
	}
	back := [...]isa.Arith{isa.Rsh, isa.Arsh}[f.pick(2)]
	if n < 32 && f.one(2) {
		f.emit(isa.Lsh.Imm32(dst, n), back.Imm32(dst, m))
		return
	}
	f.emit(isa.Lsh.Imm(dst, n), back.Imm(dst, m))
}

// access makes a load or store of base+off.
func (f *function) access(base isa.Reg, off int16) {
	switch size := f.size(); f.pick(4) {
	case 0:
		f.emit(isa.StoreMem(base, off, f.reg(), size))
	case 1:
		f.emit(isa.StoreImm(base, off, f.imm(), size))
	case 2:
		f.emit(isa.LoadMem(f.dst(), base, off, size))
	case 3:
		f.emit(isa.LoadMemSX(f.dst(), base, off, min(size, 4)))
	}
}

// extend is a move of the low half in place, which may be needless.
func (f *function) extend() {
	dst := f.dst()
	if f.one(2) {
		f.emit(isa.Mov.Reg(dst, f.reg()))
	}
	f.emit([...]isa.Insn{isa.Mov.Reg32(dst, dst), isa.Extend64(dst, dst, sizes[f.pick(3)]), isa.Extend32(dst, dst, sizes[f.pick(2)])}[f.pick(3)])
}

// sum is a chain of copies, sums and shifts to the left, as compilers compute addresses.
func (f *function) sum() {
	dst := f.dst()
	f.emit(isa.Mov.Reg(dst, f.reg()))
	for range 1 + f.pick(4) {
		at := dst
		if f.one(3) {
			at = f.dst()
		}
		f.emit([...]isa.Insn{isa.Add.Reg(at, f.reg()), isa.Add.Imm(at, f.imm()), isa.Sub.Imm(at, f.imm()),
			isa.Lsh.Imm(at, int32(f.pick(5))), isa.Mov.Reg(at, dst), isa.Mul.Imm(at, f.imm())}[f.pick(6)])
	}
}

// memory accesses the program's memory, now and then behind its end.
func (f *function) memory() {
	off := int16(f.pick(24))
	if f.one(16) {
		off = int16(f.byte()) - 100
	}
	f.access(f.mem(), off)
}

// indexed accesses the memory at a computed place.
func (f *function) indexed() {
	at, index := f.dst(), f.dst()
	if at == index || at == f.mem() || index == f.mem() {
		f.memory()
		return
	}
	if f.one(3) {
		f.emit(isa.LoadMem(index, f.mem(), int16(f.pick(8)), 1))
	}
	f.emit(isa.And.Imm(index, 7))
	shift := f.pick(4)
	switch f.pick(3) {
	case 0:
		f.emit(isa.Mov.Reg(at, f.mem()), isa.Lsh.Imm(index, int32(shift)), isa.Add.Reg(at, index))
	case 1:
		f.emit(isa.Mov.Reg(at, index), isa.Lsh.Imm(at, int32(shift)), isa.Add.Reg(at, f.mem()))
	case 2:
		f.emit(isa.Mov.Reg(at, f.mem()), isa.Add.Imm(at, int32(f.pick(16))), isa.Add.Reg(at, index))
	}
	for range 1 + f.pick(3) {
		f.access(at, int16(f.pick(16))-4)
	}
}

// place is an offset in the function's own frame.
func (f *function) place() int16 {
	if f.frame == 0 {
		return -8
	}
	off := 1 + int16(f.byte()%f.frame)
	if f.one(3) {
		return -off
	}
	return -(off + 7) &^ 7
}

func (f *function) stack() {
	off := f.place()
	if f.one(64) {
		off += int16(f.pick(12)) // astride R10
	}
	f.access(isa.R10, off)
}

// stackPointer lets an address of the stack out, in one of many ways.
func (f *function) stackPointer() {
	at := f.dst()
	f.emit(isa.Mov.Reg(at, isa.R10), isa.Add.Imm(at, int32(f.place())))
	if f.shy {
		f.access(at, 0)
		f.emit(isa.Mov.Imm(at, 0))
		return
	}
	if f.one(8) {
		f.emit(isa.StoreMem(f.mem(), 0, isa.R10, 8))
	}
	if index := f.dst(); index != at && f.one(3) {
		f.emit(isa.And.Imm(index, 15), [...]isa.Arith{isa.Add, isa.Add, isa.Sub}[f.pick(3)].Reg(at, index))
	}
	for range 1 + f.pick(2) {
		off := 0
		if f.one(4) {
			off = f.pick(8)
		}
		f.access(at, int16(off))
	}
}

func (f *function) atomic() {
	op, size := atomics[f.pick(len(atomics))], sizes[2+f.pick(2)]
	base, off := f.mem(), int16(f.pick(3)*8)
	if f.one(2) {
		base, off = isa.R10, f.place()&^7
	}
	if f.one(16) {
		off++
	}
	if f.one(2) {
		f.emit(op.Fetch(base, off, f.dst(), size))
		return
	}
	f.emit(op.Mem(base, off, f.reg(), size))
}

// ordered are load-acquire and store-release.
func (f *function) ordered() {
	size := f.size()
	if f.one(2) {
		f.emit(isa.LoadAcquire(f.dst(), f.mem(), int16(f.pick(3)*8), size))
		return
	}
	f.emit(isa.StoreRelease(f.mem(), int16(f.pick(3)*8), f.reg(), size))
}

// data accesses a data section or the value of a map, inside of it; R9 forgets the address.
func (f *function) data() {
	kind, index, length := obj.RefData, f.pick(4), 16
	if index == 3 {
		kind, index = obj.RefMapValue, 0
	}
	f.refs = append(f.refs, obj.Ref{Slot: len(f.code), Kind: kind, Index: index, Addend: int64(f.pick(3))})
	f.emit(isa.LoadImm64(regData, 0))
	if at := f.dst(); f.one(3) {
		f.emit(isa.And.Imm(at, 3), isa.Add.Reg(regData, at))
		length -= 3
	}
	off := int16(f.pick(length - 10))
	if index == 1 { // read-only: seldom written, and after a read
		f.emit(isa.LoadMem(f.dst(), regData, off, 8))
	}
	if index != 1 || f.one(8) {
		f.access(regData, off)
	}
	f.emit(isa.Mov.Imm(regData, 0))
}

// cond is a branch; where it leads is set by land.
func (f *function) cond() isa.Insn {
	c, a := conds[f.pick(len(conds))], f.reg()
	switch f.pick(4) {
	case 0:
		return c.Reg(a, f.reg(), 0)
	case 1:
		return c.Imm32(a, f.imm(), 0)
	case 2:
		return c.Reg32(a, f.reg(), 0)
	}
	return c.Imm(a, f.imm(), 0)
}

// jump makes in, a jump to be set by land, and returns its slot.
func (f *function) jump(in isa.Insn) int {
	f.emit(in)
	return len(f.code) - 1
}

// land makes the jump at slot lead to what comes next.
func (f *function) land(slot int) { f.aim(slot, len(f.code)) }

// aim makes the jump at slot lead to the slot to.
func (f *function) aim(slot, to int) {
	if in := &f.code[slot]; in.Op == isa.Ja32 {
		in.Imm = int64(to - slot - 1)
	} else {
		in.Off = int16(to - slot - 1)
	}
}

func (f *function) goTo() isa.Insn {
	if f.one(3) {
		return isa.Jump32(0)
	}
	return isa.Jump(0)
}

// maxNesting of branches and loops.
const maxNesting = 4

// branch is an if, with or without else; now and then the else part is jumped into from the middle of the other.
func (f *function) branch() {
	if f.depth >= maxNesting {
		return
	}
	skip := f.jump(f.cond())
	f.body()
	if f.one(3) {
		f.land(skip)
		return
	}
	into := -1
	if f.one(4) {
		into = f.jump(f.cond())
		f.body()
	}
	over := f.jump(f.goTo())
	f.land(skip)
	f.body()
	if into >= 0 {
		f.land(into)
		f.body()
	}
	f.land(over)
}

// loop counts down in a register or in the frame, unless its body spoils the counter.
func (f *function) loop() {
	if f.depth >= maxNesting {
		return
	}
	turns, counter := int32(1+f.pick(6)), f.dst()
	if f.frame == 0 || f.one(2) {
		f.emit(isa.Mov.Imm(counter, turns))
		head := len(f.code)
		f.body()
		f.emit(isa.Sub.Imm(counter, 1))
		f.aim(f.jump(isa.NE.Imm(counter, 0, 0)), head)
		return
	}
	at := f.place() &^ 7
	f.emit(isa.StoreImm(isa.R10, at, turns, 8))
	head := len(f.code)
	f.body()
	f.emit(isa.LoadMem(counter, isa.R10, at, 8), isa.Add.Imm(counter, -1), isa.StoreMem(isa.R10, at, counter, 8))
	f.aim(f.jump(isa.SGT.Imm(counter, 0, 0)), head)
}

// while goes on as long as some condition holds, which may be for ever; it may be entered in its middle.
func (f *function) while() {
	if f.depth >= maxNesting {
		return
	}
	into := -1
	if f.one(4) {
		into = f.jump(f.cond())
	}
	head := len(f.code)
	f.body()
	if into >= 0 {
		f.land(into)
		f.body()
	}
	f.aim(f.jump(f.cond()), head)
}

// mayGoto is a loop that ends by the counter of may_goto at the latest, or before by its condition.
func (f *function) mayGoto() {
	if f.depth >= maxNesting {
		return
	}
	head := len(f.code)
	out := f.jump(isa.MayJump(0))
	f.body()
	if f.one(4) {
		f.aim(f.jump(f.goTo()), head)
	} else {
		f.aim(f.jump(f.cond()), head)
	}
	f.land(out)
}

// arguments sets some of R1 to R5.
func (f *function) arguments() {
	if !f.one(12) {
		f.emit(isa.Mov.Reg(isa.R1, regMem), isa.Mov.Reg(isa.R2, regLen))
	}
	if !f.shy && f.one(3) {
		f.emit(isa.Mov.Reg(isa.Reg(2+f.pick(4)), isa.R10))
	}
}

// later is a function behind this one, so that no call recurses; false if there is none.
func (f *function) later() (int, bool) {
	if f.index+1 >= f.count {
		return 0, false
	}
	return f.index + 1 + f.pick(f.count-f.index-1), true
}

func (f *function) call() {
	callee, ok := f.later()
	if !ok || f.one(3) {
		f.emit(isa.CallHelper(int32(helperAdd + f.pick(2))))
		return
	}
	f.arguments()
	f.fixes = append(f.fixes, fix{len(f.code), callee})
	f.emit(isa.CallFunc(0))
}

// callValue calls through a register, which mostly holds the last function. Only the entry does so: what is
// called may be any function whose value is taken.
func (f *function) callValue() {
	if f.index > 0 || f.count == 1 {
		return
	}
	at := f.dst()
	if !f.one(8) {
		f.fixes = append(f.fixes, fix{len(f.code), f.count - 1})
		f.emit(isa.LoadFunc(at, 0))
	}
	if f.one(3) {
		f.emit(isa.StoreMem(isa.R10, -8, at, 8), isa.LoadMem(at, isa.R10, -8, 8))
	} else {
		f.emit(isa.Add.Imm(at, 0))
	}
	f.emit(isa.CallThrough(at))
}

// leave returns early, on a condition.
func (f *function) leave() {
	skip := f.jump(f.cond())
	if f.index == 0 {
		f.mix()
	}
	f.emit(isa.Return())
	f.land(skip)
}

// wild accesses whatever a register holds.
func (f *function) wild() {
	if f.one(8) {
		f.access(f.reg(), int16(f.byte())-128)
	}
}
