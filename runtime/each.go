package runtime

import (
	"context"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
)

// eachPart is after how many runs RunEach looks whether its program is closed, and lets go what maps have taken away.
const eachPart = 64

// loop is what machine code that runs on one packet behind the other needs. It lies in the run context where registers
// are kept when code leaves: code in a loop does not.
type loop struct {
	next, end         uintptr // slices of bytes: the packets
	rets              uintptr
	start, stop, meta uintptr // where the packet's addresses go; 0 if it is the program's memory
	mask              uint64  // of return values
	least             uint64  // length of a packet
}

func (rc *runContext) loop() *loop { return (*loop)(unsafe.Pointer(&rc.regs)) }

// batch is what RunEach works on. A worker refers to it, so that it is on the heap, where it does not move.
type batch struct {
	mems [][]byte
	rets []uint64
}

// RunEach runs the program once on each of the memories, as RunContext without a context does, and puts what the runs
// return into rets, which has room for all. It ends with the first error; n is how many runs there were before it.
func (w *Worker) RunEach(mems [][]byte, rets []uint64) (n int, err error) {
	rets = rets[:len(mems)]
	w.each, w.steady = batch{mems, rets}, false
	for n < len(mems) && err == nil {
		part := min(len(mems)-n, eachPart)
		var done int
		done, err = w.runPart(mems[n:n+part], rets[n:n+part])
		n += done
	}
	w.each = batch{}
	return n, err
}

// RunEach is Worker.RunEach. A program that needs no worker runs without: eachPart memories are one entry then.
func (p *Program) RunEach(mems [][]byte, rets []uint64) (n int, err error) {
	rets = rets[:len(mems)]
	for n < len(mems) && p.leaf.is() {
		part := mems[n:min(n+eachPart, len(mems))]
		done := enterLeafEach(&p.leaf, unsafe.SliceData(part), len(part), &rets[n])
		if n += done; done < len(part) {
			break
		}
	}
	if n == len(mems) {
		return n, nil
	}
	w, err := p.Worker(context.Background())
	if err != nil {
		return n, err
	}
	defer w.Release()
	rest, err := w.RunEach(mems[n:], rets[n:])
	return n + rest, err
}

// runPart is RunEach in one epoch.
func (w *Worker) runPart(mems [][]byte, rets []uint64) (n int, err error) {
	switch p := w.bound; {
	case p == nil:
		return 0, errReleased
	case p.closed.Load() && w.mustEnd():
		return 0, p.unavailable()
	}
	if w.visits {
		w.state.Store(w.runtime.epoch.Load())
		defer w.endVisit()
	}
	w.steady = w.steady && w.bound.hooks.Load() == nil
	for n < len(mems) && err == nil {
		if w.steady {
			n += w.runAlike(mems[n:], rets[n:])
		}
		if n == len(mems) {
			break
		}
		if err = w.prepare(nil, mems[n]); err == nil {
			w.settle(len(mems[n]))
			rets[n], err = w.startNow()
		}
		if err == nil {
			n++
		}
	}
	return n, err
}

// settle notes that the next run needs no more than the addresses of its packet, if the program never leaves its code:
// of a program with a context, if that is one that no run changes.
func (w *Worker) settle(n int) {
	switch l := w.bound.layout; {
	case w.bound.hooks.Load() != nil:
	case l != nil:
		w.steady = w.native.stays && l.least > 0 && n >= l.least
	default:
		w.steady = w.native.stays && w.bound.info.Context == abi.CtxMemory
	}
}

// runAlike runs the program on the packets that need no more than their addresses, up to the first that does.
// It does not leave machine code.
func (w *Worker) runAlike(mems [][]byte, rets []uint64) (n int) {
	address := func(p unsafe.Pointer) uintptr { return uintptr(p) }
	first := address(unsafe.Pointer(unsafe.SliceData(mems)))
	l := w.rc.loop()
	*l = loop{
		next: first, end: first + uintptr(len(mems))*unsafe.Sizeof(mems[0]), rets: address(unsafe.Pointer(unsafe.SliceData(rets))),
		mask: w.mask, least: uint64(w.bound.info.CtxSize),
	}
	if c := w.bound.layout; c != nil {
		place := func(places []uint32) uintptr { return address(unsafe.Pointer(&w.context[places[0]])) }
		l.start, l.stop, l.meta, l.least = place(c.start), place(c.end), place(c.meta), uint64(c.least)
	}
	w.native.enterEach(w)
	return int((l.next - first) / unsafe.Sizeof(mems[0]))
}
