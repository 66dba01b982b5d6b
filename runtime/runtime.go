package runtime

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// ErrClosed is the end of runs and calls of a runtime or session that was closed.
var ErrClosed = errors.New("the runtime is closed")

// ErrUnloaded is returned for a program that was unloaded.
var ErrUnloaded = errors.New("the program is unloaded")

// Options of a runtime.
type Options struct {
	// Spec says how many workers there are (0: GOMAXPROCS) and what artifacts may rely on.
	codegen.Spec
	// Reserve is the size of the address range in bytes, 0 for 2 GiB. It is made
	// smaller where the system refuses it.
	Reserve uint64
}

// Runtime is the home of loaded programs: one address range and its workers.
// It is safe for concurrent use.
type Runtime struct {
	spec    codegen.Spec
	sets    implementations
	objects objects
	maps    mapTable
	cpu     string // level of this machine
	arena   *arena
	workers []*Worker
	split   sync.Mutex // of every Mem

	// Every run reads these, so that they share no cache line with what is written often.
	_         [cacheLine]byte
	epoch     atomic.Uint64
	attention atomic.Int64 // what a worker that is given back must look after: waiters and retired memory
	closing   atomic.Bool
	hints     [1 << hintBits]atomic.Pointer[Worker] // where to look for a free one first: see tryLease
	_         [cacheLine]byte

	free chan struct{}
	life sync.RWMutex // held by what uses the address range outside a run; Close locks it

	mu       sync.Mutex
	retired  []retirement
	units    map[*unit]struct{}
	programs map[codegen.ProgID]*Program
	next     codegen.ProgID
	codes    codes
	slots    slots
	// arrayTypes are the types (ownerOf) of prog arrays that a program refers to, or that have had one; guarded by maps.mu.
	arrayTypes map[*abi.MapSpec]string
	pins       int  // workers handed out, and operations on maps
	orphaned   bool // closed while workers were held
	gone       bool // the address range is released
}

// cacheLine is at least what processors share memory by, in bytes.
const cacheLine = 128

// hintBits is the size of Runtime.hints, hintMix spreads addresses over them (2^64 over the golden ratio).
const (
	hintBits = 8
	hintMix  = 0x9e3779b97f4a7c15
)

// New reserves the address range and makes the workers.
func New(o Options) (*Runtime, error) {
	n := o.CPUs
	if n == 0 {
		n = goruntime.GOMAXPROCS(0)
	}
	if n < 0 {
		return nil, fmt.Errorf("%d workers: a runtime needs at least one, or 0 for GOMAXPROCS", n)
	}
	size := o.Reserve
	if size == 0 {
		size = reserveDefault
	}
	if size > reserveDefault {
		return nil, fmt.Errorf("a reservation of %d bytes is beyond the reach of 32-bit displacements, %d", size, uint64(reserveDefault))
	}
	a, err := newArena(uintptr(size), reserve)
	if err != nil {
		return nil, err
	}
	r := &Runtime{spec: o.Spec, cpu: HostCPU(), arena: a, free: make(chan struct{}, n), units: map[*unit]struct{}{}, programs: map[codegen.ProgID]*Program{}, next: 1, arrayTypes: map[*abi.MapSpec]string{}}
	r.epoch.Store(1)
	for cpu := range n {
		w, err := newWorker(r, cpu)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("worker %d: %w", cpu, err), a.close())
		}
		r.workers = append(r.workers, w)
	}
	for i := range r.hints {
		r.hints[i].Store(r.workers[0])
	}
	if r.sets, err = implement(r, &o.Spec); err != nil {
		return nil, errors.Join(err, r.sets.end(), a.close())
	}
	return r, nil
}

// CPUs is the number of workers.
func (r *Runtime) CPUs() int { return len(r.workers) }

// tryLease takes a free worker and publishes the current epoch, nil if there is none. It looks first at the worker that
// the place of its caller's frame has led to before: goroutines that run at the same time have different stacks, and so
// come to have workers of their own, whose memory stays in the caches of their processors. Every place leads to the first
// worker to begin with: runs one after another, from wherever, have the same CPU number and values of maps per CPU.
func (r *Runtime) tryLease() *Worker {
	var here byte
	h := &r.hints[uint64(uintptr(unsafe.Pointer(&here)))*hintMix>>(64-hintBits)]
	e := r.epoch.Load()
	if w := h.Load(); w.state.CompareAndSwap(stateFree, e) {
		return w
	}
	for _, w := range r.workers {
		if w.state.Load() == stateFree && w.state.CompareAndSwap(stateFree, e) {
			h.Store(w)
			return w
		}
	}
	return nil
}

