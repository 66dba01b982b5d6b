package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/runtime"
)

// engine is one way to run a program. The first is the referee of the others.
type engine struct {
	name    string
	backend codegen.Backend
	loader  runtime.Loader
	options core.Options
	native  bool // needs linux/amd64
}

var engines = []engine{
	{"interp, plain", interp.New(), interp.Loader{}, core.Options{Plain: true}, false},
	{"interp", interp.New(), interp.Loader{}, core.Options{}, false},
	{"interp -O2", interp.New(), interp.Loader{}, core.Options{Opt: 2}, false},
	{"amd64, plain", &amd64.Backend{CheckAllocation: true}, runtime.Native{}, core.Options{Plain: true}, true},
	{"amd64", &amd64.Backend{CheckAllocation: true}, runtime.Native{}, core.Options{}, true},
	{"amd64 -O2", &amd64.Backend{CheckAllocation: true}, runtime.Native{}, core.Options{Opt: 2}, true},
	{"amd64 v3", amd64.New(), runtime.Native{}, core.Options{CPU: "x86-64-v3"}, true},
	{"amd64, hardened", amd64.New(), runtime.Native{}, core.Options{Features: amd64.New().Target().Features}, true},
}

// set is what generated programs rely on.
func set() *abi.Set {
	body := func(insns ...isa.Insn) []byte {
		b, err := isa.Encode(isa.Prog(insns...))
		if err != nil {
			panic("diff: a helper's body does not encode: " + err.Error())
		}
		return b
	}
	return &abi.Set{
		Name:  "diff",
		Types: []abi.ProgType{{Name: "mem", Sections: []string{"mem", "mem/*"}, Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxMemory}}},
		Helpers: []abi.Helper{{
			ID: helperAdd, Name: "add", Args: [5]abi.ArgKind{abi.ArgAny, abi.ArgAny}, Impl: abi.ImplBody,
			Body: body(isa.Mov.Reg(isa.R0, isa.R1), isa.Add.Reg(isa.R0, isa.R2), isa.Return()),
		}, {
			ID: helperDirty, Name: "dirty", Args: [5]abi.ArgKind{abi.ArgAny}, Impl: abi.ImplBody, // it uses stack and every register
			Body: body(isa.Mov.Imm(isa.R6, 6), isa.Mov.Imm(isa.R8, 8), isa.Mov.Reg(isa.R9, isa.R1), isa.StoreMem(isa.R10, -8, isa.R9, 8),
				isa.Mov.Imm(isa.R2, -2), isa.Mov.Imm(isa.R5, -5), isa.LoadMem(isa.R0, isa.R10, -7, 4), isa.Add.Reg(isa.R0, isa.R7), isa.Return()),
		}},
	}
}

// outcome is all that a program's run shows.
type outcome struct {
	Ret   uint64
	Fault string
	Mem   string
	Data  string
}

// inputs are the memories that every program runs on: lengths and alignments, the same for all engines.
var inputs = []struct{ offset, length int }{{0, 64}, {16, 60}, {3, 49}, {8, 0}}

// fuel is the budget of a run: small, as programs that loop for ever are many.
const fuel = 300

// arena is where all engines run: one runtime with one worker, so that addresses of stack and memory agree.
type arena struct {
	runtime *runtime.Runtime
	buffer  []byte // memory of the runs
	dirty   *runtime.Program
	calls   int // in the entry of the program at hand
	inlined int // of such calls, in all programs
}

func newArena(t testing.TB) *arena {
	r, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 1, Set: set()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	a := &arena{runtime: r, buffer: make([]byte, 128)}
	dirty := a.load(t, &engines[0], dirtyStack())
	require.NotNil(t, dirty)
	a.dirty = dirty
	return a
}

// dirtyStack is a program that writes the first number of its memory all over the
// stack: what no other program may see.
func dirtyStack() *obj.Object {
	insns := []isa.Insn{isa.LoadMem(isa.R3, isa.R1, 0, 8)}
	for off := int16(-512); off < 0; off += 8 {
		insns = append(insns, isa.StoreMem(isa.R10, off, isa.R3, 8))
	}
	insns = append(insns, isa.Return())
	return &obj.Object{Name: "dirty", Programs: []obj.Program{{Name: "dirty", Section: "mem", Insns: insns}}}
}

