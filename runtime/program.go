package runtime

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// unit is a loaded artifact. Its fields are immutable but for open and pins.
type unit struct {
	runtime  *Runtime
	image    *Image
	code     Executable
	programs []*Program
	_        [cacheLine]byte // runs read what is above, batches write below
	open     int             // programs not unloaded; guarded by runtime.mu
	pins     int             // workers handed out for its programs; guarded by runtime.mu
	held     int             // elements of prog arrays that hold its programs; guarded by runtime.mu
}

// Program is a loaded program. It is safe for concurrent use.
type Program struct {
	unit   *unit
	id     codegen.ProgID
	entry  int
	info   *codegen.EntryInfo
	mask   uint64 // of the return value
	layout *layout
	closed atomic.Bool
	leaf   leaf
	hooks  atomic.Pointer[hooks] // nil if it has none; changed with runtime.mu
}

// Load checks the artifact against this machine and the runtime's Spec and makes
// its programs runnable by l: one per entry, in order. The artifact must not be changed.
func (r *Runtime) Load(a *codegen.Artifact, l Loader) ([]*Program, error) {
	r.life.RLock()
	defer r.life.RUnlock()
	if r.closing.Load() {
		return nil, ErrClosed
	}
	if err := checkArtifact(a, &r.spec, r.cpu); err != nil {
		return nil, fmt.Errorf("loading %s: %w", a.Name, err)
	}
	u, err := r.place(a, l)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", a.Name, err)
	}
	r.register(u)
	return u.programs, nil
}

// register numbers the unit's programs.
func (r *Runtime) register(u *unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units[u] = struct{}{}
	for _, p := range u.programs {
		p.id = r.next
		r.programs[p.id] = p
		r.next++
	}
}

func (r *Runtime) place(a *codegen.Artifact, l Loader) (*unit, error) {
	img, err := newImage(r, a, l)
	if err != nil {
		return nil, err
	}
	code, err := l.Load(img)
	if err != nil {
		img.free()
		return nil, err
	}
	u := &unit{runtime: r, image: img, code: code, open: len(a.Entries)}
	if c, ok := code.(interface{ belong(*unit) }); ok {
		c.belong(u)
	}
	for i := range a.Entries {
		p := &Program{unit: u, entry: i, info: &a.Entries[i].EntryInfo, mask: 1<<64 - 1}
		if p.info.Return32 {
			p.mask = 1<<32 - 1
		}
		if err := p.describe(); err != nil {
			img.free()
			return nil, err
		}
		p.setLeaf()
		u.programs = append(u.programs, p)
	}
	return u, nil
}

// describe finds the layout of the program's context.
func (p *Program) describe() (err error) {
	r := p.unit.runtime
	if r.spec.Set == nil {
		return nil
	}
	t, ok := r.spec.Set.Type(p.info.Type)
	switch {
	case !ok:
		return nil
	case t.Context.Kind != p.info.Context:
		return fmt.Errorf("program %s of type %s: its type has another kind of context", p.info.Name, p.info.Type)
	}
	p.layout, err = layoutOf(&t, &r.sets)
	return err
}

// close unloads all programs, for a runtime that is closed. It reports whether leafGrace must pass.
func (u *unit) close() (leaves bool) {
	for _, p := range u.programs {
		p.closed.Store(true)
		leaves = p.leaf.end() || leaves
	}
	return leaves
}

// ID is the number of the program in its runtime, as prog arrays name it.
func (p *Program) ID() codegen.ProgID { return p.id }

// Info describes the program. It must not be changed.
func (p *Program) Info() *codegen.EntryInfo { return p.info }

// Run leases a worker, blocking while all are leased, and runs the program once:
// see Worker.Run. Until the worker runs again it may refer to the buffer. A program
// that needs no worker, such as a filter without loops and maps, runs without.
func (p *Program) Run(mem []byte) (uint64, error) {
	if p.leaf.is() {
		if r0, ran := p.leaf.run(mem); ran {
			return r0, nil
		}
	}
	return p.runLeased(mem)
}

// runLeased is Run on a worker.
func (p *Program) runLeased(mem []byte) (uint64, error) {
	w := p.unit.runtime.tryLease()
	if w == nil || w.bound != p || p.closed.Load() {
		var err error
		if w, err = p.take(context.Background(), w); err != nil {
			return 0, err
		}
	}
	if !w.native.stays || p.layout != nil || p.hooks.Load() != nil {
		return w.runOnce(mem)
	}
	var r0 uint64
	var err error
	if !w.has(mem) {
		err = w.prepare(nil, mem)
	}
	if err == nil {
		r0 = w.native.enter(w) & w.mask
	}
	w.runtime.giveBack(w)
	return r0, err
}

// runOnce is runLeased for a program in whose run Go code may take part, which may panic.
func (w *Worker) runOnce(mem []byte) (uint64, error) {
	defer w.endRun()
	if !w.has(mem) {
		if err := w.prepare(nil, mem); err != nil {
			return 0, err
		}
	}
	return w.startNow()
}

