package cbpf

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Options of Convert. The zero value converts for the program types of bpfc.
type Options struct {
	// Whole: packets are as long as they were on the wire, so that the length that filters ask for is that of the packet. Without
	// it a filter that asks gets a context, which has both.
	Whole bool
	// Context makes a program of TypeContext of any filter of packets.
	Context bool
	// Lines makes source lines of the program: each instruction of the filter in text, line by line.
	Lines bool
	// Hook is the kernel's hook that the program is for; HookNone: it is for bpfc.
	Hook Hook
}

// Hook is where the kernel runs a converted filter.
type Hook uint8

// The hooks. A filter matches what it gives a result other than 0.
const (
	HookNone Hook = iota
	HookTC        // a classifier of cls_bpf: -1, the class that the classifier was made with, for a match, else 0
	HookXDP       // XDP_PASS for a match, else XDP_DROP
)

// HookOf is the hook of a program type; HookNone if filters do not become programs of it.
func HookOf(typ string) Hook {
	for h, s := range hookShapes {
		if s.typ == typ {
			return Hook(h)
		}
	}
	return HookNone
}

// The program types of converted filters.
const (
	TypePacket  = "cbpf"    // R1 is the packet, R2 its length
	TypeContext = "cbpf_md" // R1 is a struct cbpf_md
	TypeSeccomp = "seccomp" // R1 is a struct seccomp_data
)

// Convert checks a filter by the rules of its dialect and translates it to the instructions of eBPF: an object with one
// program called name. The program is of type TypeSeccomp in the dialect Seccomp; else of type TypePacket, and TypeContext
// if the filter asks for more than the packet. Errors are *Error.
func Convert(name string, insns []Insn, d Dialect, o Options) (*obj.Object, error) {
	if err := Check(insns, d); err != nil {
		return nil, err
	}
	c := &converter{flow: analyse(insns, d), shape: &packetShape, options: o}
	if err := c.choose(); err != nil {
		return nil, err
	}
	c.write()
	if c.err != nil {
		return nil, c.err
	}
	c.link()
	p := obj.Program{Name: "filter", Type: c.typ, Section: c.section, Insns: c.code}
	if o.Lines {
		p.Lines = c.lines(name)
	}
	return &obj.Object{Name: name, License: "GPL", Programs: []obj.Program{p}}, nil
}

// lines are the instructions of the filter as source lines.
func (c *converter) lines(file string) (lines []obj.Line) {
	for i := range c.insns {
		if c.reached[i] && c.at != nil && int(c.at[i]) < len(c.code) && (len(lines) == 0 || int(c.at[i]) > lines[len(lines)-1].Slot) {
			lines = append(lines, obj.Line{Slot: int(c.at[i]), File: file, Line: i + 1, Text: strings.TrimSpace(c.insns[i].Text(i, len(c.insns)))})
		}
	}
	return lines
}

// write writes the program.
func (c *converter) write() {
	c.prepare(c.limit)
	if c.need[0] == never {
		c.emit(isa.Mov.Imm32(regA, int32(c.miss)), isa.Return())
		return
	}
	c.assign()
	c.begin()
	for i := range c.insns {
		if c.reached[i] {
			c.convert(i)
		}
	}
	c.island()
}

// shape is what a program gets and gives.
type shape struct {
	typ       string
	section   string // where loaders of the kernel look for the type (libbpf 1.5)
	context   bool   // R1 is a context with the addresses of the packet, else the packet itself
	data, end int16  // fields of the context
	length    int16  // the field of the length on the wire; 0: the length of the packet is meant
	networkAt int16  // the fields of the offsets of headers; 0: there are none
	linkAt    int16
	device    int16 // the field that is 0 without a device, where the filter ends with A; 0: there always is one
	linear    bool  // the packet may lie in pieces, which a call makes one of
	limit     int64 // the verifier proves offsets up to here
	fields    map[Anc]source
	match     int64 // what stands for results other than 0, and for 0; both 0: the result itself
	miss      int64
}

// source is where a number about the packet comes from.
type source struct {
	field  int16
	big    bool  // the low 16 bits are big-endian
	helper int32 // a call that gives it, instead
	args   bool  // the call has the context, A and X as its arguments
	device bool  // only if there is a device
}

