package runtime

import (
	"context"
	"errors"
	"fmt"
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
	rc      *runContext
	runtime *Runtime
	cpu     int
	pages   span          // of the arena
	state   atomic.Uint64 // stateFree, stateHeld, or the epoch in which it was leased
	mem     Mem

	bound   *Program // the one that is run
	running *Program // whose code runs, as helpers see it: bound, or one that it has tail-called
	top     uint64   // R10 of running at its entry, but of machine code
	strayed bool     // tail calls have set something that is not bound's
	memory  []byte   // of the run; it keeps the buffer alive and off the goroutine's stack
	length  int      // of memory; -1 if the region of the memory is not set
	mask    uint64   // of the return value
	fuel    int64
	budget  Budget
	slice   int64
	ctx     context.Context // of a batch; nil if none
	native  nativeRun
	each    batch
	steady  bool // of a batch: the context is as every run of its program finds it
	hook    hookRun
	tails   uint64 // that a run begins with: 0 but for hooks

	context     []byte // the host's form of the context
	contextAddr uint64
	packet      packetState
	records     []codegen.Record
	lost        int
	helped      bool   // a Go helper was called, or the packet was moved
	visits      bool   // handed out, for a program with maps
	ended       bool   // a helper has said the result
	result      uint64 // if ended
	failure     error  // if ended without a result
}

// newWorker makes worker cpu:
//
//	│ guard │ control stack │ guard │ BPF stack │ guard │ run context │ guard │ context │
func newWorker(r *Runtime, cpu int) (*Worker, error) {
	a := r.arena
	control, stack, rc, context := a.pages(codegen.ControlStackSize), a.pages(codegen.BPFStackSize), a.pages(codegen.RunCtxSize), a.pages(usualContext)
	s, err := a.alloc(4*a.page + control + stack + rc + context)
	if err != nil {
		return nil, err
	}
	off := s.off
	next := func(n uintptr) span {
		p := span{off + a.page, n}
		off = p.end()
		return p
	}
	parts := [...]span{next(control), next(stack), next(rc), next(context)}
	for _, p := range parts {
		if err := a.protect(p, protWrite); err != nil {
			return nil, err
		}
	}
	w := &Worker{runtime: r, cpu: cpu, pages: s, fuel: codegen.DefaultFuel}
	w.mem.split = &r.split
	w.rc = (*runContext)(a.at(parts[2].off))
	w.rc.controlTop = a.addr(parts[0].end()) - controlReserve
	w.rc.stackTop = a.addr(parts[1].end())
	w.rc.exit, w.rc.cpu, w.rc.state.random = exitAddress(), uint64(cpu), uint64(cpu)
	state := parts[2].off + codegen.RunState
	r.objects.add(a.bytes(span{state, codegen.StateSize}), a.addr(state))
	w.context, w.contextAddr = a.bytes(parts[3]), a.addr(parts[3].off)
	w.mem.worker = w
	return w, nil
}

// forget drops every pointer into the address range, before it is released.
func (w *Worker) forget() {
	w.rc, w.bound, w.running, w.memory, w.mem, w.context, w.packet = nil, nil, nil, nil, Mem{}, nil, packetState{}
	w.native, w.hook.context = nativeRun{}, nil
}

// bind makes p the program that the worker runs.
func (w *Worker) bind(p *Program) {
	w.native.bind(w, p)
	w.setRunning(p, w.rc.stackTop)
	w.bound, w.mask, w.memory, w.length, w.strayed = p, p.mask, nil, -1, false
}

// restart undoes what tail calls of the run before, or a run of another program as a hook, have set.
func (w *Worker) restart() {
	w.native.bind(w, w.bound)
	w.setRunning(w.bound, w.rc.stackTop)
	w.strayed = false
}

