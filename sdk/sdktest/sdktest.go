// Package sdktest is the suite that every back end must pass, linked or in a
// plugin's process. Expected values are computed independently of any back end.
package sdktest

import (
	"context"
	"testing"
	"time"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/stretchr/testify/require"
)

// Part is a part of the suite; parts are combined with |.
type Part uint16

// The parts of the suite.
const (
	ALU64       Part = 1 << iota // constants and 64-bit arithmetic on all registers
	ALU32                        // 32-bit arithmetic, sign extension, byte order
	Branches                     // every condition at both widths, loops
	Memory                       // loads and stores of every size, on memory and on the stack
	Atomics                      // read-modify-write, load-acquire, store-release
	Calls                        // functions, function values, helpers with a body
	Data                         // data sections and array maps, through Session.Maps too
	Faults                       // guards: which instruction, which address, which rule
	Fuel                         // polls: the budget, cancellation, may_goto
	Sessions                     // loading, unloading, batches, closing
	Determinism                  // same unit, same bytes; the artifact's digest
	Concurrency                  // many goroutines on one session

	All Part = 1<<iota - 1
)

// Options direct a run of the suite. The zero value runs all of it.
type Options struct {
	// Parts are the parts to run; 0 is All.
	Parts Part
	// Opts are the optimisation levels; nil is those of the back end's target.
	Opts []int
	// CPU is the level to compile for; "" is the target's lowest.
	CPU string
	// Open opens the sessions that run the artifacts; nil uses the back end, which must be a codegen.Runner.
	Open func(context.Context, codegen.Spec) (codegen.Session, error)
}

var parts = []struct {
	Part
	name string
	run  func(*testing.T, *suite)
}{
	{ALU64, "ALU64", testALU64},
	{ALU32, "ALU32", testALU32},
	{Branches, "Branches", testBranches},
	{Memory, "Memory", testMemory},
	{Atomics, "Atomics", testAtomics},
	{Calls, "Calls", testCalls},
	{Data, "Data", testData},
	{Faults, "Faults", testFaults},
	{Fuel, "Fuel", testFuel},
	{Sessions, "Sessions", testSessions},
	{Determinism, "Determinism", testDeterminism},
	{Concurrency, "Concurrency", testConcurrency},
}

// TestBackend runs the suite on b as subtests of t, one for each part and
// optimisation level. It fails t where b breaks the contract of codegen.Backend.
func TestBackend(t *testing.T, b codegen.Backend, o Options) {
	target := b.Target()
	require.NotEmpty(t, target.Name, "a target has a name")
	require.NotEmpty(t, target.Opts, "a target lists its optimisation levels")
	s := &suite{backend: b, open: o.Open, cpu: o.CPU}
	if s.open == nil {
		r, ok := b.(codegen.Runner)
		require.True(t, ok, "back end %s runs nothing itself: give Options.Open", target.Name)
		s.open = r.Open
	}
	levels, wanted := o.Opts, o.Parts
	if levels == nil {
		levels = target.Opts
	}
	if wanted == 0 {
		wanted = All
	}
	for _, level := range levels {
		s := *s
		s.level = level
		for _, p := range parts {
			if wanted&p.Part != 0 {
				t.Run(levelName(level)+"/"+p.name, func(t *testing.T) { p.run(t, &s) })
			}
		}
	}
}

func levelName(level int) string { return "O" + string(rune('0'+level)) }

// suite is one back end at one optimisation level.
type suite struct {
	backend codegen.Backend
	open    func(context.Context, codegen.Spec) (codegen.Session, error)
	level   int
	cpu     string
}

// limit bounds each test that talks to a back end.
const limit = 2 * time.Minute

func (s *suite) context(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// session opens a session that ends with the test.
func (s *suite) session(t *testing.T) codegen.Session {
	t.Helper()
	session, err := s.open(s.context(t), codegen.Spec{Set: testSet()})
	require.NoError(t, err)
	t.Cleanup(func() { session.Close() })
	return session
}
