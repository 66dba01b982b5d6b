package interp

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/codegen"
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

// frame is what a call saves and a return restores, as native code does.
type frame struct {
	pc             int
	r6, r7, r8, r9 uint64
	r10            uint64
}

func (r *registers) save(pc int) frame {
	return frame{pc, r[ir.R6], r[ir.R7], r[ir.R8], r[ir.R9], r[ir.R10]}
}

// restore returns to the caller. Its R1 to R5 read as 0 after a call.
func (r *registers) restore(f *frame) (pc int) {
	r[ir.R6], r[ir.R7], r[ir.R8], r[ir.R9], r[ir.R10] = f.r6, f.r7, f.r8, f.r9, f.r10
	r.clobber()
	return f.pc
}

func (r *registers) clobber() { r[ir.R1], r[ir.R2], r[ir.R3], r[ir.R4], r[ir.R5] = 0, 0, 0, 0, 0 }

func (r *registers) callHelper(w *runtime.Worker, index int) {
	args := [5]uint64{r[ir.R1], r[ir.R2], r[ir.R3], r[ir.R4], r[ir.R5]}
	r[ir.R0] = w.CallHelper(index, &args)
	r.clobber()
}

// run is the interpreter's loop, and its one dispatch: a case is one statement
// or calls a function named for what it does. The values of the operand registers
// are read before the dispatch, whether they are wanted or not. A case that
// breaks out of the loop faults at addr. Indexes are masked to spare the bounds
// check: they are below 16 anyway, and there are at most MaxCallDepth frames (decode).
func (p *program) run(w *runtime.Worker, r1, r2 uint64, o *observation) (uint64, error) {
	var (
		r      registers
		frames [codegen.MaxCallDepth]frame
		depth  int
		pc     int
		addr   uint64
		v      uint64
		ok     bool
		err    error
		code   = p.code
		mem    = w.Mem()
		slice  = w.Slice()
	)
	r[ir.R1], r[ir.R2], r[ir.R10] = r1, r2, w.StackTop()
loop:
	for {
		in := &code[pc]
		a, b := r[in.a&15], r[in.b&15]
		pc++
		switch in.op {
		case opStep:
			if err = o.step(&r, depth, pc); err != nil {
				return 0, err
			}

		case opAdd64:
			r[in.dst&15] = a + b
		case opAdd64i:
			r[in.dst&15] = a + in.imm
		case opAdd32:
			r[in.dst&15] = uint64(uint32(a + b))
		case opAdd32i:
			r[in.dst&15] = uint64(uint32(a + in.imm))
		case opSub64:
			r[in.dst&15] = a - b
		case opSub64i:
			r[in.dst&15] = a - in.imm
		case opSub32:
			r[in.dst&15] = uint64(uint32(a - b))
		case opSub32i:
			r[in.dst&15] = uint64(uint32(a - in.imm))
		case opMul64:
			r[in.dst&15] = a * b
		case opMul64i:
			r[in.dst&15] = a * in.imm
		case opMul32:
			r[in.dst&15] = uint64(uint32(a * b))
		case opMul32i:
			r[in.dst&15] = uint64(uint32(a * in.imm))
		case opDiv64:
			r[in.dst&15] = div(a, b)
		case opDiv64i:
			r[in.dst&15] = div(a, in.imm)
		case opDiv32:
			r[in.dst&15] = uint64(div(uint32(a), uint32(b)))
		case opDiv32i:
			r[in.dst&15] = uint64(div(uint32(a), uint32(in.imm)))
		case opSDiv64:
			r[in.dst&15] = sdiv64(a, b)
		case opSDiv64i:
			r[in.dst&15] = sdiv64(a, in.imm)
		case opSDiv32:
			r[in.dst&15] = uint64(sdiv32(uint32(a), uint32(b)))
		case opSDiv32i:
			r[in.dst&15] = uint64(sdiv32(uint32(a), uint32(in.imm)))
		case opMod64:
			r[in.dst&15] = mod(a, b)
		case opMod64i:
			r[in.dst&15] = mod(a, in.imm)
		case opMod32:
			r[in.dst&15] = uint64(mod(uint32(a), uint32(b)))
		case opMod32i:
			r[in.dst&15] = uint64(mod(uint32(a), uint32(in.imm)))
		case opSMod64:
			r[in.dst&15] = smod64(a, b)
		case opSMod64i:
			r[in.dst&15] = smod64(a, in.imm)
		case opSMod32:
			r[in.dst&15] = uint64(smod32(uint32(a), uint32(b)))
		case opSMod32i:
			r[in.dst&15] = uint64(smod32(uint32(a), uint32(in.imm)))
		case opOr64:
			r[in.dst&15] = a | b
		case opOr64i:
			r[in.dst&15] = a | in.imm
		case opOr32:
			r[in.dst&15] = uint64(uint32(a | b))
		case opOr32i:
			r[in.dst&15] = uint64(uint32(a | in.imm))
		case opAnd64:
			r[in.dst&15] = a & b
		case opAnd64i:
			r[in.dst&15] = a & in.imm
		case opAnd32:
			r[in.dst&15] = uint64(uint32(a & b))
		case opAnd32i:
			r[in.dst&15] = uint64(uint32(a & in.imm))
		case opXor64:
			r[in.dst&15] = a ^ b
		case opXor64i:
			r[in.dst&15] = a ^ in.imm
		case opXor32:
			r[in.dst&15] = uint64(uint32(a ^ b))
		case opXor32i:
			r[in.dst&15] = uint64(uint32(a ^ in.imm))
		case opLsh64:
			r[in.dst&15] = a << (b & 63)
		case opLsh64i:
			r[in.dst&15] = a << (in.imm & 63)
		case opLsh32:
			r[in.dst&15] = uint64(uint32(a) << (b & 31))
		case opLsh32i:
			r[in.dst&15] = uint64(uint32(a) << (in.imm & 31))
		case opRsh64:
			r[in.dst&15] = a >> (b & 63)
		case opRsh64i:
			r[in.dst&15] = a >> (in.imm & 63)
		case opRsh32:
			r[in.dst&15] = uint64(uint32(a) >> (b & 31))
		case opRsh32i:
			r[in.dst&15] = uint64(uint32(a) >> (in.imm & 31))
		case opArsh64:
			r[in.dst&15] = uint64(int64(a) >> (b & 63))
		case opArsh64i:
			r[in.dst&15] = uint64(int64(a) >> (in.imm & 63))
		case opArsh32:
			r[in.dst&15] = uint64(uint32(int32(a) >> (b & 31)))
		case opArsh32i:
			r[in.dst&15] = uint64(uint32(int32(a) >> (in.imm & 31)))

		case opJEQ64:
			if a == b {
				pc = int(in.disp)
			}
		case opJEQ64i:
			if a == in.imm {
				pc = int(in.disp)
			}
		case opJEQ32:
			if uint32(a) == uint32(b) {
				pc = int(in.disp)
			}
		case opJEQ32i:
			if uint32(a) == uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJNE64:
			if a != b {
				pc = int(in.disp)
			}
		case opJNE64i:
			if a != in.imm {
				pc = int(in.disp)
			}
		case opJNE32:
			if uint32(a) != uint32(b) {
				pc = int(in.disp)
			}
		case opJNE32i:
			if uint32(a) != uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJGT64:
			if a > b {
				pc = int(in.disp)
			}
		case opJGT64i:
			if a > in.imm {
				pc = int(in.disp)
			}
		case opJGT32:
			if uint32(a) > uint32(b) {
				pc = int(in.disp)
			}
		case opJGT32i:
			if uint32(a) > uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJGE64:
			if a >= b {
				pc = int(in.disp)
			}
		case opJGE64i:
			if a >= in.imm {
				pc = int(in.disp)
			}
		case opJGE32:
			if uint32(a) >= uint32(b) {
				pc = int(in.disp)
			}
		case opJGE32i:
			if uint32(a) >= uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJLT64:
			if a < b {
				pc = int(in.disp)
			}
		case opJLT64i:
			if a < in.imm {
				pc = int(in.disp)
			}
		case opJLT32:
			if uint32(a) < uint32(b) {
				pc = int(in.disp)
			}
		case opJLT32i:
			if uint32(a) < uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJLE64:
			if a <= b {
				pc = int(in.disp)
			}
		case opJLE64i:
			if a <= in.imm {
				pc = int(in.disp)
			}
		case opJLE32:
			if uint32(a) <= uint32(b) {
				pc = int(in.disp)
			}
		case opJLE32i:
			if uint32(a) <= uint32(in.imm) {
				pc = int(in.disp)
			}
		case opJSGT64:
			if int64(a) > int64(b) {
				pc = int(in.disp)
			}
		case opJSGT64i:
			if int64(a) > int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSGT32:
			if int32(a) > int32(b) {
				pc = int(in.disp)
			}
		case opJSGT32i:
			if int32(a) > int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSGE64:
			if int64(a) >= int64(b) {
				pc = int(in.disp)
			}
		case opJSGE64i:
			if int64(a) >= int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSGE32:
			if int32(a) >= int32(b) {
				pc = int(in.disp)
			}
		case opJSGE32i:
			if int32(a) >= int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSLT64:
			if int64(a) < int64(b) {
				pc = int(in.disp)
			}
		case opJSLT64i:
			if int64(a) < int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSLT32:
			if int32(a) < int32(b) {
				pc = int(in.disp)
			}
		case opJSLT32i:
			if int32(a) < int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSLE64:
			if int64(a) <= int64(b) {
				pc = int(in.disp)
			}
		case opJSLE64i:
			if int64(a) <= int64(in.imm) {
				pc = int(in.disp)
			}
		case opJSLE32:
			if int32(a) <= int32(b) {
				pc = int(in.disp)
			}
		case opJSLE32i:
			if int32(a) <= int32(in.imm) {
				pc = int(in.disp)
			}
		case opJSET64:
			if a&b != 0 {
				pc = int(in.disp)
			}
		case opJSET64i:
			if a&in.imm != 0 {
				pc = int(in.disp)
			}
		case opJSET32:
			if uint32(a)&uint32(b) != 0 {
				pc = int(in.disp)
			}
		case opJSET32i:
			if uint32(a)&uint32(in.imm) != 0 {
				pc = int(in.disp)
			}
		case opJmp:
			pc = int(in.disp)

		case opMov64:
			r[in.dst&15] = a
		case opMov32:
			r[in.dst&15] = uint64(uint32(a))
		case opMovImm:
			r[in.dst&15] = in.imm
		case opNeg64:
			r[in.dst&15] = -a
		case opNeg32:
			r[in.dst&15] = uint64(-uint32(a))
		case opSext8:
			r[in.dst&15] = uint64(int8(a))
		case opSext16:
			r[in.dst&15] = uint64(int16(a))
		case opSext32:
			r[in.dst&15] = uint64(int32(a))
		case opSext8w:
			r[in.dst&15] = uint64(uint32(int8(a)))
		case opSext16w:
			r[in.dst&15] = uint64(uint32(int16(a)))
		case opZext8:
			r[in.dst&15] = uint64(uint8(a))
		case opZext16:
			r[in.dst&15] = uint64(uint16(a))
		case opBswap16:
			r[in.dst&15] = uint64(bits.ReverseBytes16(uint16(a)))
		case opBswap32:
			r[in.dst&15] = uint64(bits.ReverseBytes32(uint32(a)))
		case opBswap64:
			r[in.dst&15] = bits.ReverseBytes64(a)

		case opIndexed:
			r[indexed] = a + b<<(in.imm&3)
		case opLoad8:
			addr = a + uint64(in.disp)
			if r[in.dst&15], ok = mem.Load8(int(in.b), addr); !ok {
				break loop
			}
		case opLoad16:
			addr = a + uint64(in.disp)
			if r[in.dst&15], ok = mem.Load16(int(in.b), addr); !ok {
				break loop
			}
		case opLoad32:
			addr = a + uint64(in.disp)
			if r[in.dst&15], ok = mem.Load32(int(in.b), addr); !ok {
				break loop
			}
		case opLoad64:
			addr = a + uint64(in.disp)
			if r[in.dst&15], ok = mem.Load64(int(in.b), addr); !ok {
				break loop
			}
		case opLoad8s:
			addr = a + uint64(in.disp)
			if v, ok = mem.Load8(int(in.b), addr); !ok {
				break loop
			}
			r[in.dst&15] = uint64(int8(v))
		case opLoad16s:
			addr = a + uint64(in.disp)
			if v, ok = mem.Load16(int(in.b), addr); !ok {
				break loop
			}
			r[in.dst&15] = uint64(int16(v))
		case opLoad32s:
			addr = a + uint64(in.disp)
			if v, ok = mem.Load32(int(in.b), addr); !ok {
				break loop
			}
			r[in.dst&15] = uint64(int32(v))
		case opStore8:
			if addr = a + uint64(in.disp); !mem.Store8(int(in.dst), addr, b) {
				break loop
			}
		case opStore16:
			if addr = a + uint64(in.disp); !mem.Store16(int(in.dst), addr, b) {
				break loop
			}
		case opStore32:
			if addr = a + uint64(in.disp); !mem.Store32(int(in.dst), addr, b) {
				break loop
			}
		case opStore64:
			if addr = a + uint64(in.disp); !mem.Store64(int(in.dst), addr, b) {
				break loop
			}
		case opStore8i:
			if addr = a + uint64(in.disp); !mem.Store8(int(in.dst), addr, in.imm) {
				break loop
			}
		case opStore16i:
			if addr = a + uint64(in.disp); !mem.Store16(int(in.dst), addr, in.imm) {
				break loop
			}
		case opStore32i:
			if addr = a + uint64(in.disp); !mem.Store32(int(in.dst), addr, in.imm) {
				break loop
			}
		case opStore64i:
			if addr = a + uint64(in.disp); !mem.Store64(int(in.dst), addr, in.imm) {
				break loop
			}
		case opOrdered:
			if addr = a + uint64(in.disp); !r.ordered(mem, p.sites[pc-1].insn, int(in.dst), addr) {
				break loop
			}
		case opGuard:
			if addr = a + uint64(in.disp); !mem.Check(int(in.dst), addr, in.b, in.imm != 0) {
				break loop
			}
		case opZero:
			if addr = a + uint64(in.disp); !mem.Zero(addr, in.imm) {
				break loop
			}

		case opPoll:
			if slice--; slice < 0 {
				if slice, err = w.Refill(p.entry, p.sites[pc-1].insn.Pos); err != nil {
					return 0, err
				}
			}
		case opCall:
			frames[depth&(codegen.MaxCallDepth-1)] = r.save(pc)
			r[ir.R10], depth, pc = r[ir.R10]-in.imm, depth+1, int(in.disp)
		case opCallHelper:
			r.callHelper(w, int(in.imm))
		case opExit:
			if depth == 0 {
				return r[ir.R0], nil
			}
			depth--
			pc = r.restore(&frames[depth&(codegen.MaxCallDepth-1)])
		case opFault:
			addr = a
			break loop
		}
	}
	return 0, p.fault(pc-1, addr)
}

// ordered does a load-acquire, a store-release or an atomic operation.
func (r *registers) ordered(mem *runtime.Mem, i *ir.Insn, hint int, addr uint64) (ok bool) {
	var v uint64
	switch i.Op {
	case ir.OpLoad:
		if v, ok = mem.LoadAcquire(hint, addr, i.Size); i.Sign {
			v = signExtend(v, i.Size)
		}
	case ir.OpStore:
		v = uint64(i.Imm)
		if i.A != ir.None {
			v = r[i.A]
		}
		return mem.StoreRelease(hint, addr, i.Size, v)
	default:
		v, ok = mem.Atomic(i.Op, hint, addr, i.Size, r[i.A], r[i.B])
	}
	if i.Dst != ir.None {
		r[i.Dst] = v
	}
	return ok
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
