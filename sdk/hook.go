package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Hook is a point of a service where programs of one type are attached to be run. It is safe for concurrent use:
// programs come and go while others fire it.
type Hook struct {
	typ     ProgType
	combine Combine
	mu      sync.Mutex // of changes
	list    atomic.Pointer[[]hookProgram]
}

type hookProgram struct {
	*Program
	priority int
}

// Combine makes the result of Fire: of that so far, 0 at first, and what one more program has returned. More says
// whether the next program runs.
type Combine func(sofar, ret uint64) (result uint64, more bool)

// StopUnless is for programs that decide: the first that returns something else than next does, and the others do not run.
func StopUnless(next uint64) Combine {
	return func(_, ret uint64) (uint64, bool) { return ret, ret == next }
}

// All runs every program; the result is the last one's.
func All(_, ret uint64) (uint64, bool) { return ret, true }

// NewHook makes an extension point for programs of a type, which Set.Type finds. combine says what they decide together; nil is All.
func NewHook(t ProgType, combine Combine) *Hook {
	if combine == nil {
		combine = All
	}
	h := &Hook{typ: t, combine: combine}
	h.list.Store(&[]hookProgram{})
	return h
}

// Context makes the bytes of Input.Ctx, as Program.Context does.
func (h *Hook) Context(fields map[string]any) ([]byte, error) {
	if h.typ.Context.Kind != CtxStruct {
		return nil, fmt.Errorf("a hook of type %s has no described context", h.typ.Name)
	}
	return h.typ.Context.Pack(fields)
}

// Attach makes Fire run a program of the hook's type: those of lower priority before it, and those of the same that are
// attached already. A program of memory may be one that is promised less of it. It may run in another process.
func (h *Hook) Attach(p *Program, priority int) error {
	if p == nil {
		return errNoProgram
	}
	memory := h.typ.Context.Kind == CtxMemory && p.info.Context == CtxMemory
	if memory && p.info.CtxSize > h.typ.Context.Size || !memory && p.info.Type != h.typ.Name {
		return fmt.Errorf("program %s is of type %s, and the hook for programs of type %s", p.info.Name, p.info.Type, h.typ.Name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := *h.list.Load()
	if h.find(p) >= 0 {
		return fmt.Errorf("program %s is attached to the hook already", p.info.Name)
	}
	at := slices.IndexFunc(old, func(q hookProgram) bool { return q.priority > priority })
	if at < 0 {
		at = len(old)
	}
	list := slices.Insert(slices.Clone(old), at, hookProgram{p, priority})
	h.list.Store(&list)
	return nil
}

func (h *Hook) find(p *Program) int {
	return slices.IndexFunc(*h.list.Load(), func(q hookProgram) bool { return q.Program == p })
}

// Detach takes a program away. One that is firing may still run it; the program's Close waits for that. A closed program
// does not run, attached or not.
func (h *Hook) Detach(p *Program) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.find(p)
	if at < 0 {
		return errors.New("the program is not attached to the hook")
	}
	list := slices.Delete(slices.Clone(*h.list.Load()), at, at+1)
	h.list.Store(&list)
	return nil
}

// Fire runs the programs in their order, each on the context and, in place, on the memory of in, and returns what they
// decide together; 0 if there is none. A program that fails has no part in that: the others run, and err has the failures.
func (h *Hook) Fire(in Input) (result uint64, err error) {
	list := *h.list.Load()
	for i := range list {
		p := list[i].Program
		ret, failure := p.runInput(in)
		if failure != nil {
			if !p.ended.Load() {
				err = errors.Join(err, fmt.Errorf("%s: %w", p.info.Name, failure))
			}
			continue
		}
		more := true
		if result, more = h.combine(result, ret); !more {
			break
		}
	}
	return result, err
}

// runInput runs the program on an input, its memory in place.
func (p *Program) runInput(in Input) (uint64, error) {
	switch {
	case p.fast == nil || p.with.cover != nil:
		r, err := p.once(context.Background(), in)
		copy(in.Mem, r.Mem)
		return r.Ret, err
	case in.Ctx == nil:
		return p.fast.Run(in.Mem)
	}
	return p.fast.RunContext(in.Ctx, in.Mem)
}
