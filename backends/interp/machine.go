package interp

import (
	"errors"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// machine is the state of a run. It lives on the goroutine's stack.
type machine struct {
	r      registers
	worker *runtime.Worker
	mem    *runtime.Mem
	slice  int64  // loop turns left
	addr   uint64 // of the access that faults
	top    uint64 // R10 of the entry
	err    error
	slots  []uint64 // of spills: those of the function at hand from base on
	base   int
	depth  int
	frames [ir.MaxActive]frame
}

// frame is what a call saves and a return restores, as native code does.
type frame struct {
	pc    int
	base  int
	saved [4]uint64 // R6 to R9
	r10   uint64
}

// call enters the function at in.disp, from one with the low half of in.imm bytes of frame and the high half slots.
func (m *machine) call(in *inst, pc int) (next int) {
	f := &m.frames[m.depth&(ir.MaxActive-1)]
	f.pc, f.base, f.r10 = pc, m.base, m.r[ir.R10]
	copy(f.saved[:], m.r[ir.R6:])
	m.r[ir.R10] -= uint64(uint32(in.imm))
	m.base += int(in.imm >> 32)
	m.depth++
	return int(in.disp)
}

// ret returns to the caller.
func (m *machine) ret() (next int) {
	m.depth--
	f := &m.frames[m.depth&(ir.MaxActive-1)]
	copy(m.r[ir.R6:], f.saved[:])
	m.r[ir.R10], m.base = f.r10, f.base
	m.clobber()
	return f.pc
}

// clobber makes R1 to R5 read as 0, as they do after a call.
func (m *machine) clobber() { clear(m.r[ir.R1 : ir.R5+1]) }

// callHelper reports false if the helper ends the run, with its result in R0.
func (m *machine) callHelper(index int) (on bool) {
	args := [5]uint64(m.r[ir.R1:])
	m.r[ir.R0], on = m.worker.CallHelper(index, &args)
	m.clobber()
	return on
}

// errTail ends the run of a program that another one goes on for.
var errTail = errors.New("tail call")

// tailCall goes on in another program, or behind the call: at pc. With on = false the run of this program ends: with
// errTail if the other one goes on for it, from the frame where this one began.
func (m *machine) tailCall(pc int, to Observer) (next int, on bool) {
	here := m.worker.Activation()
	switch {
	case !m.worker.TailCall(m.r[ir.R2], uint32(m.r[ir.R3]), m.r[ir.R10], m.slice):
		m.r[ir.R0] = 0
		m.clobber()
		return pc, true
	case m.depth == 0:
		m.err = errTail
		return 0, false
	}
	var r0 uint64
	if r0, m.err = chain(m.worker, m.r[ir.R1], 0, to); m.err != nil {
		return 0, false
	}
	m.slice = m.worker.Slice()
	m.worker.Resume(here)
	next = m.ret()
	m.r[ir.R0] = r0
	return next, true
}

// exit ends the program.
func (m *machine) exit() uint64 {
	m.worker.SetSlice(m.slice)
	return m.r[ir.R0]
}

// refill is called when the slice is used up; false ends the run with m.err.
func (m *machine) refill(p *program, pc int) bool {
	m.slice, m.err = m.worker.Refill(p.entry, p.sites[pc-1].insn.Pos)
	return m.err == nil
}

func (m *machine) guard(in *inst, a uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Check(int(in.dst), m.addr, in.b, in.imm != 0)
}

// offStack is what remains of a guard when the access after it checks itself,
// in a program whose stack is there for accesses but not for guards.
func (m *machine) offStack(in *inst, a uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.addr-(m.top-in.imm) >= in.imm
}

func (m *machine) zero(in *inst, a uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Zero(m.addr, in.imm)
}

// ordered does a load-acquire, a store-release or an atomic operation.
func (m *machine) ordered(i *ir.Insn, in *inst, a uint64) (ok bool) {
	var v uint64
	hint := int(in.dst)
	m.addr = a + uint64(in.disp)
	switch i.Op {
	case ir.OpLoad:
		if v, ok = m.mem.LoadAcquire(hint, m.addr, i.Size); i.Sign {
			v = signExtend(v, i.Size)
		}
	case ir.OpStore:
		v = uint64(i.Imm)
		if i.A != ir.None {
			v = m.r[i.A]
		}
		return m.mem.StoreRelease(hint, m.addr, i.Size, v)
	default:
		v, ok = m.mem.Atomic(i.Op, hint, m.addr, i.Size, m.r[i.A], m.r[i.B])
	}
	if i.Dst != ir.None {
		m.r[i.Dst] = v
	}
	return ok
}

// Memory at a + in.disp; false is a fault.

func (m *machine) load8(in *inst, a uint64) (ok bool) {
	m.addr = a + uint64(in.disp)
	m.r[in.dst&15], ok = m.mem.Load8(int(in.b), m.addr)
	return ok
}

func (m *machine) store8(in *inst, a, v uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Store8(int(in.dst), m.addr, v)
}

func (m *machine) load16(in *inst, a uint64) (ok bool) {
	m.addr = a + uint64(in.disp)
	m.r[in.dst&15], ok = m.mem.Load16(int(in.b), m.addr)
	return ok
}

func (m *machine) store16(in *inst, a, v uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Store16(int(in.dst), m.addr, v)
}

func (m *machine) load32(in *inst, a uint64) (ok bool) {
	m.addr = a + uint64(in.disp)
	m.r[in.dst&15], ok = m.mem.Load32(int(in.b), m.addr)
	return ok
}

func (m *machine) store32(in *inst, a, v uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Store32(int(in.dst), m.addr, v)
}

func (m *machine) load64(in *inst, a uint64) (ok bool) {
	m.addr = a + uint64(in.disp)
	m.r[in.dst&15], ok = m.mem.Load64(int(in.b), m.addr)
	return ok
}

func (m *machine) store64(in *inst, a, v uint64) bool {
	m.addr = a + uint64(in.disp)
	return m.mem.Store64(int(in.dst), m.addr, v)
}
