// Package fastcall tests that stores and loads around calls which leave registers alone are removed, and no others.
package fastcall

import (
	"context"
	"encoding/binary"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
)

// set is what the programs call.
func set() *abi.Set {
	args := func(list ...abi.ArgKind) (a [5]abi.ArgKind) { copy(a[:], list); return a }
	return &abi.Set{
		Name:  "fast",
		Types: []abi.ProgType{{Name: "mem", Sections: []string{"mem", "mem/*"}, Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxMemory}}},
		Helpers: []abi.Helper{
			{ID: 1, Name: "cpu", Flags: abi.FlagFastcall, Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicCPU},
			{ID: 2, Name: "cpu2", Flags: abi.FlagFastcall, Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicCPU, Args: args(abi.ArgAny, abi.ArgAny)},
			{ID: 3, Name: "plaincpu", Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicCPU},
			{ID: 4, Name: "gofast", Flags: abi.FlagFastcall, Impl: abi.ImplGo},
			{ID: 5, Name: "rand", Impl: abi.ImplGo},
			{ID: 6, Name: "read", Impl: abi.ImplGo, Args: args(abi.ArgMem, abi.ArgSize)},
			{ID: 7, Name: "fill", Impl: abi.ImplGo, Args: args(abi.ArgMemWrite, abi.ArgSize)},
			{ID: 8, Name: "any", Impl: abi.ImplGo, Args: args(abi.ArgAny)},
			{ID: 9, Name: "loop", Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicLoop,
				Args:     args(abi.ArgAny, abi.ArgFunc, abi.ArgStackOrNull, abi.ArgAny),
				Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbScalar, abi.CbCtx}, Returns: abi.Range{Max: 1}, Many: true}},
		},
	}
}

// helpers are the Go helpers of the set.
var helpers = map[string]codegen.GoHelper{
	"gofast": func(codegen.Call, uint64, uint64, uint64, uint64, uint64) uint64 { return 4 },
	"rand":   func(codegen.Call, uint64, uint64, uint64, uint64, uint64) uint64 { return 5 },
	"any":    func(codegen.Call, uint64, uint64, uint64, uint64, uint64) uint64 { return 6 },
	"read": func(c codegen.Call, at, n, _, _, _ uint64) (sum uint64) {
		for _, b := range c.Bytes(at, n, false) {
			sum = 31*sum + uint64(b)
		}
		return sum
	},
	"fill": func(c codegen.Call, at, n, _, _, _ uint64) uint64 {
		for i := range c.Bytes(at, n, true) {
			c.Bytes(at, n, true)[i] = byte(i)
		}
		return 0
	},
}

// engine is a way to run a program.
type engine struct {
	codegen.Backend
	codegen.Session
}

// open opens every engine; the first is the referee.
func open(t *testing.T) (list []engine) {
	add := func(e interface {
		codegen.Backend
		codegen.Runner
	}) {
		s, err := e.Open(context.Background(), codegen.Spec{CPUs: 1, Set: set(), Helpers: helpers})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		list = append(list, engine{e, s})
	}
	add(interp.New())
	if goruntime.GOOS == "linux" && goruntime.GOARCH == "amd64" {
		add(amd64.New())
	}
	return list
}

// source is a program as patterns have it: the text for the assembler, and the places of what is to go.
func (p *pattern) source() (text string, gone []ir.Pos) {
	gone = []ir.Pos{}
	at := ir.Pos(0)
	names := map[string]string{}
	for _, h := range set().Helpers {
		names["call "+h.Name] = "call " + string('0'+rune(h.ID))
	}
	for _, line := range strings.Split(strings.TrimSpace(p.code), "\n") {
		line = strings.TrimSpace(line)
		label, rest, labelled := strings.Cut(line, ": ")
		if !labelled {
			label, rest = "", line
		} else {
			text += label + ":\n"
		}
		if strings.HasPrefix(rest, "- ") {
			rest = rest[2:]
			gone = append(gone, at)
		}
		if call, ok := names[rest]; ok {
			rest = call
		}
		text += rest + "\n"
		if at++; strings.HasSuffix(rest, " ll") {
			at++
		}
	}
	return text, gone
}

