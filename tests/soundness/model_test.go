package soundness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier"
)

// The model runs a lifted program as the verifier sees it, and trusts nothing: memory is
// regions far apart, every access must be inside one, registers without a value must not be
// read, what is acquired must be released. Whatever it finds wrong in an accepted program
// is a mistake of the verifier.

// region is memory of a run.
type region struct {
	base  uint64
	bytes []byte
	write bool
	dead  bool   // must not be touched any more
	what  string // for messages

	unused  int    // of a stack: bytes from its lowest address that are not used
	written []bool // of a stack, if it must not be read before it is written
}

// frame is an active function.
type frame struct {
	fn    int
	block *ir.Block
	index int
	regs  [11]uint64
	set   ir.RegSet // registers with a value
	stack *region
	loop  *turns // of a callback
	turns int    // of may_goto
}

// turns is a helper that calls back: next prepares the registers of the next turn, false at the end.
type turns struct {
	next func(f *frame) bool
	done func() uint64
	fn   int
}

// counter is an open-coded iterator.
type counter struct {
	cur, end int64
	value    *region
}

// machine is one run.
type machine struct {
	p        *ir.Program
	typ      abi.ProgType
	rng      *rand.Rand
	v        *verifier.Verified // asked about every state, if it kept them
	claims   claims
	plain    bool // helpers give what the kernel gives in a test run of an untouched system
	regions  []*region
	frames   []*frame
	ctx      *region
	packet   *region
	memory   *region
	maps     []mapModel
	data     []*region
	held     []*region
	counters map[uint64]*counter
	steps    int
	asked    int
	concrete verifier.Concrete
	snapshot *snapshot
	helped   int               // step at which a helper was called last
	fuel     int               // instructions that the run may take
	draw     func(b []byte)    // fills memory, if it is not nil
	passed   map[*ir.Insn]bool // instructions, if it is not nil
}

// errFuel says that a run took too long. That is not wrong: loops may be long.
var errFuel = errors.New("fuel")

// fuel is how many instructions a run of a generated program may take.
const fuel = 8_000

// Regions are far apart, and their addresses are multiples of 4096 of which no half is 0.
const (
	lowest  = 0x1000_0000_0000
	spacing = 32 // bits
	within  = 1 << 16
)

// add makes a region.
func (m *machine) add(what string, size int, write bool) *region {
	r := &region{base: lowest + uint64(len(m.regions))<<spacing + within, bytes: make([]byte, size), write: write, what: what}
	m.regions = append(m.regions, r)
	return r
}

// random fills a region.
func (m *machine) random(r *region) *region {
	if m.draw != nil {
		m.draw(r.bytes)
		return r
	}
	var bits uint64
	for i := range r.bytes {
		if i%4 == 0 {
			bits = m.rng.Uint64()
		}
		switch bits & 3 {
		case 0:
			r.bytes[i] = byte(bits >> 8 & 3)
		case 1:
			r.bytes[i] = byte(bits >> 8)
		case 2:
			r.bytes[i] = 0xff
		}
		bits >>= 16
	}
	return r
}

// find checks an access.
func (m *machine) find(addr uint64, size int, write bool) ([]byte, error) {
	i := int64(addr-lowest) >> spacing
	if i < 0 || i >= int64(len(m.regions)) {
		return nil, fmt.Errorf("access of %d bytes at %#x, which is no memory", size, addr)
	}
	r := m.regions[i]
	off := addr - r.base
	if (r.unused > 0 || r.written != nil) && off < uint64(len(r.bytes)) {
		if err := r.touched(int(off), min(size, len(r.bytes)-int(off)), !write, write); err != nil {
			return nil, err
		}
	}
	switch {
	case off > uint64(len(r.bytes)) || uint64(size) > uint64(len(r.bytes))-off:
		return nil, fmt.Errorf("access of %d bytes at offset %d of %s, which has %d bytes", size, int64(off), r.what, len(r.bytes))
	case r.dead:
		return nil, fmt.Errorf("access of %d bytes at offset %d of %s, which is gone", size, off, r.what)
	case write && !r.write:
		return nil, fmt.Errorf("write of %d bytes at offset %d of %s, which is read-only", size, off, r.what)
	}
	return r.bytes[off : off+uint64(size)], nil
}

func read(b []byte) uint64 {
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:])
}

