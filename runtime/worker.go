package runtime

import (
	"context"
	"errors"
	goruntime "runtime"
	"sync/atomic"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// States of a worker that are no epoch.
const (
	stateFree = 0
	stateHeld = 1<<64 - 1 // handed out: what it can reach is pinned by its program instead
)

var errReleased = errors.New("the worker was released: get another one from its program")

// controlReserve is left free above the first frame of the control stack, so
// that who looks above it (a profiler's unwinder) finds zeros.
const controlReserve = 64

// Worker is a virtual CPU: run context, control stack, BPF stack, CPU number.
// It is used by one goroutine at a time.
type Worker struct {
	rc      *runContext // first: the entry stub reads it here
	runtime *Runtime
	cpu     int
	state   atomic.Uint64 // stateFree, stateHeld, or the epoch in which it was leased
	mem     Mem

	bound  *Program // whose regions are set
	memory []byte   // of the run; it keeps the buffer alive and off the goroutine's stack
	r1, r2 uint64
	fuel   int64
	budget Budget
	slice  int64
	ctx    context.Context // of a batch; nil if none
	native nativeRun
}

// newWorker makes worker cpu:
//
//	│ guard │ control stack │ guard │ BPF stack │ guard │ run context │
func newWorker(r *Runtime, cpu int) (*Worker, error) {
	a := r.arena
	control, stack, rc := a.pages(codegen.ControlStackSize), a.pages(codegen.BPFStackSize), a.pages(codegen.RunCtxSize)
	s, err := a.alloc(3*a.page + control + stack + rc)
	if err != nil {
		return nil, err
	}
	off := s.off
	next := func(n uintptr) span {
		p := span{off + a.page, n}
		off = p.end()
		return p
	}
	parts := [...]span{next(control), next(stack), next(rc)}
	for _, p := range parts {
		if err := a.protect(p, protWrite); err != nil {
			return nil, err
		}
	}
	w := &Worker{runtime: r, cpu: cpu, fuel: codegen.DefaultFuel}
	w.mem.split = &r.split
	w.rc = (*runContext)(a.at(parts[2].off))
	w.rc.controlTop = a.addr(parts[0].end()) - controlReserve
	w.rc.stackTop = a.addr(parts[1].end())
	w.rc.exit = exitAddress()
	return w, nil
}

// forget drops every pointer into the address range, before it is released.
func (w *Worker) forget() {
	w.rc, w.bound, w.memory, w.mem = nil, nil, nil, Mem{}
	w.native = nativeRun{}
}

// bind makes p the program that the worker runs: its regions but memory.
func (w *Worker) bind(p *Program) {
	img := p.unit.image
	n := ir.RegionMaps + len(img.Artifact.Maps)
	clear(w.mem.region[:max(w.mem.used, n)])
	w.mem.used = n
	stack := uint64(p.info.StackSize)
	top := unsafe.Add(unsafe.Pointer(w.rc), int(w.rc.stackTop-uint64(uintptr(unsafe.Pointer(w.rc)))))
	w.mem.region[ir.RegionStack] = makeRegion(unsafe.Add(top, -int(stack)), stack, true)
	w.mem.region[ir.RegionData] = img.data.region(true)
	w.mem.region[ir.RegionRodata] = img.consts.region(false)
	for i := range img.maps {
		w.mem.region[ir.RegionMaps+i] = img.maps[i].region()
	}
	for i := range w.rc.regions {
		w.rc.regions[i].set(&w.mem.region[i])
	}
	w.rc.regionsEnd = uint64(uintptr(unsafe.Pointer(&w.rc.regions[0]))) + uint64(n)*codegen.RegionSize
	w.bound, w.memory, w.r1, w.r2 = p, nil, 0, 0
}

// setMemory makes mem the memory of the run.
func (w *Worker) setMemory(mem []byte) {
	w.memory = mem
	p := unsafe.Pointer(unsafe.SliceData(mem))
	if len(mem) == 0 {
		p = nil
	}
	r := makeRegion(p, uint64(len(mem)), true)
	w.mem.region[ir.RegionMemory] = r
	w.rc.regions[ir.RegionMemory].set(&r)
	w.r1, w.r2 = 0, 0
	if w.bound.info.Context == abi.CtxMemory {
		w.r1, w.r2 = r.base, uint64(len(mem))
	}
}

// Run runs the worker's program once, with mem as its memory (nil for none),
// read and written in place, and returns R0. The buffer must not be changed by
// others during the run; the worker refers to it until its next run or Release.
// A broken rule is returned as a *codegen.Fault.
func (w *Worker) Run(mem []byte) (uint64, error) {
	if err := w.begin(mem); err != nil {
		return 0, err
	}
	p := w.bound
	ret, err := p.unit.code.Run(w, p.entry, w.r1, w.r2)
	return ret & p.mask, err
}

// begin sets memory and budget of a run.
func (w *Worker) begin(mem []byte) error {
	p := w.bound
	switch {
	case p == nil:
		return errReleased
	case p.closed.Load():
		return p.unavailable()
	case uint64(len(mem)) < uint64(p.info.CtxSize):
		return p.tooShort(len(mem))
	}
	if unsafe.SliceData(mem) != unsafe.SliceData(w.memory) || len(mem) != len(w.memory) {
		w.setMemory(mem)
	}
	w.slice = w.budget.Start(w.fuel)
	return nil
}

// SetFuel sets the budget of the worker's runs in loop turns: 0 is
// codegen.DefaultFuel, a negative number no limit.
func (w *Worker) SetFuel(turns int64) {
	if turns == 0 {
		turns = codegen.DefaultFuel
	}
	w.fuel = turns
}

// Release gives a worker that Program.Worker has handed out back to its runtime.
// It must not be used any more.
func (w *Worker) Release() {
	p := w.bound
	if p == nil {
		return
	}
	w.reset()
	w.bound = nil
	w.runtime.giveBack(w)
	p.unpin()
}

// reset undoes what one lease has set.
func (w *Worker) reset() {
	w.ctx, w.fuel = nil, codegen.DefaultFuel
	if w.memory != nil {
		w.setMemory(nil)
	}
}

// pause lets others have the CPU and returns the reason why the run must end, if any.
func (w *Worker) pause() error {
	goruntime.Gosched()
	if w.runtime.closing.Load() {
		return ErrClosed
	}
	if w.ctx != nil && w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return nil
}
