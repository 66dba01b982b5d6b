package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Site is where a hook runs.
type Site uint8

// The sites.
const (
	AtEntry Site = iota // before the program
	AtExit              // after it, however it ended
	sites
)

func (s Site) String() string { return [...]string{"entry", "exit"}[s] }

// errInHook is the end of what would wait, in a hook, for the run that the hook is part of.
var errInHook = errors.New("a hook of this runtime's programs runs in this goroutine: it does not wait for a worker, and does not use its own or close the runtime")

// hooks are those of a program by site, in the order in which they run. They are never changed: others take their place.
type hooks [sites][]*Link

// Link is a hook that is attached to a program. It is safe for concurrent use.
type Link struct {
	site  Site
	to    *Program
	call  func(*Visit)                   // nil if it is a program
	hook  *Program                       // nil if it is a function
	fill  func([]byte, codegen.HookArgs) // of the program's context; nil if it takes that of the program it is attached to
	entry uint64                         // of machine code that never leaves; 0 otherwise

	missed, failed atomic.Uint64
	last           atomic.Pointer[error]
}

// Visit is a run as a Go function sees it that is attached to its program. It is the function's until that returns.
type Visit struct {
	w    *Worker
	site Site
	ret  uint64
	err  error
}

// hookRun is what a worker knows of the hooks of its run.
type hookRun struct {
	visit Visit
	in    atomic.Uint64 // the goroutine that is in a Go function; 0 if none is
	link  *Link         // whose function it is; that goroutine's
	// around says that the hooks of the program that is started run around it.
	around bool
	// context is room for the contexts of programs whose context is not that of the run; none until it is needed.
	context     []byte
	contextAddr uint64
	// outer is the context of the run while such a program has its own.
	outer     []byte
	outerAddr uint64
}

// Attach makes hook run before or after p whenever p is entered from Go: behind those that are there, in this order at
// both sites. A tail call enters past the hooks of its target; the hooks at the exit of the program that was entered run
// when the last program of the chain has returned, with what that returned. Runs that have begun are not concerned.
//
// hook is a program of the same runtime. One of the same type (of memory, one that is promised no more of it) gets the
// context of the run, in place: what it changes there, the run finds changed. Others need a type whose set fills their
// context in, see codegen.Implementation.Hooks. What hook returns is ignored, and a run of it that fails changes nothing:
// see Link.Failed. Hooks of hook do not run then. Its tail calls count on their own at the entry, where p begins at 0
// as it does without hooks; at the exit they count on from where the run is, so that both together are at most 33.
func (p *Program) Attach(site Site, hook *Program) (*Link, error) {
	l := &Link{site: site, to: p, hook: hook}
	if err := l.fits(); err != nil {
		return nil, err
	}
	return l, l.attach()
}

// AttachFunc is Attach with a Go function, which runs in the goroutine and on the worker of the run, and may be called
// by several at a time. A program that it runs needs another worker: where none is free, the run fails instead of
// waiting. If that leads to the function again it is not called, and Link.Missed counts that. Goroutines that it
// starts are others: it must not wait for runs of theirs.
func (p *Program) AttachFunc(site Site, call func(*Visit)) (*Link, error) {
	if call == nil {
		return nil, errors.New("attaching to " + p.info.Name + ": the function is nil")
	}
	l := &Link{site: site, to: p, call: call}
	return l, l.attach()
}

// fits refuses a program that cannot run as a hook here, and finds out how it gets its context.
func (l *Link) fits() error {
	p, h := l.to, l.hook
	if h == nil || h.unit.runtime != p.unit.runtime {
		return fmt.Errorf("attaching to %s: the hook has to be a program of the same session", p.info.Name)
	}
	l.entry = h.unit.inCode(h.entry)
	memory := p.info.Context == abi.CtxMemory && h.info.Context == abi.CtxMemory
	fill := p.unit.runtime.sets.hooks[h.info.Type]
	switch {
	case memory && h.info.CtxSize <= p.info.CtxSize, !memory && h.info.Type == p.info.Type:
	case memory:
		return fmt.Errorf("attaching %s to %s: it needs memory of at least %d bytes, and type %s promises %d", h.info.Name, p.info.Name, h.info.CtxSize, p.info.Type, p.info.CtxSize)
	case fill == nil || h.layout == nil:
		return fmt.Errorf("attaching %s to %s: a program of type %s is no hook of one of type %s: it has to be of the same type, or of one for hooks", h.info.Name, p.info.Name, h.info.Type, p.info.Type)
	case h.layout.packet || h.layout.size > usualContext:
		return fmt.Errorf("attaching %s to %s: the contexts of hooks have no packet and at most %d bytes", h.info.Name, p.info.Name, usualContext)
	default:
		l.fill = fill
	}
	return nil
}

