package runtime

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
)

// implementations are those of all sets of a runtime, merged.
type implementations struct {
	helpers map[string]codegen.GoHelper
	enter   map[string]func(codegen.Call) error
	leave   map[string]func(codegen.Call, uint64)
	steady  map[string]int
	hooks   map[string]func([]byte, codegen.HookArgs)
	done    []func(codegen.Call)
	close   []func() error
}

// implement opens the implementations of a spec's sets. What the caller gives by name comes before theirs.
func implement(r *Runtime, s *codegen.Spec) (implementations, error) {
	all := implementations{helpers: map[string]codegen.GoHelper{}, enter: map[string]func(codegen.Call) error{}, leave: map[string]func(codegen.Call, uint64){}, steady: map[string]int{}, hooks: map[string]func([]byte, codegen.HookArgs){}}
	asked := map[string]bool{}
	for _, open := range s.Sets {
		one, err := open(&home{r, asked})
		if err != nil {
			return all, fmt.Errorf("the environment of the helpers: %w", err)
		}
		maps.Copy(all.helpers, one.Helpers)
		maps.Copy(all.enter, one.Enter)
		maps.Copy(all.leave, one.Leave)
		maps.Copy(all.steady, one.Steady)
		maps.Copy(all.hooks, one.Hooks)
		if one.Done != nil {
			all.done = append(all.done, one.Done)
		}
		if one.Close != nil {
			all.close = append(all.close, one.Close)
		}
	}
	maps.Copy(all.helpers, s.Helpers)
	return all, checkParts(s.Env, asked)
}

// checkParts refuses a part of the environment that no set has asked for.
func checkParts(given map[string][]byte, asked map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !asked[name] {
			return fmt.Errorf("the environment of the helpers: nothing here reads part %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(asked)), ", "))
		}
	}
	return nil
}

// end closes the implementations.
func (s *implementations) end() (err error) {
	for _, f := range s.close {
		err = errors.Join(err, f())
	}
	return err
}

// home is a runtime as the implementations of sets see it.
type home struct {
	runtime *Runtime
	asked   map[string]bool // parts of the environment
}

var _ codegen.Home = (*home)(nil)

// Env is a part of the environment: see codegen.Home.
func (h *home) Env(name string) []byte {
	h.asked[name] = true
	return h.runtime.spec.Env[name]
}

// CPUs is the number of workers.
func (h *home) CPUs() int { return h.runtime.CPUs() }

// Random is the state of a CPU's random numbers: see codegen.Home.
func (h *home) Random(cpu int) *uint64 { return &h.runtime.workers[cpu].rc.state.random }

// Alloc makes memory that lives as long as the runtime: see codegen.Home.
func (h *home) Alloc(n int) ([]byte, uint64, error) {
	a := h.runtime.arena
	s, err := a.alloc(uintptr(n))
	if err != nil {
		return nil, 0, err
	}
	if err := a.protect(s, protWrite); err != nil {
		return nil, 0, err
	}
	h.runtime.objects.add(a.bytes(s)[:n:n], a.addr(s.off))
	return a.bytes(s)[:n:n], a.addr(s.off), nil
}