func write(b []byte, v uint64) {
	var w [8]byte
	binary.LittleEndian.PutUint64(w[:], v)
	copy(b, w[:])
}

func (m *machine) top() *frame { return m.frames[len(m.frames)-1] }

// push enters a function.
func (m *machine) push(fn int) *frame {
	f := &frame{fn: fn, block: m.p.Funcs[fn].Blocks[0], turns: 1 + m.rng.IntN(30)}
	f.stack = m.random(m.add(fmt.Sprintf("the stack of frame %d", len(m.frames)), ir.MaxStack, true))
	f.regs[10] = f.stack.base + ir.MaxStack
	m.frameOf(fn, f.stack)
	f.set = ir.Bit(ir.R10)
	m.frames = append(m.frames, f)
	return f
}

func (f *frame) put(r ir.Reg, v uint64) {
	f.regs[r-ir.R0] = v
	f.set |= ir.Bit(r)
}

// get reads a register, which must have a value.
func (m *machine) get(r ir.Reg) (uint64, error) {
	f := m.top()
	if !f.set.Has(r) {
		return 0, fmt.Errorf("%v is read without a value", r)
	}
	return f.regs[r-ir.R0], nil
}

// run runs the program to its end and returns R0.
func (m *machine) run() (uint64, error) {
	for {
		f := m.top()
		in := &f.block.Insns[f.index]
		if m.steps++; m.steps > m.fuel {
			return 0, errFuel
		}
		if m.passed != nil {
			m.passed[in] = true
		}
		if err := m.reached(f, in); err != nil {
			return 0, m.at(in, err)
		}
		if err := m.ask(); err != nil {
			return 0, m.at(in, err)
		}
		if err := m.endless(in); err != nil {
			return 0, m.at(in, err)
		}
		ended, err := m.step(f, in)
		if err != nil {
			return 0, m.at(in, err)
		}
		if ended {
			return f.regs[0], nil
		}
	}
}

func (m *machine) at(in *ir.Insn, err error) error {
	return fmt.Errorf("insn %d (%s): %w", in.Pos, in, err)
}

// maxAsked bounds the states of one run that are compared.
const maxAsked = 600

// ask compares the state with those that the verifier kept.
func (m *machine) ask() error {
	if m.v == nil || m.asked >= maxAsked {
		return nil
	}
	m.asked++
	c := &m.concrete
	c.Frames = c.Frames[:0]
	for _, f := range m.frames {
		c.Frames = append(c.Frames, verifier.ConcreteFrame{Func: f.fn, Block: f.block.ID, Index: f.index, Regs: f.regs, Stack: f.stack.bytes})
	}
	c.Bases = m.bases
	if err := m.v.Holds(c); err != nil {
		return fmt.Errorf("the state is none of the verifier's: %w", err)
	}
	return nil
}

// bases says where areas begin.
func (m *machine) bases(a verifier.Area, i int) []uint64 {
	one := func(r *region, end bool) []uint64 {
		switch {
		case r == nil:
			return nil
		case end:
			return []uint64{r.base + uint64(len(r.bytes))}
		}
		return []uint64{r.base}
	}
	switch a {
	case verifier.AreaContext:
		return one(m.ctx, false)
	case verifier.AreaPacket, verifier.AreaPacketMeta:
		return one(m.packet, false)
	case verifier.AreaPacketEnd:
		return one(m.packet, true)
	case verifier.AreaMemory:
		return one(m.memory, false)
	case verifier.AreaMemoryEnd:
		return one(m.memory, true)
	case verifier.AreaMapValue:
		return m.maps[i].addresses()
	case verifier.AreaMap:
		return []uint64{m.maps[i].handle.base}
	case verifier.AreaData:
		return one(m.data[i], false)
	case verifier.AreaFunc:
		return []uint64{uint64(ir.FuncValue) + uint64(i)}
	}
	return nil
}

// snapshot is a state that must not come again.
type snapshot struct {
	frames []frame
	bytes  [][]byte
	age    int // steps since a helper was called
}