// Giving a worker back is a plain store, which costs a fraction of an atomic exchange: what the run has done is seen
// before it, but its own look at Runtime.attention may come first. So who announces itself there and then finds the
// worker still leased may be overlooked, and looks again after lookAgain, and then ever less often, up to lookSeldom.
// Processors keep a store to themselves for less than a microsecond.
const (
	lookAgain  = 50 * time.Microsecond
	lookSeldom = 100 * time.Millisecond
)

// waitLease waits for a worker until ctx is done. It announces itself before it looks: whoever gives a worker back
// later sees the announcement and sends a token.
func (r *Runtime) waitLease(ctx context.Context) (*Worker, error) {
	r.attention.Add(1)
	defer r.attention.Add(-1)
	for again := lookAgain; ; again = min(2*again, lookSeldom) {
		if r.closing.Load() {
			return nil, ErrClosed
		}
		if w := r.tryLease(); w != nil {
			return w, nil
		}
		if r.inHook(nil) {
			return nil, errInHook
		}
		select {
		case <-r.free:
		case <-time.After(again):
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for one of %d workers: %w", len(r.workers), context.Cause(ctx))
		}
	}
}

// giveBack ends a lease.
func (r *Runtime) giveBack(w *Worker) {
	storeRelease(&w.state, stateFree)
	if r.attention.Load() != 0 {
		r.attend()
	}
}

// attend wakes one waiter, if any, and frees what no worker can reach any more.
func (r *Runtime) attend() {
	select {
	case r.free <- struct{}{}:
	default:
	}
	r.collect()
}

// retirement is something to be freed when no worker is in an epoch ≤ epoch and
// no worker that was handed out holds the program.
type retirement struct {
	epoch uint64
	pins  *int // guarded by Runtime.mu
	free  func() error
	done  chan error
}

// retire frees by calling free after a grace period, and sends the result to the channel.
// What is retired must be out of reach of runs that begin from now on.
func (r *Runtime) retire(pins *int, free func() error) <-chan error {
	r.attention.Add(1)
	done := make(chan error, 1)
	r.mu.Lock()
	r.retired = append(r.retired, retirement{r.epoch.Add(1) - 1, pins, free, done})
	r.mu.Unlock()
	r.collect()
	return done
}

// collect ends the retirements whose grace period is over.
func (r *Runtime) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := r.oldestEpoch()
	kept := r.retired[:0]
	for _, x := range r.retired {
		if x.epoch >= oldest || *x.pins > 0 {
			kept = append(kept, x)
			continue
		}
		x.done <- x.free()
		r.attention.Add(-1)
	}
	clear(r.retired[len(kept):])
	r.retired = kept
}

// oldestEpoch is the lowest epoch that a worker is in.
func (r *Runtime) oldestEpoch() uint64 {
	oldest := uint64(stateHeld)
	for _, w := range r.workers {
		if s := w.state.Load(); s != stateFree {
			oldest = min(oldest, s)
		}
	}
	return oldest
}

// wait waits for the end of a retirement, but not in a hook, whose run may be what it would wait for.
func (r *Runtime) wait(ctx context.Context, done <-chan error) error {
	if r.inHook(nil) {
		return nil
	}
	for again := lookAgain; ; again = min(2*again, lookSeldom) {
		select {
		case err := <-done:
			return err
		case <-time.After(again):
			r.collect()
		case <-ctx.Done():
			return fmt.Errorf("waiting for running programs to end: %w; the memory is freed when they have", context.Cause(ctx))
		}
	}
}

// Close unloads every program and frees everything: running programs are ended
// at their next poll, and Close waits for them. Where workers that were handed
// out are not released yet it reports so, and the last Release frees the memory.
func (r *Runtime) Close() error {
	if r.inHook(nil) {
		return errInHook
	}
	r.life.Lock()
	closed := r.closing.Swap(true)
	r.life.Unlock()
	if closed {
		return ErrClosed
	}
	r.mu.Lock()
	units := make([]*unit, 0, len(r.units))
	for u := range r.units {
		units = append(units, u)
	}
	r.mu.Unlock()
	leaves := false
	for _, u := range units {
		leaves = u.close() || leaves
	}
	if leaves {
		leafGrace()
	}
	r.attend() // who waits for a worker waits in vain
	var none int
	return errors.Join(r.wait(context.Background(), r.retire(&none, r.releaseAll)), r.sets.end())
}

// releaseAll frees the address range unless workers are held. The caller holds r.mu.
func (r *Runtime) releaseAll() error {
	if r.pins > 0 {
		r.orphaned = true
		return fmt.Errorf("%d workers are still held: their last Release frees the memory", r.pins)
	}
	if r.gone {
		return nil
	}
	r.gone = true
	for _, w := range r.workers {
		w.forget()
	}
	return r.arena.close()
}
