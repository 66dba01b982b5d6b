// Package opt turns verified programs into what back ends compile: it runs the
// required lowerings, which make explicit what the IR's meaning demands (zeroed
// registers and stack, guards, polls), and then optimisations.
package opt

import (
	"errors"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

// Options of a run.
type Options struct {
	// Level is the optimisation level: 0, or 2 for functions in SSA form.
	Level int
	// Plain runs the required passes only, so that registers are those of the BPF program at each instruction.
	Plain bool
	// Object: the code goes into an object file, where maps but arrays are what the linker finds, of unknown layout.
	Object bool
	// Dump, if set, sees each program after each pass.
	Dump func(pass string, p *ir.Program)
	// Stats, if set, is added to.
	Stats *Stats
	// unguarded omits guards and polls, so that a benchmark can tell what they cost.
	unguarded bool
}

// Stats counts what passes did.
type Stats struct {
	// Spills and Fills are the stores and loads that kept registers over calls which leave them alone, and were removed.
	Spills, Fills int
	// Inlined is the calls whose place has been taken by what they called.
	Inlined int
}

// pass is one step over a program, from a level on. Required passes run always.
type pass struct {
	name     string
	level    int
	required bool
	why      string
	run      func(*program)
}

// passes run in this order.
var passes = []pass{
	{"lower", 0, true, "makes zeroing, guards, polls and indirect calls explicit", (*program).lower},
	{"drop-spills", 0, false, "a register that a call leaves alone need not be kept elsewhere", (*program).dropSpills},
	{"inline", 0, false, "a call costs more than a short function does", (*program).inline},
	{"fold-shifts", 0, false, "arithmetic by powers of two, and extensions spelled as shifts, have cheaper instructions", (*program).foldShifts},
	{"fold-addresses", 0, false, "a memory operand adds two registers and a number for nothing", (*program).foldAddresses},
	{"drop-guards", 0, true, "a guard that an earlier one in its block covers proves nothing new", (*program).dropGuards},
	{"dead-code", 0, false, "what folding has made useless costs time", (*program).deadCode},
	{"thread-jumps", 0, false, "a jump to a jump takes its time, twice in every turn of a loop", (*program).threadJumps},
	{"search-chains", 0, false, "a chain of tests for constants takes a turn for each, a binary search for each power of two", (*program).searchChains},
	{"to-ssa", 2, true, "values that are defined once can be followed", (*program).toSSA},
	{"fold-values", 2, false, "constants and sums are operands for nothing, and nothing need be computed twice", (*program).foldValues},
	{"unroll", 2, false, "a loop's test and what counts its turns cost as much as a small body", (*program).unroll},
	{"fold-turns", 2, false, "of several turns in one, what counts them is a displacement", (*program).foldValues},
	{"frames", 0, true, "the stack of the whole program is known once frames are final", (*program).frames},
}

// passOrder lists what must come before what, and why.
var passOrder = []struct{ first, then, why string }{
	{"lower", "drop-spills", "what calls write is known when they are expanded"},
	{"drop-spills", "inline", "what the verifier found of instructions, it found in their own functions"},
	{"drop-spills", "fold-shifts", "accesses of the stack have their own addresses still"},
	{"inline", "fold-shifts", "values are followed through what was a call"},
	{"fold-shifts", "fold-addresses", "addresses see through moves and shifts to the left, not through multiplications"},
	{"fold-addresses", "drop-guards", "guards with the same operand can be compared"},
	{"drop-guards", "dead-code", "a guard keeps the registers of its operand alive"},
	{"dead-code", "thread-jumps", "what is live is known by the numbers that blocks had when they were verified"},
	{"thread-jumps", "search-chains", "tests with jumps between them are a chain"},
	{"search-chains", "to-ssa", "blocks that go need no parameters"},
	{"to-ssa", "fold-values", "a value that is defined once is the same wherever it is used"},
	{"fold-values", "unroll", "a loop's turns are counted by constants that are operands"},
	{"unroll", "fold-turns", "what is folded has to be there"},
	{"fold-turns", "frames", "instructions that use a frame may still go"},
	{"to-ssa", "frames", "instructions that use a frame may still go"},
}

// program is a program on its way through the passes.
type program struct {
	v     *verifier.Verified
	opts  Options
	out   *ir.Program
	info  codegen.EntryInfo
	live  [][]ir.RegSet // by function and block: what it or what follows reads before writing it; nil of a function whose blocks are new
	stats *Stats
	// templates are the functions that lowerings have added, in the order of their names.
	templates []template
}

// Run lowers the verified programs of one object. The result shares maps, data
// and helpers with the object and may be compiled concurrently.
func Run(o *obj.Object, programs []*verifier.Verified, helpers []abi.Helper, opts Options) (*codegen.Unit, error) {
	if opts.Level != 0 && opts.Level != 2 {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("-O%d", opts.Level), Msg: "the levels are 0 and 2"}
	}
	u := &codegen.Unit{Name: o.Name, Maps: o.Maps, Data: o.Data, Helpers: helpers}
	for _, v := range programs {
		if v == nil || v.Program() == nil {
			return nil, errors.New("opt: a program that was not verified")
		}
		if err := runnable(v); err != nil {
			return nil, err
		}
		p := newProgram(v, helpers, opts)
		for _, ps := range passes {
			if opts.Plain && !ps.required || ps.level > opts.Level {
				continue
			}
			ps.run(p)
			if opts.Dump != nil {
				opts.Dump(ps.name, p.out)
			}
		}
		u.Programs = append(u.Programs, p.out)
		u.Entries = append(u.Entries, p.info)
	}
	dropAbsent(u)
	return u, addItems(u, programs)
}

func newProgram(v *verifier.Verified, helpers []abi.Helper, opts Options) *program {
	p, t := v.Program(), v.Type()
	out := *p
	out.Helpers = helpers
	if opts.Stats == nil {
		opts.Stats = new(Stats)
	}
	return &program{v: v, opts: opts, out: &out, stats: opts.Stats, info: codegen.EntryInfo{
		Name: p.Name, Section: p.Section, Type: p.Type, Context: t.Context.Kind, CtxSize: t.Context.Size,
		Return32: t.Context.Kind == abi.CtxStruct, Turn: v.Turn(), Lines: p.Lines,
	}}
}

// addItems lists the types and helpers that the unit relies on, each once.
func addItems(u *codegen.Unit, programs []*verifier.Verified) error {
	seen := map[string]bool{}
	add := func(kind, name string, definition any) error {
		if seen[kind+" "+name] {
			return nil
		}
		seen[kind+" "+name] = true
		d, err := abi.Digest(definition)
		u.Items = append(u.Items, codegen.Item{Kind: kind, Name: name, Digest: d})
		return err
	}
	for _, v := range programs {
		if err := add("type", v.Type().Name, v.Type()); err != nil {
			return err
		}
	}
	for i := range u.Helpers {
		if err := add("helper", u.Helpers[i].Name, u.Helpers[i]); err != nil {
			return err
		}
	}
	return nil
}