// endless finds runs that repeat a state: they never end. Helpers that give something new begin the search anew.
func (m *machine) endless(in *ir.Insn) error {
	if in.Op == ir.OpCallHelper || in.Op == ir.OpMayGoto {
		m.snapshot, m.helped = nil, m.steps
		return nil
	}
	age := m.steps - m.helped
	if age < quiet {
		return nil
	}
	if s := m.snapshot; s != nil && m.same(s) {
		return errors.New("the program never ends: this state was there before")
	}
	if s := m.snapshot; s == nil || age > 2*s.age {
		m.snapshot = m.remember(age)
	}
	return nil
}

// quiet is how many steps without a helper's help make a run suspect.
const quiet = fuel / 4

func (m *machine) remember(age int) *snapshot {
	s := &snapshot{age: age}
	for _, f := range m.frames {
		s.frames = append(s.frames, *f)
	}
	for _, r := range m.regions {
		s.bytes = append(s.bytes, slices.Clone(r.bytes))
	}
	return s
}

func (m *machine) same(s *snapshot) bool {
	if len(s.frames) != len(m.frames) || len(s.bytes) != len(m.regions) {
		return false
	}
	for i, f := range m.frames {
		if s.frames[i] != *f {
			return false
		}
	}
	for i, r := range m.regions {
		if !slices.Equal(s.bytes[i], r.bytes) {
			return false
		}
	}
	return true
}

// step executes one instruction. It reports the end of the program.
func (m *machine) step(f *frame, in *ir.Insn) (ended bool, err error) {
	e := in.Op.Info().Effects
	switch {
	case in.Op == ir.OpExit:
		return m.exit(f)
	case e&ir.CallsOut != 0:
		return false, m.call(f, in)
	case in.Op == ir.OpJmp:
		f.jump(m, in.Then)
		return false, nil
	case in.Op == ir.OpMayGoto:
		f.turns--
		return false, m.choose(f, in, f.turns < 0)
	}
	if err := m.uses(in); err != nil {
		return false, err
	}
	switch {
	case in.Op == ir.OpBr:
		return false, m.choose(f, in, holds(in, f.val(in.A), f.operand(in)))
	case e&ir.UseMem != 0:
		err = m.access(f, in)
	case in.Op == ir.OpAddr:
		f.put(in.Dst, m.address(in))
	default:
		f.put(in.Dst, compute(in, f.val(in.A), f.operand(in)))
	}
	f.index++
	return false, err
}

// uses checks that the operands have values.
func (m *machine) uses(in *ir.Insn) (err error) {
	in.Uses(func(r ir.Reg) {
		if _, e := m.get(r); e != nil {
			err = e
		}
	})
	return err
}

// choose takes one side of a branch.
func (m *machine) choose(f *frame, in *ir.Insn, then bool) error {
	err := m.goes(f, in, then)
	to := in.Else
	if then {
		to = in.Then
	}
	f.jump(m, to)
	return err
}

func (f *frame) jump(m *machine, to ir.BlockID) {
	f.block, f.index = m.p.Funcs[f.fn].Blocks[to], 0
}

// val is a register, 0 for none.
func (f *frame) val(r ir.Reg) uint64 {
	if r == ir.None {
		return 0
	}
	return f.regs[r-ir.R0]
}

func (f *frame) operand(in *ir.Insn) uint64 {
	if in.B == ir.None {
		return uint64(in.Imm)
	}
	return f.val(in.B)
}

// holds is a comparison.
func holds(in *ir.Insn, a, b uint64) bool {
	sa, sb := int64(a), int64(b)
	if in.Width == 32 {
		a, b = uint64(uint32(a)), uint64(uint32(b))
		sa, sb = int64(int32(a)), int64(int32(b))
	}
	switch in.Cond {
	case isa.EQ:
		return a == b
	case isa.NE:
		return a != b
	case isa.GT:
		return a > b
	case isa.GE:
		return a >= b
	case isa.LT:
		return a < b
	case isa.LE:
		return a <= b
	case isa.SGT:
		return sa > sb
	case isa.SGE:
		return sa >= sb
	case isa.SLT:
		return sa < sb
	case isa.SLE:
		return sa <= sb
	}
	return a&b != 0
}

