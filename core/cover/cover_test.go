package cover

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

var programs = []codegen.EntryInfo{
	{Name: "a", Insns: 6, Lines: []obj.Line{
		{Slot: 0, File: "a.c", Line: 3, Text: "\tx = 1;"},
		{Slot: 2, File: "a.c", Line: 5, Text: "\ty();"},
		{Slot: 3, File: "a.c", Line: 3, Text: "\tx = 1;"},
		{Slot: 4}, // no source
		{Slot: 5, File: "/abs/a.h", Line: 9},
	}},
	{Name: "b", Insns: 2, Lines: []obj.Line{{Slot: 0, File: "b.c", Line: 1, Text: "b"}}},
	{Name: "c", Insns: 1, Lines: []obj.Line{{Slot: 0, File: "../c.c", Line: 7, Text: "c"}}},
}

// steps are a trace: a function, then slots.
func steps(parts ...any) (trace []codegen.TraceStep) {
	fn := ""
	for _, p := range parts {
		if name, ok := p.(string); ok {
			fn = name
			continue
		}
		trace = append(trace, codegen.TraceStep{Slot: p.(int), Func: fn})
	}
	return trace
}

func TestLinesAreCounted(t *testing.T) {
	var p Profile
	p.Add(programs, "a", steps("a", 0, 1, 3, 0, 1, 3, 3, 4, "sub", 5, "b", 0, 1)) // a loop, a function, a tail call to b
	p.Add(programs, "b", steps("b", 0, 1))
	require.Equal(t, []Line{
		{"../c.c", 7, "c", 0},
		{"/abs/a.h", 9, "", 1},
		{"a.c", 3, "\tx = 1;", 3},
		{"a.c", 5, "\ty();", 0},
		{"b.c", 1, "b", 2},
	}, p.Lines())
	require.Equal(t, `mode: count
../c.c:7.1,7.2 1 0
/abs/a.h:9.1,9.2 1 1
./a.c:3.1,3.8 1 3
./a.c:5.1,5.6 1 0
./b.c:1.1,1.2 1 2
`, string(p.Format("")))
	require.Contains(t, string(p.Format("src")), "./src/a.c:3.1")
	require.Contains(t, string(p.Format("src")), "./c.c:7.1")
	require.Contains(t, string(p.Format("/src")), "\n/src/a.c:3.1")
}

func TestNothingRan(t *testing.T) {
	var p Profile
	require.Equal(t, "mode: count\n", string(p.Format("")))
	p.Add(programs, "a", nil)
	p.Add(programs, "unknown", steps("unknown", 0, 1))
	p.Add(programs, "a", append(steps("main", 4), steps("other", 0, 1, 2)...)) // a tail call to another object's program
	for _, l := range p.Lines() {
		require.Zero(t, l.Count)
	}
	require.Len(t, p.Lines(), 5)
}

func TestProfilesAreSafeForConcurrentUse(t *testing.T) {
	var p Profile
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 100 {
				p.Add(programs, "b", steps("b", 0, 1))
				p.Format("")
			}
		})
	}
	wait.Wait()
	require.Equal(t, uint64(400), p.Lines()[4].Count)
}
