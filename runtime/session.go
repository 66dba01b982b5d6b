package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bpfc/bpfc/core/codegen"
)

// Session is a codegen.Session in this process. It is safe for concurrent use.
type Session struct {
	runtime *Runtime
	loader  Loader

	mu       sync.Mutex
	programs map[codegen.ProgID]*Program
}

var _ codegen.Session = (*Session)(nil)

// OpenSession opens a runtime of its own for artifacts that l can load.
func OpenSession(ctx context.Context, spec codegen.Spec, l Loader) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := New(Options{Spec: spec})
	if err != nil {
		return nil, err
	}
	return &Session{runtime: r, loader: l, programs: map[codegen.ProgID]*Program{}}, nil
}

// Load makes the artifact's programs runnable: see codegen.Session.
func (s *Session) Load(ctx context.Context, a *codegen.Artifact) ([]codegen.ProgID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	programs, err := s.runtime.Load(a, s.loader)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]codegen.ProgID, len(programs))
	for i, p := range programs {
		ids[i] = p.id
		s.programs[p.id] = p
	}
	return ids, nil
}

// Program returns the loaded program called id, for runs without a batch.
func (s *Session) Program(id codegen.ProgID) (*Program, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.programs[id]; p != nil {
		return p, nil
	}
	return nil, s.unknown(id)
}

func (s *Session) unknown(id codegen.ProgID) error {
	if s.runtime.closing.Load() {
		return ErrClosed
	}
	return fmt.Errorf("program %d: %w or was never loaded", id, ErrUnloaded)
}

// Unload frees a program; runs that are under way end first. If ctx is done
// before, the memory is freed when they have ended.
func (s *Session) Unload(ctx context.Context, id codegen.ProgID) error {
	s.mu.Lock()
	p := s.programs[id]
	delete(s.programs, id)
	s.mu.Unlock()
	if p == nil {
		return s.unknown(id)
	}
	return p.Unload(ctx)
}

// Run runs the program once per input on one worker. A run that breaks a rule
// is a Result with a Fault; the next input follows.
func (s *Session) Run(ctx context.Context, id codegen.ProgID, in codegen.Batch) (codegen.Results, error) {
	p, err := s.Program(id)
	if err != nil {
		return codegen.Results{}, err
	}
	return p.RunBatch(ctx, in)
}

// RunBatch is Session.Run for one program.
func (p *Program) RunBatch(ctx context.Context, in codegen.Batch) (codegen.Results, error) {
	w, err := p.lease(ctx)
	if err != nil {
		return codegen.Results{}, err
	}
	defer w.endLease()
	if !p.pin() { // for the whole batch, which passes from epoch to epoch
		return codegen.Results{}, p.unavailable()
	}
	defer p.unpin()
	w.ctx = ctx
	w.SetFuel(in.Fuel)
	return w.runBatch(in)
}

func (w *Worker) runBatch(in codegen.Batch) (codegen.Results, error) {
	n, repeat := len(in.Inputs), max(in.Repeat, 1)
	res := codegen.Results{Results: make([]codegen.Result, n)}
	var room []byte // for contexts of results
	begin := time.Now()
	for i := range in.Inputs {
		if err := w.ctx.Err(); err != nil {
			res.Results = res.Results[:i]
			if repeat == 1 {
				res.Elapsed += time.Since(begin)
			}
			return res, context.Cause(w.ctx)
		}
		if e := w.runtime.epoch.Load(); e != w.state.Load() {
			w.state.Store(e) // what maps took away during the input before may be reused
		}
		r := &res.Results[i]
		r.Mem = in.Inputs[i].Mem
		if repeat > 1 {
			begin = time.Now()
		}
		runs, err := w.runInput(&in.Inputs[i], repeat, in.Trace, r)
		if repeat > 1 || i == n-1 || err != nil {
			res.Elapsed += time.Since(begin)
			begin = time.Now()
		}
		res.Runs += runs
		if err != nil && !errors.As(err, &r.Fault) {
			res.Results = res.Results[:i]
			return res, err
		}
		room = w.left(r, room, n-i)
		res.Lost += w.lost
		w.lost = 0
	}
	return res, nil
}