// WithLength is the context of a packet that had a length on the wire, and else what the bytes ctx of a struct cbpf_md, or
// of its beginning, say: it copies them.
func WithLength(ctx []byte, length uint32) []byte {
	at := int(contextShape.length)
	out := make([]byte, max(len(ctx), at+4))
	copy(out, ctx)
	binary.LittleEndian.PutUint32(out[at:], length)
	return out
}

// Numbers of helpers (include/uapi/linux/bpf.h, Linux 6.18), and of those that bpfc has for filters.
const (
	helperRandom   = 7
	helperCPU      = 8
	helperPullData = 39
	// HelperNlattr and HelperNlattrNest find netlink attributes for programs of TypeContext.
	HelperNlattr     = 0x3bf00001
	HelperNlattrNest = 0x3bf00002
)

// maxKernelPacket is MAX_PACKET_OFF (kernel/bpf/verifier.c, Linux 6.18); MaxContextPacket is how long the packets of
// TypeContext may be, which bpfc's verifier counts with.
const (
	maxKernelPacket  = 0xffff
	MaxContextPacket = 1 << 24
)

var (
	packetShape  = shape{typ: TypePacket, limit: farthest}
	seccompShape = shape{typ: TypeSeccomp, limit: farthest}
	contextShape = shape{typ: TypeContext, context: true, data: 0, end: 4, length: 8, device: 60, networkAt: 64, linkAt: 68, limit: MaxContextPacket, fields: map[Anc]source{
		AncProtocol: {field: 12}, AncPktType: {field: 16}, AncIfindex: {field: 20, device: true}, AncMark: {field: 24}, AncQueue: {field: 28},
		AncHatype: {field: 32, device: true}, AncRxhash: {field: 36}, AncCPU: {field: 40}, AncVlanTag: {field: 44}, AncVlanPresent: {field: 48},
		AncVlanTpid: {field: 52}, AncPayOffset: {field: 56}, AncRandom: {helper: helperRandom},
		AncNlattr: {helper: HelperNlattr, args: true}, AncNlattrNest: {helper: HelperNlattrNest, args: true},
	}}
	// struct __sk_buff and struct xdp_md (include/uapi/linux/bpf.h, Linux 6.18).
	tcShape = shape{typ: "sched_cls", section: "tc", context: true, data: 76, end: 80, linear: true, limit: maxKernelPacket, match: -1, fields: map[Anc]source{
		AncPktType: {field: 4}, AncMark: {field: 8}, AncQueue: {field: 12}, AncProtocol: {field: 16, big: true}, AncVlanPresent: {field: 20},
		AncVlanTag: {field: 24}, AncVlanTpid: {field: 28, big: true}, AncIfindex: {field: 40}, AncRxhash: {field: 68},
		AncCPU: {helper: helperCPU}, AncRandom: {helper: helperRandom},
	}}
	xdpShape = shape{typ: "xdp", section: "xdp", context: true, data: 0, end: 4, limit: maxKernelPacket, match: 2, miss: 1, fields: map[Anc]source{
		AncIfindex: {field: 12}, AncCPU: {helper: helperCPU}, AncRandom: {helper: helperRandom},
	}}
	// hookShapes are the shapes of programs with a context.
	hookShapes = [...]*shape{HookNone: &contextShape, HookTC: &tcShape, HookXDP: &xdpShape}
)

// converter writes the program of a filter.
//
// In programs on a packet R1 is the packet and R2 its length. In those with a context R6 is the context, R7 and R8 are
// start and end of the packet. A is always in R0, R5 is free for addresses. A and X have nothing in their upper halves.
type converter struct {
	*flow
	*shape
	options Options
	err     error
	code    []isa.Insn
	x       isa.Reg
	cells   [Cells]cell
	at      []int32 // the slot of each instruction
	jumps   []fixup
	drops   []int32 // slots of branches to the end with 0 that are not placed yet
	open    bool    // the last instruction leads on to the next
	calls   bool
	// known and knownX are the length that the packet is known to have, by instruction; beyond X in knownX.
	known, knownX []int64
}