// attach puts the hook behind those of its site.
func (l *Link) attach() error {
	if l.site >= sites {
		return fmt.Errorf("attaching to %s: site %d is neither its entry nor its exit", l.to.info.Name, l.site)
	}
	r := l.to.unit.runtime
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range [...]*Program{l.to, l.hook} {
		if p != nil && (p.closed.Load() || r.closing.Load()) {
			return p.unavailable()
		}
	}
	var h hooks
	if old := l.to.hooks.Load(); old != nil {
		h = *old
	}
	h[l.site] = append(slices.Clone(h[l.site]), l)
	l.to.hooks.Store(&h)
	if l.to.leaf.end() { // hooks need a worker
		leafGrace()
	}
	return nil
}

// Detach ends the hook, and returns when no run is in it any more, unless ctx is done before; called by a hook it does
// not wait. A hook that is detached, or whose program or that program's hook was closed, stays so: Detach waits only.
func (l *Link) Detach(ctx context.Context) error {
	r := l.to.unit.runtime
	r.mu.Lock()
	l.to.drop(func(other *Link) bool { return other == l })
	r.mu.Unlock()
	var none int
	return r.wait(ctx, r.retire(&none, func() error { return nil }))
}

// drop takes hooks away. The caller holds runtime.mu.
func (p *Program) drop(gone func(*Link) bool) {
	old := p.hooks.Load()
	if old == nil {
		return
	}
	var h hooks
	for site, links := range old {
		h[site] = slices.DeleteFunc(slices.Clone(links), gone)
	}
	if len(h[AtEntry])+len(h[AtExit]) == 0 {
		p.hooks.Store(nil)
		if !p.closed.Load() && !p.unit.runtime.closing.Load() {
			p.openLeaf()
		}
		return
	}
	p.hooks.Store(&h)
}

// dropHooks takes away the hooks of a program that is unloaded, and those that it is. The caller holds mu.
func (r *Runtime) dropHooks(p *Program) {
	p.hooks.Store(nil)
	for _, other := range r.programs {
		other.drop(func(l *Link) bool { return l.hook == p })
	}
}

// Site is where the hook runs.
func (l *Link) Site() Site { return l.site }

// Missed is how often the function was not called because the run was one of its own.
func (l *Link) Missed() uint64 { return l.missed.Load() }

// Failed is how many runs of the hook did not return by themselves, and the last one's error, a *codegen.Fault if it
// broke a rule.
func (l *Link) Failed() (uint64, error) {
	if err := l.last.Load(); err != nil {
		return l.failed.Load(), *err
	}
	return 0, nil
}

// fail counts a run of the hook that has failed.
func (l *Link) fail(err error) {
	l.last.Store(&err)
	l.failed.Add(1)
}

// Program describes the program that was entered.
func (v *Visit) Program() *codegen.EntryInfo { return v.w.bound.info }

// Site is where the function was called.
func (v *Visit) Site() Site { return v.site }

// CPU is the number of the run's virtual CPU.
func (v *Visit) CPU() int { return v.w.cpu }

// Args are R1 and R2 at the entry.
func (v *Visit) Args() (r1, r2 uint64) { return v.w.rc.r1, v.w.rc.r2 }

// Context is a copy of the context as the program sees it, without addresses; nil if it has none that is described.
func (v *Visit) Context() []byte {
	if v.w.bound.layout == nil {
		return nil
	}
	seen := make([]byte, v.w.bound.layout.visible)
	v.w.seen(seen)
	return seen
}

// Memory is the memory of the run or its packet, in place; nil if it has none.
func (v *Visit) Memory() []byte {
	l := v.w.bound.layout
	switch {
	case l == nil:
		return v.w.memory
	case l.packet:
		return (*packet)(v.w).Bytes()
	}
	return nil
}

// Result is what the run has returned, or the error that has ended it. At the entry both are zero.
func (v *Visit) Result() (uint64, error) { return v.ret, v.err }