// runInput runs one input repeat times and stops at the first error.
func (w *Worker) runInput(in *codegen.Input, repeat int, trace bool, r *codegen.Result) (runs int, err error) {
	t, ok := w.bound.unit.code.(Tracer)
	for ; runs < repeat && err == nil; runs++ {
		switch {
		case trace && ok:
			r.Trace = r.Trace[:0]
			r.Ret, err = w.runTrace(t, in, r)
		case w.bound.layout != nil || in.Ctx != nil:
			r.Ret, err = w.RunContext(in.Ctx, in.Mem)
		default:
			r.Ret, err = w.Run(in.Mem)
		}
	}
	return runs, err
}

// left completes the result of a run with what it has left behind. Its context is taken from room, which is made anew for
// some of the results that are to come if it is used up.
func (w *Worker) left(r *codegen.Result, room []byte, more int) []byte {
	l := w.bound.layout
	if l != nil {
		if l.leave != nil && r.Fault == nil {
			l.leave((*call)(w), r.Ret)
		}
		r.Mem = w.packet.room[w.packet.meta:w.packet.end:w.packet.end]
		if (*packet)(w).framed() {
			r.Mem = bytes.Clone(r.Mem)
		}
		size := int(l.visible)
		if len(room) < size {
			room = make([]byte, size*min(more, eachPart))
		}
		r.Ctx, room = room[:size:size], room[size:]
		w.seen(r.Ctx)
	}
	if len(w.records) > 0 {
		r.Records, w.records = w.records, nil
	}
	return room
}

// maxTrace bounds the record of one run, in instructions: some 120 MB.
const maxTrace = 1 << 20

// errLongTrace ends a run that is traced, at a poll or at its own end.
var errLongTrace = &codegen.UnsupportedError{What: fmt.Sprintf("a trace of more than %d instructions", maxTrace), Msg: "end the run earlier, by less fuel"}

func (w *Worker) runTrace(t Tracer, in *codegen.Input, r *codegen.Result) (ret uint64, err error) {
	p, outer := w.bound, w.ctx
	if err := w.prepare(in.Ctx, in.Mem); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(outer)
	defer func() { cancel(nil); w.ctx = outer }()
	w.ctx = ctx
	long := false
	run := func() (uint64, error) {
		w.slice = w.begin()
		return t.RunTrace(w, p.entry, w.rc.r1, w.rc.r2, func(s codegen.TraceStep) {
			if long = len(r.Trace) == maxTrace; long {
				cancel(errLongTrace)
				return
			}
			r.Trace = append(r.Trace, s)
		})
	}
	if p.hooks.Load() != nil {
		ret, err = w.startHooked(run)
	} else {
		ret, err = run()
	}
	switch {
	case long:
		err = errLongTrace
	case w.failure != nil:
		err = w.takeFailure()
	}
	return ret & p.mask, err
}

// Maps performs the operations in order. An operation that fails as it would in
// the kernel says so in its result; an unknown program ends the call with an error.
func (s *Session) Maps(ctx context.Context, ops []codegen.MapOp) ([]codegen.MapResult, error) {
	results := make([]codegen.MapResult, 0, len(ops))
	for i := range ops {
		if err := ctx.Err(); err != nil {
			return results, context.Cause(ctx)
		}
		p, err := s.Program(ops[i].Prog)
		if err != nil {
			return results, err
		}
		res, err := p.Map(&ops[i])
		if err != nil {
			return results, err
		}
		results = append(results, res)
	}
	return results, nil
}

// Map performs one operation on a map or data section of the program's artifact; op.Prog is not looked at.
func (p *Program) Map(op *codegen.MapOp) (codegen.MapResult, error) {
	r := p.unit.runtime
	r.life.RLock()
	defer r.life.RUnlock()
	if !p.pin() {
		return codegen.MapResult{}, p.unavailable()
	}
	defer p.unpin()
	return p.unit.image.operate(op), nil
}

// Close ends running programs at their next poll, waits for them and frees
// everything. Further calls fail.
func (s *Session) Close() error {
	s.mu.Lock()
	clear(s.programs)
	s.mu.Unlock()
	return s.runtime.Close()
}

// Loaded lists the programs that are loaded, in the order of loading.
func (s *Session) Loaded() []codegen.ProgID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]codegen.ProgID, 0, len(s.programs))
	for id := range s.programs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
