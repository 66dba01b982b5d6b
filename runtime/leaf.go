package runtime

import (
	goruntime "runtime"
	"sync/atomic"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
)

// leaf is how a program is entered without a worker: its code neither leaves nor needs more of the run time than its
// memory and a little stack (package check finds out), so that it is called on the goroutine's own stack. The zero value
// is for programs of which that is not so.
//
// No lease says that such code runs, so memory that it may reach is freed behind the grace period of end.
type leaf struct {
	entry atomic.Uint64 // address; 0 if there is none, or none any more
	least int           // bytes of memory that the program needs
	mask  uint64        // of its result
}

// setLeaf finds out whether the program is entered without a worker.
func (p *Program) setLeaf() {
	p.leaf.least, p.leaf.mask = int(p.info.CtxSize), p.mask
	p.openLeaf()
}

// openLeaf lets the program be entered without a worker, if it can.
func (p *Program) openLeaf() {
	if code, ok := p.unit.code.(interface{ leaf(entry int) uint64 }); ok && p.info.Context == abi.CtxMemory {
		p.leaf.entry.Store(code.leaf(p.entry))
	}
}

// is reports whether the program may be a leaf that has not ended.
func (l *leaf) is() bool { return l.entry.Load() != 0 }

// run runs the program on mem, unless that is too short or the leaf has ended.
func (l *leaf) run(mem []byte) (r0 uint64, ran bool) {
	return enterLeaf(l, unsafe.Pointer(unsafe.SliceData(mem)), len(mem))
}

// end keeps the leaf from being entered. It reports whether leafGrace must pass before its memory is freed.
func (l *leaf) end() bool { return l.entry.Swap(0) != 0 }

// leafGrace returns when no leaf runs any more that was entered before its end.
//
// A leaf runs inside of enterLeaf, from the look at its entry to its return. Go stops a goroutine at a safe point
// only, since it must know what the stack holds; assembly behind its prologue has none, and code that Go does not know
// has none either. ReadMemStats stops the world, that is every goroutine that runs. When it has, those that were in
// enterLeaf have left it, and those that come to it later find no entry. (Go's scheduler and collector rest on the first;
// TestUnloadWaitsForLeaf sees to the second.) It takes some 20 µs and no lock.
func leafGrace() { goruntime.ReadMemStats(new(goruntime.MemStats)) }