// RunContext is Run with a context, as Worker.RunContext gets it.
func (p *Program) RunContext(ctx, mem []byte) (uint64, error) {
	w, err := p.lease(context.Background())
	if err != nil {
		return 0, err
	}
	defer w.endRun()
	if err := w.prepare(ctx, mem); err != nil {
		return 0, err
	}
	return w.startNow()
}

// endRun is endLease after one run that has set nothing else.
func (w *Worker) endRun() {
	if len(w.records) > 0 || w.lost > 0 {
		w.records, w.lost = nil, 0
	}
	w.runtime.giveBack(w)
}

// lease takes a worker for a batch or a loop of runs and makes p its program.
func (p *Program) lease(ctx context.Context) (*Worker, error) {
	return p.take(ctx, p.unit.runtime.tryLease())
}

// take makes p the program of a leased worker: of w, or if that is nil of the next one that is free.
func (p *Program) take(ctx context.Context, w *Worker) (*Worker, error) {
	r := p.unit.runtime
	if w == nil {
		var err error
		if w, err = r.waitLease(ctx); err != nil {
			return nil, err
		}
	}
	if p.closed.Load() { // before anything of the worker is touched: its memory may be gone
		r.giveBack(w)
		return nil, p.unavailable()
	}
	if w.bound != p {
		w.bind(p)
	}
	return w, nil
}

// endLease ends the lease of a batch.
func (w *Worker) endLease() {
	w.reset()
	w.runtime.giveBack(w)
}

// Worker hands out a worker for a loop of runs of the program, blocking while
// all are leased, until ctx is done. It belongs to the caller until
// Worker.Release; the program stays loaded until then.
func (p *Program) Worker(ctx context.Context) (*Worker, error) {
	w, err := p.lease(ctx)
	if err != nil {
		return nil, err
	}
	if !p.pin() {
		w.endLease()
		return nil, p.unavailable()
	}
	w.visits = len(p.unit.image.maps) > 0
	w.state.Store(stateHeld) // the pin protects what it can reach, an epoch would keep everything
	if w.runtime.attention.Load() != 0 {
		w.runtime.collect()
	}
	return w, nil
}

// pin keeps the program's memory until unpin. It reports false if the program is closed.
func (p *Program) pin() bool {
	r := p.unit.runtime
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.closed.Load() || r.closing.Load() {
		return false
	}
	p.unit.pins++
	r.pins++
	return true
}

// unpin ends what pin began.
func (p *Program) unpin() {
	r := p.unit.runtime
	r.mu.Lock()
	p.unit.pins--
	r.pins--
	r.mu.Unlock()
	if r.attention.Load() != 0 {
		r.collect()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.orphaned && r.pins == 0 {
		_ = r.releaseAll() // nobody waits for it any more
	}
}

// Unload ends the program: runs that are under way end first, until ctx is done; it does not wait in a hook. Its hooks
// are detached, and it from the programs that it is a hook of. Where it is in a prog array, of which another program can
// make use, tail calls lead to it as before. The artifact's memory is freed with its last program that is loaded or in a
// prog array, in any case.
func (p *Program) Unload(ctx context.Context) error {
	r, u := p.unit.runtime, p.unit
	if p.closed.Swap(true) {
		return p.unavailable()
	}
	r.mu.Lock()
	if p.leaf.end() {
		leafGrace()
	}
	delete(r.programs, p.id)
	r.dropHooks(p)
	u.open--
	u.held++ // until its own prog arrays are empty
	last := u.open == 0
	if last {
		delete(r.units, u)
	}
	r.mu.Unlock()
	if last {
		u.image.abandonMaps()
	}
	r.mu.Lock()
	free := func() error { return nil }
	if u.letGo() {
		free = u.free
	}
	r.mu.Unlock()
	return r.wait(ctx, r.retire(&u.pins, free))
}

// letGo ends what one element of a prog array, or Unload, holds of the unit. It reports whether nothing holds it any more,
// so that it is to be freed. The caller holds runtime.mu.
func (u *unit) letGo() (last bool) {
	u.held--
	return u.held == 0 && u.open == 0
}

// free frees the unit's memory. The caller holds runtime.mu.
func (u *unit) free() error {
	if u.runtime.gone {
		return nil
	}
	u.code.Close()
	return u.image.free()
}

// unavailable is the reason why a closed program does not run.
func (p *Program) unavailable() error {
	if p.unit.runtime.closing.Load() {
		return ErrClosed
	}
	return fmt.Errorf("%s: %w", p.info.Name, ErrUnloaded)
}

func (p *Program) tooShort(n int) error {
	return fmt.Errorf("%s is of type %s: it needs memory of at least %d bytes, got %d", p.info.Name, p.info.Type, p.info.CtxSize, n)
}