// cell is where a cell of M[] is kept: in a register, or at an offset from R10 if that is not 0.
type cell struct {
	reg isa.Reg
	off int16
}

// fixup is a branch at a slot to an instruction.
type fixup struct{ slot, to int32 }

// The registers of programs.
const (
	regA        = isa.R0
	regPacket   = isa.R1
	regLength   = isa.R2
	regX        = isa.R4 // the amount of shifts is in the same register on amd64
	regFree     = isa.R5
	regContext  = isa.R6
	regData     = isa.R7
	regEnd      = isa.R8
	regXContext = isa.R9
)

// choose picks the shape that the filter needs.
func (c *converter) choose() error {
	h, meta := c.options.Hook, c.options.Context
	for i, in := range c.insns {
		if !c.reached[i] {
			continue
		}
		r := in.Row()
		anc, isAnc := in.Anc()
		isAnc = isAnc && c.dialect == Linux
		switch {
		case isAnc && anc == AncXorX:
			continue
		case isAnc, c.relative(in, r), c.wraps[i], r.Form == FormLen && c.dialect != Seccomp && !c.options.Whole:
			meta = true
		}
		if isAnc {
			c.calls = c.calls || hookShapes[h].fields[anc].helper != 0
		}
	}
	switch {
	case c.dialect == Seccomp && h == HookNone:
		c.shape = &seccompShape
	case c.dialect == Seccomp:
		return &Error{Insn: -1, Rule: RuleForm, Text: "a filter of system calls has no packet to filter", Hint: "filters for tc and xdp are of the dialect pcap or linux"}
	case h != HookNone, meta:
		c.shape = hookShapes[h]
	}
	c.calls = c.calls || c.linear
	return nil
}

// assign gives the cells their places: those that occur most have registers.
func (c *converter) assign() {
	n := len(c.insns)
	c.at, c.known, c.knownX = make([]int32, n+1), make([]int64, n), make([]int64, n)
	c.code = make([]isa.Insn, 0, 3*n+8)
	for i := range c.known {
		c.known[i], c.knownX[i] = never, never
		if c.head[i] {
			c.known[i], c.knownX[i] = 0, 0
		}
	}
	free := []isa.Reg{isa.R3, isa.R6, isa.R7, isa.R8, isa.R9}
	if c.x = regX; c.context {
		if c.x, free = regXContext, []isa.Reg{isa.R4, isa.R3, isa.R2, isa.R1}; c.calls {
			free = nil
		}
	}
	var uses [Cells]int
	for i, in := range c.insns {
		if r := in.Row(); c.reached[i] && r.Form == FormMem {
			uses[in.K]++
		}
	}
	off := int16(0)
	for range Cells {
		most := 0
		for k := range uses {
			if uses[k] > uses[most] {
				most = k
			}
		}
		if uses[most] == 0 {
			return
		}
		uses[most] = 0
		if len(free) > 0 {
			c.cells[most].reg, free = free[0], free[1:]
			continue
		}
		off -= 8
		c.cells[most].off = off
	}
}

// emit adds instructions.
func (c *converter) emit(insns ...isa.Insn) {
	c.code = append(c.code, insns...)
	c.open = true
}

// begin writes what comes before the first instruction.
func (c *converter) begin() {
	if c.context {
		c.emit(isa.Mov64Reg(regContext, isa.R1), isa.LoadMem(regData, regContext, c.data, 4), isa.LoadMem(regEnd, regContext, c.end, 4))
	}
	if c.linear {
		// struct __sk_buff begins with the length of all pieces; R7 and R8 are those of the first.
		c.emit(isa.LoadMem(isa.R2, regContext, 0, 4), isa.Mov64Reg(regFree, regEnd), isa.Sub.Reg(regFree, regData), isa.GE.Reg(regFree, isa.R2, 4),
			isa.Mov64Reg(isa.R1, regContext), isa.CallHelper(helperPullData), isa.LoadMem(regData, regContext, c.data, 4), isa.LoadMem(regEnd, regContext, c.end, 4))
	}
	if c.live[0]&stateA != 0 {
		c.emit(isa.Mov.Imm32(regA, 0))
	}
	if c.live[0]&stateX != 0 {
		c.emit(isa.Mov.Imm32(c.x, 0))
	}
	for k, m := range c.cells {
		switch {
		case c.live[0]&(stateM<<k) == 0:
		case m.off != 0:
			c.emit(isa.StoreImm(isa.R10, m.off, 0, 8))
		default:
			c.emit(isa.Mov.Imm32(m.reg, 0))
		}
	}
	c.known[0], c.knownX[0] = 0, 0
}