// setRunning makes the code of p the one that runs, with R10 = top at its entry: the regions of Mem but memory, which
// stays. Where a frame of machine code lies is known to the code alone: helpers find the whole BPF stack.
func (w *Worker) setRunning(p *Program, top uint64) {
	w.running, w.top, w.strayed = p, top, true
	w.budget.slice = sliceOf(p.info.Turn)
	first, stack := 0, uint64(p.info.StackSize)
	if p.info.StackRegion == 0 {
		first = ir.RegionStack + 1
	}
	if w.native.bound() {
		top, stack = w.rc.stackTop, codegen.BPFStackSize
	}
	memory := w.mem.region[ir.RegionMemory]
	w.mem.bind(first, regionsOf(p))
	w.setRegions(p, top-stack, stack, func(i int, p unsafe.Pointer, size uint64, writable bool) {
		w.mem.region[i].set(p, size, writable)
	})
	w.mem.region[ir.RegionMemory] = memory
}

// regionsOf is how many regions a program has.
func regionsOf(p *Program) int { return ir.RegionMaps + len(p.unit.image.maps) }

// setRegions calls set with the regions of p but memory; its stack are size bytes at an address.
func (w *Worker) setRegions(p *Program, stack, size uint64, set func(i int, p unsafe.Pointer, size uint64, writable bool)) {
	img := p.unit.image
	set(ir.RegionStack, w.pointer(stack), size, true)
	set(ir.RegionData, img.data.start(), img.data.size, true)
	set(ir.RegionRodata, img.consts.start(), img.consts.size, false)
	for i, m := range img.maps {
		mem, _ := m.Slab()
		set(ir.RegionMaps+i, unsafe.Pointer(unsafe.SliceData(mem)), uint64(len(mem)), m.Writable())
	}
}

// pointer is an address of the worker's own memory as a pointer.
func (w *Worker) pointer(addr uint64) unsafe.Pointer {
	rc := unsafe.Pointer(w.rc)
	return unsafe.Add(rc, int(addr-uint64(uintptr(rc))))
}

// setPacket makes size bytes the region of the memory: machine code looks for it in the run context, others and helpers in Mem.
func (w *Worker) setPacket(p unsafe.Pointer, size uint64, writable bool) {
	if w.native.bound() {
		w.rc.regions[ir.RegionMemory].set(uint64(uintptr(p)), size, writable)
	}
	w.mem.region[ir.RegionMemory].set(p, size, writable)
}

// has reports whether mem is the memory of the run already.
func (w *Worker) has(mem []byte) bool {
	return len(mem) == w.length && unsafe.SliceData(mem) == unsafe.SliceData(w.memory)
}

// setMemory makes mem the memory of the run.
func (w *Worker) setMemory(mem []byte) {
	w.memory, w.length, w.rc.r1, w.rc.r2 = mem, len(mem), 0, 0
	p, n := unsafe.Pointer(unsafe.SliceData(mem)), uint64(len(mem))
	w.setPacket(p, n, true)
	if n != 0 && w.bound.info.Context == abi.CtxMemory {
		w.rc.r1, w.rc.r2 = uint64(uintptr(p)), n
	}
}

// Run runs the worker's program once, with mem as its memory (nil for none),
// read and written in place, and returns R0. The buffer must not be changed by
// others during the run; the worker refers to it until its next run or Release.
// A broken rule is returned as a *codegen.Fault.
func (w *Worker) Run(mem []byte) (uint64, error) {
	if p := w.bound; p != nil && p.leaf.is() {
		if r0, ran := p.leaf.run(mem); ran {
			return r0, nil
		}
	}
	if !w.has(mem) || w.bound.closed.Load() {
		if err := w.prepare(nil, mem); err != nil {
			return 0, err
		}
	}
	return w.start()
}

// RunContext is Run with a context, as the program sees it or the beginning of it; mem is the packet.
func (w *Worker) RunContext(ctx, mem []byte) (uint64, error) {
	if err := w.prepare(ctx, mem); err != nil {
		return 0, err
	}
	return w.start()
}

