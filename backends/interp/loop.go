package interp

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// inst is a decoded instruction, 16 bytes. The opcode says what the fields mean.
type inst struct {
	op        opcode
	dst, a, b uint8 // numbers of registers
	disp      int32 // displacement, or index of the target in code
	imm       uint64
}

// registers are those of the IR by their number; 0 (ir.None) always reads as 0,
// and the last holds the address of an indexed access.
type registers [16]uint64

const indexed = 15

// run is the interpreter's loop, and its one dispatch: a case is one statement
// or calls a function named for what it does, and one that breaks out of the loop faults at
// machine.addr. State other than pc is in the machine, so that the compiler keeps none of it
// in registers and saves none around calls. Numbers of registers are below 16
// (decode); masking them spares the bounds check.
func (p *program) run(w *runtime.Worker, r1, r2 uint64, o *observation) (uint64, error) {
	m := machine{worker: w, mem: w.Mem(), slice: w.Slice(), top: w.StackTop()}
	if p.slots > 0 {
		m.slots = make([]uint64, ir.MaxActive*p.slots)
	}
	r, code, pc := &m.r, p.code, 0
	r[ir.R1], r[ir.R2], r[ir.R10] = r1, r2, m.top
loop:
	for {
		in := &code[pc]
		pc++
		switch in.op {
		case opStep:
			if m.err = o.step(&m.r, m.depth, pc-1); m.err != nil {
				return 0, m.err
			}

		case opAdd64:
			r[in.dst&15] = r[in.a&15] + r[in.b&15]
		case opAdd64i:
			r[in.dst&15] = r[in.a&15] + in.imm
		case opAdd32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] + r[in.b&15]))
		case opAdd32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] + in.imm))
		case opSub64:
			r[in.dst&15] = r[in.a&15] - r[in.b&15]
		case opSub64i:
			r[in.dst&15] = r[in.a&15] - in.imm
		case opSub32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] - r[in.b&15]))
		case opSub32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] - in.imm))
		case opMul64:
			r[in.dst&15] = r[in.a&15] * r[in.b&15]
		case opMul64i:
			r[in.dst&15] = r[in.a&15] * in.imm
		case opMul32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] * r[in.b&15]))
		case opMul32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] * in.imm))
		case opDiv64:
			r[in.dst&15] = div(r[in.a&15], r[in.b&15])
		case opDiv64i:
			r[in.dst&15] = div(r[in.a&15], in.imm)
		case opDiv32:
			r[in.dst&15] = uint64(div(uint32(r[in.a&15]), uint32(r[in.b&15])))
		case opDiv32i:
			r[in.dst&15] = uint64(div(uint32(r[in.a&15]), uint32(in.imm)))
		case opSDiv64:
			r[in.dst&15] = sdiv64(r[in.a&15], r[in.b&15])
		case opSDiv64i:
			r[in.dst&15] = sdiv64(r[in.a&15], in.imm)
		case opSDiv32:
			r[in.dst&15] = uint64(sdiv32(uint32(r[in.a&15]), uint32(r[in.b&15])))
		case opSDiv32i:
			r[in.dst&15] = uint64(sdiv32(uint32(r[in.a&15]), uint32(in.imm)))
		case opMod64:
			r[in.dst&15] = mod(r[in.a&15], r[in.b&15])
		case opMod64i:
			r[in.dst&15] = mod(r[in.a&15], in.imm)
		case opMod32:
			r[in.dst&15] = uint64(mod(uint32(r[in.a&15]), uint32(r[in.b&15])))
		case opMod32i:
			r[in.dst&15] = uint64(mod(uint32(r[in.a&15]), uint32(in.imm)))
		case opSMod64:
			r[in.dst&15] = smod64(r[in.a&15], r[in.b&15])
		case opSMod64i:
			r[in.dst&15] = smod64(r[in.a&15], in.imm)
		case opSMod32:
			r[in.dst&15] = uint64(smod32(uint32(r[in.a&15]), uint32(r[in.b&15])))
		case opSMod32i:
			r[in.dst&15] = uint64(smod32(uint32(r[in.a&15]), uint32(in.imm)))
		case opOr64:
			r[in.dst&15] = r[in.a&15] | r[in.b&15]
		case opOr64i:
			r[in.dst&15] = r[in.a&15] | in.imm
		case opOr32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] | r[in.b&15]))
		case opOr32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] | in.imm))
		case opAnd64:
			r[in.dst&15] = r[in.a&15] & r[in.b&15]
		case opAnd64i:
			r[in.dst&15] = r[in.a&15] & in.imm
		case opAnd32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] & r[in.b&15]))
		case opAnd32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] & in.imm))
		case opXor64:
			r[in.dst&15] = r[in.a&15] ^ r[in.b&15]
		case opXor64i:
			r[in.dst&15] = r[in.a&15] ^ in.imm
		case opXor32:
			r[in.dst&15] = uint64(uint32(r[in.a&15] ^ r[in.b&15]))
		case opXor32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15] ^ in.imm))
		case opLsh64:
			r[in.dst&15] = r[in.a&15] << (r[in.b&15] & 63)
		case opLsh64i:
			r[in.dst&15] = r[in.a&15] << (in.imm & 63)
		case opLsh32:
			r[in.dst&15] = uint64(uint32(r[in.a&15]) << (r[in.b&15] & 31))
		case opLsh32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15]) << (in.imm & 31))
		case opRsh64:
			r[in.dst&15] = r[in.a&15] >> (r[in.b&15] & 63)
		case opRsh64i:
			r[in.dst&15] = r[in.a&15] >> (in.imm & 63)
		case opRsh32:
			r[in.dst&15] = uint64(uint32(r[in.a&15]) >> (r[in.b&15] & 31))
		case opRsh32i:
			r[in.dst&15] = uint64(uint32(r[in.a&15]) >> (in.imm & 31))
		case opArsh64:
			r[in.dst&15] = uint64(int64(r[in.a&15]) >> (r[in.b&15] & 63))
		case opArsh64i:
			r[in.dst&15] = uint64(int64(r[in.a&15]) >> (in.imm & 63))
		case opArsh32:
			r[in.dst&15] = uint64(uint32(int32(r[in.a&15]) >> (r[in.b&15] & 31)))
		case opArsh32i:
			r[in.dst&15] = uint64(uint32(int32(r[in.a&15]) >> (in.imm & 31)))

		case opJEQ64:
			if r[in.a&15] == r[in.b&15] {
				pc = int(in.disp)
			}
		case opJEQ64i:
			if r[in.a&15] == in.imm {
				pc = int(in.disp)
			}
		case opJEQ32:
			if uint32(r[in.a&15]) == uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJEQ32i:
			if uint32(r[in.a&15]) == uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJNE64:
			if r[in.a&15] != r[in.b&15] {
				pc = int(in.disp)
			}
		case opJNE64i:
			if r[in.a&15] != in.imm {
				pc = int(in.disp)
			}
		case opJNE32:
			if uint32(r[in.a&15]) != uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJNE32i:
			if uint32(r[in.a&15]) != uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJGT64:
			if r[in.a&15] > r[in.b&15] {
				pc = int(in.disp)
			}
		case opJGT64i:
			if r[in.a&15] > in.imm {
				pc = int(in.disp)
			}
		case opJGT32:
			if uint32(r[in.a&15]) > uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJGT32i:
			if uint32(r[in.a&15]) > uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJGE64:
			if r[in.a&15] >= r[in.b&15] {
				pc = int(in.disp)
			}
		case opJGE64i:
			if r[in.a&15] >= in.imm {
				pc = int(in.disp)
			}
		case opJGE32:
			if uint32(r[in.a&15]) >= uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJGE32i:
			if uint32(r[in.a&15]) >= uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJLT64:
			if r[in.a&15] < r[in.b&15] {
				pc = int(in.disp)
			}
		case opJLT64i:
			if r[in.a&15] < in.imm {
				pc = int(in.disp)
			}
		case opJLT32:
			if uint32(r[in.a&15]) < uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJLT32i:
			if uint32(r[in.a&15]) < uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJLE64:
			if r[in.a&15] <= r[in.b&15] {
				pc = int(in.disp)
			}
		case opJLE64i:
			if r[in.a&15] <= in.imm {
				pc = int(in.disp)
			}
		case opJLE32:
			if uint32(r[in.a&15]) <= uint32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJLE32i:
			if uint32(r[in.a&15]) <= uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJSGT64:
			if int64(r[in.a&15]) > int64(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSGT64i:
			if int64(r[in.a&15]) > int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSGT32:
			if int32(r[in.a&15]) > int32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSGT32i:
			if int32(r[in.a&15]) > int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSGE64:
			if int64(r[in.a&15]) >= int64(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSGE64i:
			if int64(r[in.a&15]) >= int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSGE32:
			if int32(r[in.a&15]) >= int32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSGE32i:
			if int32(r[in.a&15]) >= int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSLT64:
			if int64(r[in.a&15]) < int64(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSLT64i:
			if int64(r[in.a&15]) < int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSLT32:
			if int32(r[in.a&15]) < int32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSLT32i:
			if int32(r[in.a&15]) < int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSLE64:
			if int64(r[in.a&15]) <= int64(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSLE64i:
			if int64(r[in.a&15]) <= int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSLE32:
			if int32(r[in.a&15]) <= int32(r[in.b&15]) {
				pc = int(in.disp)
			}
		case opJSLE32i:
			if int32(r[in.a&15]) <= int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSET64:
			if r[in.a&15]&r[in.b&15] != 0 {
				pc = int(in.disp)
			}
		case opJSET64i:
			if r[in.a&15]&in.imm != 0 {
				pc = int(in.disp)
			}
		case opJSET32:
			if uint32(r[in.a&15])&uint32(r[in.b&15]) != 0 {
				pc = int(in.disp)
			}
		case opJSET32i:
			if uint32(r[in.a&15])&uint32(in.imm) != 0 {
				pc = int(in.disp)
			}
		case opJmp:
			pc = int(in.disp)

		case opMov64:
			r[in.dst&15] = r[in.a&15]
		case opMov32:
			r[in.dst&15] = uint64(uint32(r[in.a&15]))
		case opMovImm:
			r[in.dst&15] = in.imm
		case opNeg64:
			r[in.dst&15] = -r[in.a&15]
		case opNeg32:
			r[in.dst&15] = uint64(-uint32(r[in.a&15]))
		case opSext8:
			r[in.dst&15] = uint64(int8(r[in.a&15]))
		case opSext16:
			r[in.dst&15] = uint64(int16(r[in.a&15]))
		case opSext32:
			r[in.dst&15] = uint64(int32(r[in.a&15]))
		case opSext8w:
			r[in.dst&15] = uint64(uint32(int8(r[in.a&15])))
		case opSext16w:
			r[in.dst&15] = uint64(uint32(int16(r[in.a&15])))
		case opZext8:
			r[in.dst&15] = uint64(uint8(r[in.a&15]))
		case opZext16:
			r[in.dst&15] = uint64(uint16(r[in.a&15]))
		case opBswap16:
			r[in.dst&15] = uint64(bits.ReverseBytes16(uint16(r[in.a&15])))
		case opBswap32:
			r[in.dst&15] = uint64(bits.ReverseBytes32(uint32(r[in.a&15])))
		case opBswap64:
			r[in.dst&15] = bits.ReverseBytes64(r[in.a&15])

		case opLea:
			r[in.dst&15] = r[in.a&15] + r[in.b&15]<<(in.imm&3) + uint64(in.disp)
		case opLoad8:
			if !m.load8(in, r[in.a&15]) {
				break loop
			}
		case opLoad16:
			if !m.load16(in, r[in.a&15]) {
				break loop
			}
		case opLoad32:
			if !m.load32(in, r[in.a&15]) {
				break loop
			}
		case opLoad64:
			if !m.load64(in, r[in.a&15]) {
				break loop
			}
		case opLoad8s:
			if !m.load8(in, r[in.a&15]) {
				break loop
			}
			r[in.dst&15] = uint64(int8(r[in.dst&15]))
		case opLoad16s:
			if !m.load16(in, r[in.a&15]) {
				break loop
			}
			r[in.dst&15] = uint64(int16(r[in.dst&15]))
		case opLoad32s:
			if !m.load32(in, r[in.a&15]) {
				break loop
			}
			r[in.dst&15] = uint64(int32(r[in.dst&15]))
		case opStore8:
			if !m.store8(in, r[in.a&15], r[in.b&15]) {
				break loop
			}
		case opStore16:
			if !m.store16(in, r[in.a&15], r[in.b&15]) {
				break loop
			}
		case opStore32:
			if !m.store32(in, r[in.a&15], r[in.b&15]) {
				break loop
			}
		case opStore64:
			if !m.store64(in, r[in.a&15], r[in.b&15]) {
				break loop
			}
		case opStore8i:
			if !m.store8(in, r[in.a&15], in.imm) {
				break loop
			}
		case opStore16i:
			if !m.store16(in, r[in.a&15], in.imm) {
				break loop
			}
		case opStore32i:
			if !m.store32(in, r[in.a&15], in.imm) {
				break loop
			}
		case opStore64i:
			if !m.store64(in, r[in.a&15], in.imm) {
				break loop
			}
		case opOrdered:
			if !m.ordered(p.sites[pc-1].insn, in, r[in.a&15]) {
				break loop
			}
		case opGuard:
			if !m.guard(in, r[in.a&15]) {
				break loop
			}
		case opOffStack:
			if !m.offStack(in, r[in.a&15]) {
				break loop
			}
		case opAlign:
			if m.addr = r[in.a&15] + uint64(in.disp); m.addr&in.imm != 0 {
				break loop
			}
		case opZero:
			if !m.zero(in, r[in.a&15]) {
				break loop
			}

		case opPoll:
			if m.slice--; m.slice < 0 && !m.refill(p, pc) {
				return 0, m.err
			}
		case opCall:
			pc = m.call(in, pc)
		case opCallHelper:
			if !m.callHelper(int(in.imm)) {
				return m.exit(), nil
			}
		case opCPU:
			r[in.dst&15] = uint64(w.CPU())
		case opState:
			r[in.dst&15] = w.State()
		case opSpill:
			m.slots[m.base+int(in.imm)] = r[in.a&15]
		case opReload:
			r[in.dst&15] = m.slots[m.base+int(in.imm)]
		case opTailCall:
			var on bool
			if pc, on = m.tailCall(pc, o.to()); !on {
				return 0, m.err
			}
		case opExit:
			if m.depth == 0 {
				return r[ir.R0], nil
			}
			pc = m.ret()
		case opFault:
			m.addr = r[in.a&15]
			break loop
		}
	}
	return 0, p.fault(pc-1, m.addr)
}

func signExtend(v uint64, size uint8) uint64 {
	shift := 64 - 8*uint(size)
	return uint64(int64(v<<shift) >> shift)
}

// Division as RFC 9669 section 4.1 has it: x/0 = 0, x%0 = x; and MIN/-1 = MIN,
// MIN%-1 = 0, which Go defines alike.

func div[T uint32 | uint64](x, y T) T {
	if y == 0 {
		return 0
	}
	return x / y
}

func mod[T uint32 | uint64](x, y T) T {
	if y == 0 {
		return x
	}
	return x % y
}

func sdiv64(x, y uint64) uint64 {
	if y == 0 {
		return 0
	}
	return uint64(int64(x) / int64(y))
}

func smod64(x, y uint64) uint64 {
	if y == 0 {
		return x
	}
	return uint64(int64(x) % int64(y))
}

func sdiv32(x, y uint32) uint32 {
	if y == 0 {
		return 0
	}
	return uint32(int32(x) / int32(y))
}

func smod32(x, y uint32) uint32 {
	if y == 0 {
		return x
	}
	return uint32(int32(x) % int32(y))
}