// convert writes one instruction.
func (c *converter) convert(i int) {
	if len(c.drops) > 0 && len(c.code)-int(c.drops[0]) > 1<<14 {
		c.island()
	}
	c.at[i] = int32(len(c.code))
	in := c.insns[i]
	r := in.Row()
	if c.need[i] > c.known[i] {
		c.checkLength(c.need[i])
		c.known[i] = c.need[i]
	}
	if !c.context && c.needX[i] > c.knownX[i] {
		c.checkBeyondX(c.needX[i])
		c.knownX[i] = c.needX[i]
	}
	dead := c.idle(i)
	switch {
	case r.Op == OpRet:
		c.ret(in, r)
		return
	case r.Op == OpJump:
		c.leave(i, int(c.to[i][0]))
		return
	case r.Op.Cond():
		c.branch(i, in, r)
		return
	case c.to[i][0] == drop: // a load that always fails, or nothing follows that counts
		c.leave(i, drop)
		return
	case r.Op == OpLoad:
		c.load(i, in, r, dead)
	case r.Op.Arith():
		c.arith(i, in, r, dead)
	case dead:
	case r.Op == OpStore:
		c.store(in, r)
	case r.Writes&PlaceX != 0:
		c.emit(isa.Mov.Reg32(c.x, regA))
	default:
		c.emit(isa.Mov.Reg32(regA, c.x))
	}
	c.pass(i, i+1)
}

// idle reports whether nobody reads what the instruction writes.
func (c *converter) idle(i int) bool {
	_, writes, _ := c.effect(i)
	return writes != 0 && c.out(i)&writes == 0
}

// pass carries what is known of lengths from i to t.
func (c *converter) pass(i, t int) {
	x := c.knownX[i]
	if r := c.insns[i].Row(); r.Writes&PlaceX != 0 || forgets(r) && !c.idle(i) {
		x = 0
	}
	c.known[t], c.knownX[t] = min(c.known[t], c.known[i]), min(c.knownX[t], x)
}

// forgets reports whether the verifier remembers of the instruction how numbers compare: it remembers few such things, and
// what it knows of X is to stay among them.
func forgets(r *Row) bool {
	switch r.Op {
	case OpSub, OpAnd, OpDiv, OpMod, OpRsh:
		return true
	}
	return r.Op.Cond() && r.Form == FormX
}

// fail notes that the shape has no way to do instruction i.
func (c *converter) fail(i int, format string, args ...any) {
	if c.err == nil {
		c.err = &Error{Insn: i, Rule: RuleAncillary, Text: fmt.Sprintf(format, args...)}
	}
}

// leave jumps from i to an instruction or the end with 0, unless it comes next.
func (c *converter) leave(i, to int) {
	switch {
	case to == drop:
		c.goDrop()
	case to <= i:
		c.drops = append(c.drops, int32(len(c.code)))
		c.emit(isa.MayJump(0))
		c.jump(to, isa.Jump(0))
	default:
		c.pass(i, to)
		if to == int(c.follow[i]) {
			return
		}
		c.jump(to, isa.Jump(0))
	}
	c.open = false
}

// jump writes a branch to an instruction.
func (c *converter) jump(to int, in isa.Insn) {
	c.jumps = append(c.jumps, fixup{int32(len(c.code)), int32(to)})
	c.emit(in)
}

// dropIf writes a branch to the end with 0.
func (c *converter) dropIf(in isa.Insn) {
	c.drops = append(c.drops, int32(len(c.code)))
	c.emit(in)
}

