package tracing

import (
	"maps"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

// session is what the helpers of the set keep in one session. In the files that implement them s is the session and
// c the run that calls.
type session struct {
	stacks   env.Stacks
	counters []env.Counter
	memory   env.Memory
}

// table is helpers by name.
type table = map[string]codegen.GoHelper

// tables is every helper that runs.
func (s *session) tables() table {
	all := table{}
	for _, t := range []table{s.stackTable(), s.counterTable(), s.effectTable(), s.filterTable()} {
		maps.Copy(all, t)
	}
	return all
}

// Implement makes the set run in a session. Of the environment it reads the parts "stacks", "perf" and "memory",
// whose values package env describes. Contexts are what the input says: nothing completes them.
func Implement(h codegen.Home) (codegen.Implementation, error) {
	s := &session{}
	var blocks []env.Block
	for _, part := range []struct {
		name string
		into any
	}{{"stacks", &s.stacks}, {"perf", &s.counters}, {"memory", &blocks}} {
		if err := env.Part(h.Env(part.name), part.name, part.into); err != nil {
			return codegen.Implementation{}, err
		}
	}
	var err error
	s.memory, err = env.NewMemory(blocks)
	return codegen.Implementation{Helpers: s.tables()}, err
}

// running marks the helpers that run.
func running(all []abi.Helper) []abi.Helper {
	runs := new(session).tables()
	for i := range all {
		if runs[all[i].Name] != nil {
			all[i].Impl = abi.ImplGo
		}
	}
	return all
}