// compute is arithmetic, moves and extensions.
func compute(in *ir.Insn, a, b uint64) uint64 {
	switch in.Op {
	case ir.OpSext:
		s := 64 - 8*uint(in.Size)
		v := uint64(int64(a<<s) >> s)
		if in.Width == 32 {
			v = uint64(uint32(v))
		}
		return v
	case ir.OpZext:
		s := 64 - 8*uint(in.Size)
		return a << s >> s
	case ir.OpBswap:
		return bits.ReverseBytes64(a) >> (64 - 8*uint(in.Size))
	}
	if in.Width == 32 {
		return uint64(uint32(arith(in.Op, uint64(uint32(a)), uint64(uint32(b)), 32)))
	}
	return arith(in.Op, a, b, 64)
}

// arith is one operation on width bits (RFC 9669 section 4.1).
func arith(op ir.Op, a, b uint64, width uint) uint64 {
	s := 64 - width
	sa, sb := int64(a<<s)>>s, int64(b<<s)>>s
	shift := b & uint64(width-1)
	switch op {
	case ir.OpMov:
		return b
	case ir.OpAdd:
		return a + b
	case ir.OpSub:
		return a - b
	case ir.OpMul:
		return a * b
	case ir.OpOr:
		return a | b
	case ir.OpAnd:
		return a & b
	case ir.OpXor:
		return a ^ b
	case ir.OpLsh:
		return a << shift
	case ir.OpRsh:
		return a >> shift
	case ir.OpArsh:
		return uint64(sa >> shift)
	case ir.OpNeg:
		return -a
	}
	return divide(op, a, b, sa, sb)
}

func divide(op ir.Op, a, b uint64, sa, sb int64) uint64 {
	quotient := op == ir.OpDiv || op == ir.OpSDiv
	switch {
	case b == 0 && quotient:
		return 0
	case b == 0:
		return a
	case op == ir.OpDiv:
		return a / b
	case op == ir.OpMod:
		return a % b
	case sb == -1 && quotient:
		return -uint64(sa)
	case sb == -1:
		return 0
	case quotient:
		return uint64(sa / sb)
	}
	return uint64(sa % sb)
}

func (m *machine) address(in *ir.Insn) uint64 {
	i := in.Ref.Index
	switch in.Ref.Kind {
	case ir.RefMap:
		return m.maps[i].handle.base
	case ir.RefMapValue:
		return m.maps[i].values[0].base + uint64(in.Imm)
	case ir.RefData:
		return m.data[i].base + uint64(in.Imm)
	}
	return uint64(ir.FuncValue) + uint64(i)
}

// access is a load, a store or an atomic operation.
func (m *machine) access(f *frame, in *ir.Insn) error {
	addr := f.val(in.Base) + uint64(int64(in.Disp))
	e := in.Op.Info().Effects
	if addr-m.ctxBase() < 1<<32 {
		return m.field(f, in, addr-m.ctxBase())
	}
	if e&ir.Writes != 0 && in.Op != ir.OpStore { // an atomic operation reads first
		if _, err := m.find(addr, int(in.Size), false); err != nil {
			return err
		}
	}
	b, err := m.find(addr, int(in.Size), e&ir.Writes != 0)
	if err != nil {
		return err
	}
	switch in.Op {
	case ir.OpLoad:
		f.put(in.Dst, extended(in, read(b)))
	case ir.OpStore:
		v := uint64(in.Imm)
		if in.A != ir.None {
			v = f.val(in.A)
		}
		write(b, v)
	default:
		if addr%uint64(in.Size) != 0 {
			return fmt.Errorf("atomic operation at %#x, which is not a multiple of %d", addr, in.Size)
		}
		m.atomic(f, in, b)
	}
	return nil
}

func extended(in *ir.Insn, v uint64) uint64 {
	if in.Sign {
		s := 64 - 8*uint(in.Size)
		return uint64(int64(v<<s) >> s)
	}
	return v
}

func (m *machine) ctxBase() uint64 {
	if m.ctx == nil {
		return 1 << 63
	}
	return m.ctx.base
}

func (m *machine) atomic(f *frame, in *ir.Insn, b []byte) {
	old, a := read(b), f.val(in.A)
	next := map[ir.Op]uint64{ir.OpAtomicAdd: old + a, ir.OpAtomicOr: old | a, ir.OpAtomicAnd: old & a, ir.OpAtomicXor: old ^ a, ir.OpAtomicXchg: a}[in.Op]
	if in.Op == ir.OpAtomicCmpXchg {
		next = old
		expected := f.val(in.B)
		if in.Size == 4 {
			expected = uint64(uint32(expected))
		}
		if old == expected {
			next = a
		}
	}
	write(b, next)
	if in.Dst != ir.None {
		f.put(in.Dst, old)
	}
}