func (c *converter) goDrop() { c.dropIf(isa.Jump(0)) }

// island writes the end with 0, for the branches to it so far: they do not reach far.
func (c *converter) island() {
	if len(c.drops) == 0 {
		return
	}
	if c.open {
		c.emit(isa.Jump(2))
	}
	for _, slot := range c.drops {
		c.code[slot].Off = int16(len(c.code) - int(slot) - 1)
	}
	c.drops = c.drops[:0]
	open := c.open
	c.emit(isa.Mov.Imm32(regA, int32(c.miss)), isa.Return())
	c.open = open
}

// link resolves branches to instructions.
func (c *converter) link() {
	for _, j := range c.jumps {
		off := int64(c.at[j.to]) - int64(j.slot) - 1
		in := &c.code[j.slot]
		switch {
		case off == int64(int16(off)):
			in.Off = int16(off)
		case in.Op == isa.Ja:
			*in = isa.Jump32(int32(off))
		default:
			panic("cbpf: a conditional jump leads too far") // maxThread and the 8 bits of its offset bound it
		}
	}
}

// ret writes the end of the filter.
func (c *converter) ret(in Insn, r *Row) {
	switch {
	case c.match == 0 && r.Form == FormImm:
		c.emit(isa.Mov.Imm32(regA, int32(in.K)))
	case c.match == 0:
	case r.Form == FormImm && in.K == 0:
		c.emit(isa.Mov.Imm32(regA, int32(c.miss)))
	case r.Form == FormImm:
		c.emit(isa.Mov.Imm32(regA, int32(c.match)))
	default:
		c.dropIf(isa.EQ.Imm32(regA, 0, 0))
		c.emit(isa.Mov.Imm32(regA, int32(c.match)))
	}
	c.emit(isa.Return())
	c.open = false
}

// conds are the conditions of jumps, and their opposites where there is one.
var conds = map[Op]struct{ holds, not isa.Cond }{
	OpJeq: {isa.EQ, isa.NE}, OpJgt: {isa.GT, isa.LE}, OpJge: {isa.GE, isa.LT}, OpJset: {isa.SET, isa.NoCond},
}

// branch writes a conditional jump.
func (c *converter) branch(i int, in Insn, r *Row) {
	then, other := int(c.to[i][0]), int(c.to[i][1])
	if then == other {
		c.leave(i, then)
		return
	}
	cond := conds[r.Op]
	if next := int(c.follow[i]); then == next && cond.not != isa.NoCond {
		then, other, cond.holds = other, then, cond.not
	}
	test := cond.holds.Imm32(regA, int32(c.constant(i, in.K)), 0)
	if r.Form == FormX {
		test = cond.holds.Reg32(regA, c.x, 0)
	}
	if then == drop {
		c.dropIf(test)
	} else {
		c.pass(i, then)
		c.jump(then, test)
	}
	c.leave(i, other)
}

// constant is k in the order in which A is.
func (c *converter) constant(i int, k uint32) uint32 {
	switch c.raw[i] {
	case 2:
		return uint32(bits.ReverseBytes16(uint16(k)))
	case 4:
		return bits.ReverseBytes32(k)
	}
	return k
}

// arith writes an operation on A.
func (c *converter) arith(i int, in Insn, r *Row, dead bool) {
	divides := r.Op == OpDiv || r.Op == OpMod
	if divides && r.Form == FormX {
		c.dropIf(isa.EQ.Imm32(c.x, 0, 0))
	}
	if dead {
		return
	}
	if r.Op == OpNeg {
		c.emit(isa.Negate32(regA))
		return
	}
	op := ariths[r.Op]
	if r.Form == FormImm {
		c.emit(op.Imm32(regA, int32(c.constant(i, in.K))))
		return
	}
	if c.dialect == Pcap && (r.Op == OpLsh || r.Op == OpRsh) {
		c.emit(isa.LT.Imm32(c.x, 32, 1), isa.Mov.Imm32(regA, 0))
	}
	c.emit(op.Reg32(regA, c.x))
}