// load compiles and loads a program, nil if it is not accepted.
func (a *arena) load(t testing.TB, e *engine, o *obj.Object) *runtime.Program {
	opts := e.options
	opts.Policy = verifier.Guard
	opts.Dump = func(stage string, p *ir.Program) {
		if stage != "lift" { // what the verifier refuses was lifted
			require.NoError(t, ir.Check(p, ir.StageLowered), "%s: after %s", e.name, stage)
		}
		switch stage {
		case "drop-spills":
			a.calls = calls(p)
		case "inline":
			a.inlined += a.calls - calls(p)
		}
	}
	artifact, err := core.Compile(context.Background(), o, set(), e.backend, opts)
	var rejected *verifier.Error
	var unsupported *codegen.UnsupportedError
	if errors.As(err, &unsupported) { // where guard's analysis does not get through
		return nil
	}
	if err != nil {
		require.ErrorAs(t, err, &rejected, e.name)
		return nil
	}
	programs, err := a.runtime.Load(artifact, e.loader)
	require.NoError(t, err, e.name)
	return programs[0]
}

// calls counts the calls of functions in the entry of p.
func calls(p *ir.Program) (n int) {
	for _, b := range p.Funcs[0].Blocks {
		for i := range b.Insns {
			if b.Insns[i].Op == ir.OpCall {
				n++
			}
		}
	}
	return n
}

// run runs a program on all inputs, in order; data sections keep what earlier runs wrote.
func (a *arena) run(t testing.TB, e *engine, o *obj.Object) []outcome {
	p := a.load(t, e, o)
	if p == nil {
		return nil
	}
	defer func() { require.NoError(t, p.Unload(context.Background())) }()
	dirt := bytes.Repeat([]byte(e.name), 8)
	var all []outcome
	for _, in := range inputs {
		for i := range a.buffer {
			a.buffer[i] = byte(0x1d*i + 0x81)
		}
		_, err := a.dirty.Run(dirt)
		require.NoError(t, err)
		mem := a.buffer[in.offset : in.offset+in.length]
		if uint32(len(mem)) < p.Info().CtxSize {
			continue
		}
		res, err := p.RunBatch(context.Background(), codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}, Fuel: fuel})
		require.NoError(t, err, e.name)
		all = append(all, a.outcome(t, p, o, &res.Results[0]))
	}
	return all
}

func (a *arena) outcome(t testing.TB, p *runtime.Program, o *obj.Object, r *codegen.Result) outcome {
	out := outcome{Ret: r.Ret, Mem: fmt.Sprintf("%x", a.buffer)}
	if f := r.Fault; f != nil {
		out.Ret = 0
		if in := o.Programs[0].Insns[max(f.Insn, 0)]; in.Dst == regData || in.Src == regData {
			f.Address = 0 // each engine has its own data sections
		}
		out.Fault = fmt.Sprintf("%s at %d, %d bytes at %#x, write %v", f.Rule, f.Insn, f.Size, f.Address, f.Write)
	}
	var data strings.Builder
	for _, name := range []string{".data", ".bss", "array"} {
		if len(o.Data) == 0 {
			break
		}
		op := codegen.MapOp{Kind: codegen.MapIterate, Map: name}
		m, err := p.Map(&op)
		require.NoError(t, err)
		require.Empty(t, m.Err, name)
		for _, e := range m.Entries {
			fmt.Fprintf(&data, "%s %x\n", name, e.Value)
		}
	}
	out.Data = data.String()
	return out
}

// listing is the program for a message.
func listing(o *obj.Object) string {
	var b strings.Builder
	p := &o.Programs[0]
	fmt.Fprintf(&b, "section %s\n", p.Section)
	for i, in := range p.Insns {
		for _, f := range p.Funcs {
			if f.Slot == i {
				fmt.Fprintf(&b, "%s:\n", f.Name)
			}
		}
		if in.Op != isa.Pad {
			fmt.Fprintf(&b, "%5d: %s\n", i, in)
		}
	}
	return b.String()
}