// start runs the program once on what was prepared.
func (w *Worker) start() (uint64, error) {
	if w.visits {
		return w.startVisit()
	}
	return w.startNow()
}

// startVisit is start of a worker that was handed out, in an epoch for the time of the run only: what maps take away
// in it stays until then.
func (w *Worker) startVisit() (uint64, error) {
	w.state.Store(w.runtime.epoch.Load())
	defer w.endVisit()
	return w.startNow()
}

// endVisit ends the epoch of a worker that was handed out.
func (w *Worker) endVisit() {
	storeRelease(&w.state, stateHeld)
	if w.runtime.attention.Load() != 0 {
		w.runtime.collect()
	}
}

// startNow is start in the epoch that the worker is in.
func (w *Worker) startNow() (uint64, error) {
	if w.bound.hooks.Load() != nil && !w.hook.around {
		return w.startHooked(w.startNow)
	}
	if w.native.stays {
		ret := w.native.enter(w)
		if w.helped { // its packet was moved
			w.doneHelping()
		}
		return ret & w.mask, nil
	}
	slice := w.begin()
	if !w.native.bound() {
		return w.runOther(slice)
	}
	w.rc.slice = slice
	ret := w.native.enter(w)
	if w.helped {
		w.doneHelping()
	}
	if w.native.err != nil {
		return w.stopped()
	}
	return ret & w.mask, nil
}

// begin makes the next run one that nothing has happened in yet, and returns its first slice.
func (w *Worker) begin() (slice int64) {
	if w.strayed || w.running != w.bound {
		w.restart()
	}
	w.rc.tails = w.tails
	return w.budget.Start(w.fuel)
}

// doneHelping lets the sets give back what the run has left behind, and brings back what was moved.
func (w *Worker) doneHelping() {
	w.helped = false
	if s := &w.packet; s.moved != nil {
		copy(w.memory, s.moved)
		s.moved = nil
	}
	for _, done := range w.runtime.sets.done {
		done((*call)(w))
	}
}

// stopped is the end of a run that did not return by itself.
func (w *Worker) stopped() (uint64, error) {
	if err := w.native.takeErr(); err != errEnd {
		return 0, err
	}
	w.ended = false
	return w.result & w.mask, w.takeFailure()
}

// runOther is Run for code that is not machine code.
func (w *Worker) runOther(slice int64) (uint64, error) {
	p := w.bound
	w.slice = slice
	ret, err := p.unit.code.Run(w, p.entry, w.rc.r1, w.rc.r2)
	if w.helped {
		w.doneHelping()
	}
	if w.failure != nil {
		return 0, w.takeFailure()
	}
	return ret & w.mask, err
}

// prepare sets context and memory of the next run.
func (w *Worker) prepare(ctx, mem []byte) error {
	p := w.bound
	switch {
	case p == nil:
		return errReleased
	case w.hook.in.Load() != 0:
		return errInHook
	case p.closed.Load() && w.mustEnd():
		return p.unavailable()
	case p.layout != nil:
		return w.setContext(ctx, mem)
	case uint64(len(mem)) < uint64(p.info.CtxSize):
		return p.tooShort(len(mem))
	case ctx != nil:
		return fmt.Errorf("%s is of type %s, which has no context: its input is memory", p.info.Name, p.info.Type)
	}
	w.setMemory(mem)
	return nil
}

// mustEnd reports whether a closed program ends between two runs: a batch is let
// finish unless everything is closed, a worker that was handed out is not.
func (w *Worker) mustEnd() bool {
	return w.state.Load() == stateHeld || w.runtime.closing.Load()
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
	w.memory, w.length, w.packet.room = nil, -1, nil
	w.bound, w.visits = nil, false
	w.runtime.giveBack(w)
	p.unpin()
}

// reset undoes what one lease has set, but for the memory: the next run on the same need not set it again.
func (w *Worker) reset() {
	w.ctx, w.fuel = nil, codegen.DefaultFuel
	w.records, w.lost = nil, 0
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