// ariths are eBPF's names of the operations.
var ariths = map[Op]isa.Arith{
	OpAdd: isa.Add, OpSub: isa.Sub, OpMul: isa.Mul, OpDiv: isa.Div, OpMod: isa.Mod, OpAnd: isa.And, OpOr: isa.Or, OpXor: isa.Xor, OpLsh: isa.Lsh, OpRsh: isa.Rsh,
}

// store writes a store to a cell.
func (c *converter) store(in Insn, r *Row) {
	from := regA
	if r.Reads&PlaceX != 0 {
		from = c.x
	}
	if m := c.cells[in.K]; m.off != 0 {
		c.emit(isa.StoreMem(isa.R10, m.off, from, 8))
	} else {
		c.emit(isa.Mov.Reg32(m.reg, from))
	}
}

// load writes a load of A or X. If nobody reads what is loaded, only a failure counts.
func (c *converter) load(i int, in Insn, r *Row, dead bool) {
	to := regA
	if r.Writes&PlaceX != 0 {
		to = c.x
	}
	if anc, ok := in.Anc(); ok && c.dialect == Linux {
		c.ancillary(i, anc, dead)
		return
	}
	switch {
	case r.Form == FormInd:
		c.loadInd(i, in, r, dead)
	case c.relative(in, r):
		c.loadRelative(i, in, r, to)
	case dead: // the length has been checked
	case r.Form == FormImm:
		c.emit(isa.Mov.Imm32(to, int32(in.K)))
	case r.Form == FormLen:
		c.loadLength(to)
	case r.Form == FormMem:
		if m := c.cells[in.K]; m.off != 0 {
			c.emit(isa.LoadMem(to, isa.R10, m.off, 8))
		} else {
			c.emit(isa.Mov.Reg32(to, m.reg))
		}
	default:
		c.read(i, r, to, c.packet(), int64(in.K))
	}
}

// packet is the register with the address of the packet.
func (c *converter) packet() isa.Reg {
	if c.context {
		return regData
	}
	return regPacket
}

// read loads from an address that was checked: base + off.
func (c *converter) read(i int, r *Row, to, base isa.Reg, off int64) {
	if off != int64(int16(off)) {
		if base != regFree {
			c.emit(isa.Mov64Reg(regFree, base))
		}
		c.emit(isa.Add.Imm(regFree, int32(off)))
		base, off = regFree, 0
	}
	c.emit(isa.LoadMem(to, base, int16(off), r.Size))
	switch {
	case r.Form == FormMsh:
		c.emit(isa.And.Imm32(to, 15), isa.Lsh.Imm32(to, 2))
	case r.Size > 1 && c.dialect != Seccomp && c.raw[i] == 0:
		c.emit(isa.ToBE(to, r.Size))
	}
}

// loadLength loads the length that the packet had on the wire.
func (c *converter) loadLength(to isa.Reg) {
	switch {
	case c.dialect == Seccomp:
		c.emit(isa.Mov.Imm32(to, DataSize))
	case !c.context:
		c.emit(isa.Mov.Reg32(to, regLength))
	case c.linear || c.length != 0:
		c.emit(isa.LoadMem(to, regContext, c.length, 4))
	default:
		c.emit(isa.Mov64Reg(to, regEnd), isa.Sub.Reg(to, regData))
	}
}

// checkLength ends the filter with 0 if the packet has less than n bytes.
func (c *converter) checkLength(n int64) {
	if !c.context {
		c.dropIf(isa.LT.Imm(regLength, int32(n), 0))
		return
	}
	c.emit(isa.Mov64Reg(regFree, regData), isa.Add.Imm(regFree, int32(n)))
	c.dropIf(isa.GT.Reg(regFree, regEnd, 0))
}

// checkBeyondX ends the filter with 0 if the packet has less than X + n bytes.
func (c *converter) checkBeyondX(n int64) {
	c.emit(isa.Mov64Reg(regFree, c.x), isa.Add.Imm(regFree, int32(n)))
	c.dropIf(isa.GT.Reg(regFree, regLength, 0))
}