// startHooked is run, which starts the bound program, with the hooks of that program around it.
func (w *Worker) startHooked(run func() (uint64, error)) (uint64, error) {
	if w.hook.in.Load() != 0 {
		return 0, errInHook
	}
	held := w.state.Load() == stateHeld
	if held || w.ctx != nil { // the program is pinned: no older epoch protects anything of this run
		w.state.Store(w.runtime.epoch.Load())
	}
	w.hook.around = true
	defer w.endHooked(held)
	h := w.bound.hooks.Load() // in the epoch, which keeps what is found here
	if h == nil {
		return run()
	}
	w.runHooks(h, AtEntry, 0, nil)
	ret, err := run()
	w.runHooks(h, AtExit, ret, err)
	return ret, err
}

// endHooked is the end of startHooked.
func (w *Worker) endHooked(held bool) {
	w.hook.around = false
	if held {
		w.endVisit()
	}
}

// runHooks runs the hooks of a site. Those at the entry have a count of tail calls of their own.
func (w *Worker) runHooks(h *hooks, site Site, ret uint64, err error) {
	links := h[site]
	if len(links) == 0 {
		return
	}
	if site == AtEntry {
		w.rc.tails = 0
	}
	for _, l := range links {
		if l.call != nil {
			w.callHook(l, ret, err)
		} else if !l.hook.closed.Load() {
			w.runHook(l, ret, err)
		}
	}
	if w.running != w.bound {
		w.restart()
	}
}

// callHook calls a Go function, unless this goroutine is in it.
func (w *Worker) callHook(l *Link, ret uint64, err error) {
	if w.runtime.inHook(l) {
		l.missed.Add(1)
		return
	}
	h := &w.hook
	h.link, h.visit = l, Visit{w: w, site: l.site, ret: ret, err: err}
	h.in.Store(goroutine())
	defer h.in.Store(0)
	l.call(&h.visit)
}

// inHook reports whether this goroutine is in the Go function of a link, or nil for any of the runtime's programs.
func (r *Runtime) inHook(l *Link) bool {
	g := uint64(0)
	for _, w := range r.workers {
		in := w.hook.in.Load()
		if in == 0 {
			continue
		}
		if g == 0 {
			g = goroutine()
		}
		if in == g && (l == nil || w.hook.link == l) {
			return true
		}
	}
	return false
}

// runHook runs a program as a hook.
func (w *Worker) runHook(l *Link, ret uint64, err error) {
	p, r1, r2 := w.bound, w.rc.r1, w.rc.r2
	if l.fill != nil {
		if err := w.swapContext(l, ret, err); err != nil {
			l.fail(err)
			return
		}
		defer w.swapBack()
	}
	if l.entry != 0 {
		w.native.enterAt(w, l.entry)
	} else {
		w.bound, w.tails = l.hook, w.rc.tails
		if _, err := w.startNow(); err != nil {
			l.fail(err)
		}
		w.bound, w.tails = p, 0
	}
	w.rc.r1, w.rc.r2 = r1, r2
}

// swapContext makes the context of a hook whose context is not that of the run.
func (w *Worker) swapContext(l *Link, ret uint64, err error) error {
	h := &w.hook
	if h.context == nil {
		a := w.runtime.arena
		s, err := a.alloc(a.pages(usualContext))
		if err == nil {
			err = a.protect(s, protWrite)
		}
		if err != nil {
			return err
		}
		h.context, h.contextAddr = a.bytes(s), a.addr(s.off)
	}
	e := codegen.HookArgs{Args: [2]uint64{w.rc.r1, w.rc.r2}, Exit: l.site == AtExit, Ret: ret, Failed: err != nil}
	own := h.context[:l.hook.layout.size]
	clear(own)
	l.fill(own, e)
	if w.bound.layout != nil {
		h.outer, h.outerAddr = w.context[:w.bound.layout.size], w.contextAddr
	}
	w.context, h.context = h.context, w.context
	w.contextAddr, h.contextAddr = h.contextAddr, w.contextAddr
	w.rc.r1, w.rc.r2 = w.contextAddr, 0
	return nil
}

// swapBack undoes swapContext.
func (w *Worker) swapBack() {
	h := &w.hook
	w.context, h.context = h.context, w.context
	w.contextAddr, h.contextAddr = h.contextAddr, w.contextAddr
	h.outer, h.outerAddr = nil, 0
}