func assemble(t *testing.T, text string) *obj.Object {
	o, err := asm.Parse("in.s", []byte(text), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err, text)
	require.Len(t, o.Programs, 1)
	o.Programs[0].Type = "mem/64"
	return o
}

// accesses are the places of loads and stores of whole slots at R10.
func accesses(p *ir.Program) (list []ir.Pos) {
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if in := &b.Insns[i]; (in.Op == ir.OpLoad || in.Op == ir.OpStore) && in.Base == ir.R10 {
					list = append(list, in.Pos)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// removed lowers the program of an object and returns the places of what the pass has removed, and the frames.
func removed(t *testing.T, o *obj.Object, policy verifier.Policy) (gone []ir.Pos, frames []int32) {
	var before []ir.Pos
	_, err := core.Lower(o, set(), core.Options{Policy: policy, Dump: func(stage string, p *ir.Program) {
		if stage != "lift" {
			require.NoError(t, ir.Check(p, ir.StageLowered), stage)
		}
		switch stage {
		case "lower":
			before = accesses(p)
		case "drop-spills":
			after := accesses(p)
			gone = slices.DeleteFunc(append([]ir.Pos{}, before...), func(at ir.Pos) bool { return slices.Contains(after, at) })
			for _, f := range p.Funcs {
				frames = append(frames, f.Frame)
			}
		}
	}})
	require.NoError(t, err)
	return gone, frames
}

// TestPatterns: of every pattern goes what is marked there, and nothing else; and it does what it did.
func TestPatterns(t *testing.T) {
	require.GreaterOrEqual(t, len(patterns), 60)
	engines := open(t)
	for i := range patterns {
		p := &patterns[i]
		t.Run(p.name, func(t *testing.T) {
			text, want := p.source()
			for _, policy := range []verifier.Policy{verifier.Strict, verifier.Guard} {
				gone, frames := removed(t, assemble(t, text), policy)
				require.Equal(t, want, gone, "%s: %s\n%s", policy, p.why, text)
				require.Equal(t, p.frame, frames[0], "frame under %s", policy)
				require.Subset(t, gone, coarse(t, assemble(t, text), policy), "what Linux removes\n%s", text)
			}
			agree(t, engines, assemble(t, text), verifier.Strict)
		})
	}
}

// agree runs a program with and without the passes on every engine.
func agree(t *testing.T, engines []engine, o *obj.Object, policy verifier.Policy) {
	var want []codegen.Result
	for _, e := range engines {
		for _, plain := range []bool{true, false} {
			got := e.run(t, o, core.Options{Policy: policy, Plain: plain})
			if want == nil {
				want = got
			}
			require.Equal(t, want, got, "%s, plain: %v", e.Target().Name, plain)
		}
	}
}

// inputs are the memories that programs run on.
func inputs() (list []codegen.Input) {
	for i := range uint64(4) {
		list = append(list, codegen.Input{Mem: binary.LittleEndian.AppendUint64(nil, i*0x0102030405060708)})
		list[i].Mem = append(list[i].Mem, make([]byte, 56)...)
	}
	return list
}

func (e *engine) run(t *testing.T, o *obj.Object, opts core.Options) []codegen.Result {
	a, err := core.Compile(context.Background(), o, set(), e.Backend, opts)
	require.NoError(t, err)
	ids, err := e.Load(context.Background(), a)
	require.NoError(t, err)
	res, err := e.Run(context.Background(), ids[0], codegen.Batch{Inputs: inputs(), Fuel: 10_000})
	require.NoError(t, err)
	for i := range res.Results {
		clear(res.Results[i].Mem[:8]) // where addresses of the run may be
	}
	return res.Results
}