// loadInd loads at X + k.
func (c *converter) loadInd(i int, in Insn, r *Row, dead bool) {
	switch {
	case c.wraps[i]:
		c.emit(isa.Mov.Reg32(regFree, c.x), isa.Add.Imm32(regFree, int32(in.K)))
		c.base(i)
		c.loadAt(i, r, regA)
	case c.context:
		c.emit(isa.Mov64Reg(regFree, c.x), isa.Add.Imm(regFree, int32(in.K)))
		c.loadAt(i, r, regA)
	case !dead:
		c.emit(isa.Mov64Reg(regFree, regPacket), isa.Add.Reg(regFree, c.x))
		c.read(i, r, regA, regFree, int64(in.K))
	}
}

// base adds to the signed offset in R5, if it is negative, that of the header that it is relative to: the network header
// from NetBase on, the link header from LinkBase on. What lies before the packet fails.
func (c *converter) base(i int) {
	if c.networkAt == 0 {
		c.dropIf(isa.SLT.Imm32(regFree, 0, 0))
		return
	}
	const netBase, linkBase = int32(NetBase - 1<<32), int32(LinkBase - 1<<32)
	c.emit(isa.SGE.Imm32(regFree, 0, 10), isa.SLT.Imm32(regFree, netBase, 3),
		isa.Add.Imm32(regFree, -netBase), isa.LoadMem(regA, regContext, c.networkAt, 4), isa.Jump(4))
	c.dropIf(isa.SLT.Imm32(regFree, linkBase, 0))
	c.emit(isa.Add.Imm32(regFree, -linkBase), isa.LoadMem(regA, regContext, c.linkAt, 4))
	c.dropIf(isa.SLT.Imm32(regA, 0, 0))
	c.emit(isa.Add.Reg32(regFree, regA))
	c.dropIf(isa.SLT.Imm32(regFree, 0, 0))
}

// loadRelative loads at a constant offset from a header.
func (c *converter) loadRelative(i int, in Insn, r *Row, to isa.Reg) {
	if c.networkAt == 0 {
		c.fail(i, "where the headers are is not known at this hook")
		return
	}
	field, off := c.linkAt, in.K-LinkBase
	if in.K >= NetBase {
		field, off = c.networkAt, in.K-NetBase
	}
	c.emit(isa.LoadMem(regFree, regContext, field, 4))
	if field == c.linkAt {
		c.dropIf(isa.SLT.Imm32(regFree, 0, 0)) // there is none
	}
	c.emit(isa.Add.Imm32(regFree, int32(off)))
	c.dropIf(isa.SLT.Imm32(regFree, 0, 0))
	c.loadAt(i, r, to)
}

// loadAt loads at the offset in R5, if it lies in the packet of a context.
func (c *converter) loadAt(i int, r *Row, to isa.Reg) {
	c.dropIf(isa.GT.Imm(regFree, int32(c.limit-int64(r.Size)), 0))
	c.emit(isa.Add.Reg(regFree, regData), isa.Mov64Reg(to, regFree), isa.Add.Imm(to, int32(r.Size)))
	c.dropIf(isa.GT.Reg(to, regEnd, 0))
	c.read(i, r, to, regFree, 0)
}

// ancillary loads what is known about the packet.
func (c *converter) ancillary(i int, a Anc, dead bool) {
	if a == AncXorX {
		if !dead {
			c.emit(isa.Xor.Reg32(regA, c.x))
		}
		return
	}
	s, ok := c.fields[a]
	if !ok {
		c.fail(i, "the ancillary load %s has no equivalent at this hook", a)
		return
	}
	if s.device && c.device != 0 {
		c.emit(isa.LoadMem(regFree, regContext, c.device, 4), isa.NE.Imm32(regFree, 0, 1), isa.Return())
	}
	switch {
	case dead:
	case s.helper != 0:
		if s.args {
			c.emit(isa.Mov64Reg(isa.R1, regContext), isa.Mov.Reg32(isa.R2, regA), isa.Mov.Reg32(isa.R3, c.x))
		}
		c.emit(isa.CallHelper(s.helper), isa.Mov.Reg32(regA, regA))
	default:
		c.emit(isa.LoadMem(regA, regContext, s.field, 4))
		if s.big {
			c.emit(isa.ToBE(regA, 2))
		}
	}
}