// field is an access to the context.
func (m *machine) field(f *frame, in *ir.Insn, off uint64) error {
	fd, err := m.typ.Context.Access(int64(off), in.Size, in.Op == ir.OpStore)
	if err != nil {
		return fmt.Errorf("context: %w", err)
	}
	b := m.ctx.bytes[off : off+uint64(in.Size)]
	if in.Op == ir.OpStore {
		v := uint64(in.Imm)
		if in.A != ir.None {
			v = f.val(in.A)
		}
		write(b, v)
		return nil
	}
	switch fd.Kind {
	case abi.FieldPacketStart, abi.FieldPacketMeta:
		f.put(in.Dst, m.packet.base)
	case abi.FieldPacketEnd:
		f.put(in.Dst, m.packet.base+uint64(len(m.packet.bytes)))
	case abi.FieldScalar:
		f.put(in.Dst, extended(in, read(b)))
	default:
		return fmt.Errorf("the model has no field %s", fd.Name)
	}
	return nil
}

// call enters a function or does what a helper does.
func (m *machine) call(f *frame, in *ir.Insn) error {
	fn := int(in.Ref.Index)
	switch in.Op {
	case ir.OpCallHelper:
		return m.callHelper(f, &m.p.Helpers[in.Ref.Index])
	case ir.OpCallReg:
		v, err := m.get(in.A)
		if err != nil || v < uint64(ir.FuncValue) || v >= uint64(ir.FuncValue)+uint64(len(m.p.Funcs)) {
			return fmt.Errorf("call of %#x, which is no function", v)
		}
		fn = int(v - uint64(ir.FuncValue))
	}
	if len(m.frames) == ir.MaxFrames {
		return errors.New("too many frames")
	}
	g := m.push(fn)
	for r := ir.R1; r <= ir.R5; r++ {
		if f.set.Has(r) {
			g.put(r, f.regs[r-ir.R0])
		}
	}
	return nil
}

// exit leaves a function.
func (m *machine) exit(f *frame) (ended bool, err error) {
	r0, err := m.get(ir.R0)
	global := m.p.Funcs[f.fn].Global
	switch {
	case err != nil && global: // refused by Linux, and any number here
		f.put(ir.R0, m.rng.Uint64())
	case err != nil && (len(m.frames) == 1 || f.loop != nil):
		return false, err
	}
	if len(m.frames) == 1 {
		return true, m.ended(r0)
	}
	f.stack.dead = true
	m.frames = m.frames[:len(m.frames)-1]
	caller := m.top()
	if f.loop != nil {
		return false, m.returned(caller, f.loop, r0)
	}
	caller.after(r0)
	if !f.set.Has(ir.R0) {
		caller.set &^= ir.Bit(ir.R0)
	}
	return false, nil
}

// after is what a call leaves: R0, and R1 to R5 without values.
func (f *frame) after(r0 uint64) {
	f.set &^= ir.CallerRegs
	f.put(ir.R0, r0)
	f.index++
}

// returned follows the return of a callback.
func (m *machine) returned(caller *frame, t *turns, r0 uint64) error {
	if r0 > 1 {
		return fmt.Errorf("the callback returned %d", r0)
	}
	if r0 == 1 {
		caller.after(t.done())
		return nil
	}
	return m.turn(caller, t)
}

// turn calls back once more.
func (m *machine) turn(caller *frame, t *turns) error {
	if len(m.frames) == ir.MaxFrames {
		return errors.New("too many frames")
	}
	f := m.push(t.fn)
	f.loop = t
	if !t.next(f) {
		m.frames = m.frames[:len(m.frames)-1]
		caller.after(t.done())
	}
	return nil
}

// ended checks what a program may leave behind.
func (m *machine) ended(r0 uint64) error {
	if len(m.held) > 0 {
		return fmt.Errorf("%s is not released", m.held[0].what)
	}
	if len(m.counters) > 0 {
		return errors.New("an iterator is not destroyed")
	}
	if r := m.typ.Returns; r.Bounded() && (int64(r0) < r.Min || int64(r0) > r.Max) {
		return fmt.Errorf("the program returns %d", int64(r0))
	}
	return nil
}
