package filetests

import (
	"context"
	"encoding/hex"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/opt"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
)

// set is what the tests' programs rely on: type mem, and helpers of every way to run.
func set(t *testing.T) *abi.Set {
	body, err := isa.Encode(isa.Prog(isa.Mov.Reg(isa.R0, isa.R1), isa.Add.Imm(isa.R0, 1), isa.Return()))
	require.NoError(t, err)
	return &abi.Set{
		Name:     "filetests",
		MapKinds: []abi.MapKind{{Name: "prog_array", Type: abi.MapTypeProgArray, Helpers: []string{"filetests/tail"}}},
		Types:    []abi.ProgType{{Name: "mem", Sections: []string{"mem", "mem/*"}, Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxMemory}}},
		Helpers: []abi.Helper{
			{ID: 1, Name: "filetests/increment", Args: [5]abi.ArgKind{abi.ArgAny}, Impl: abi.ImplBody, Body: body},
			{ID: 2, Name: "filetests/two", Args: [5]abi.ArgKind{abi.ArgAny, abi.ArgAny}, Impl: abi.ImplGo},
			{ID: 3, Name: "filetests/nothing", Ret: abi.RetVoid, Impl: abi.ImplGo},
			{ID: 4, Name: "filetests/read", Args: [5]abi.ArgKind{abi.ArgMem, abi.ArgSize}, Impl: abi.ImplGo},
			{ID: 5, Name: "filetests/declared", Impl: abi.ImplNone},
			{ID: 6, Name: "filetests/cpu", Flags: abi.FlagFastcall, Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicCPU},
			{ID: 12, Name: "filetests/tail", Args: [5]abi.ArgKind{abi.ArgAny, abi.ArgConstMap, abi.ArgAny}, Ret: abi.RetVoid, Flags: abi.FlagTailCall, Impl: abi.ImplIntrinsic, Intrinsic: abi.IntrinsicTailCall},
		},
	}
}

// object assembles in.s.
func object(t *testing.T, in *input) *obj.Object {
	o, err := asm.Parse("in.s", []byte(in.files["in.s"]), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err)
	require.Len(t, o.Programs, 1)
	o.Programs[0].Type = in.programType()
	return o
}

// lifted is the program of in.s, or of in.ir, as the verifier gets it.
func lifted(t *testing.T, in *input) *ir.Program {
	if text, ok := in.files["in.ir"]; ok {
		p, err := ir.Parse("in.ir", text)
		require.NoError(t, err)
		p.Type = in.programType()
		require.NoError(t, ir.Check(p, ir.StageLifted))
		return p
	}
	o := object(t, in)
	typ, ok := set(t).Type(in.programType())
	require.True(t, ok)
	l := ir.NewLifter(o, set(t))
	p, err := l.Lift(&o.Programs[0], typ)
	require.NoError(t, err)
	p.Helpers = l.Helpers()
	return p
}

func file(name, text string) txtar.File { return txtar.File{Name: name, Data: []byte(text)} }

func testLift(t *testing.T, in *input) []txtar.File {
	o := object(t, in)
	typ, ok := set(t).Type(in.programType())
	require.True(t, ok)
	p, err := ir.NewLifter(o, set(t)).Lift(&o.Programs[0], typ)
	if err != nil {
		var e *ir.LiftError
		require.ErrorAs(t, err, &e)
		return []txtar.File{file("want", fmt.Sprintf("%s: %v\n", e.Code, err))}
	}
	require.NoError(t, ir.Check(p, ir.StageLifted))
	return []txtar.File{file("want", functions(p))}
}

// functions is the text form of p's functions, without tables and source lines.
func functions(p *ir.Program) string {
	text := ir.String(p)
	return text[strings.Index(text, "func@0"):]
}

func testVerify(t *testing.T, in *input) []txtar.File {
	policy := verifier.Guard
	if in.flag("strict") {
		policy = verifier.Strict
	}
	v, err := verifier.Verify(lifted(t, in), set(t), policy)
	if err != nil {
		var e *verifier.Error
		require.ErrorAs(t, err, &e)
		return []txtar.File{file("want", fmt.Sprintf("%s %v\n", e.Verdict, e))}
	}
	return []txtar.File{file("want", facts(v))}
}

// facts prints what is known of a verified program: of functions, memory accesses and calls.
func facts(v *verifier.Verified) string {
	var b strings.Builder
	fmt.Fprintf(&b, "accept, stack exposed: %v\n", v.Exposed())
	for i, f := range v.Program().Funcs {
		facts := v.Func(i)
		fmt.Fprintf(&b, "func@%d frame %d%s\n", i, facts.Frame, traits(facts))
		for j, block := range f.Blocks {
			if facts.LoopHeads[j] {
				fmt.Fprintf(&b, "b%d: loop\n", j)
			}
			for k := range block.Insns {
				in := &block.Insns[k]
				if e := in.Op.Info().Effects; e&(ir.UseMem|ir.CallsOut) != 0 {
					fmt.Fprintf(&b, "  %-40s ; %s\n", in.String(), insnFacts(&facts.Insns[int(facts.Start[j])+k], e))
				}
			}
		}
	}
	return b.String()
}

func traits(f *verifier.FuncFacts) string {
	s := ""
	if f.ZeroFrame {
		s += ", zero frame"
	}
	if f.ZeroEntry != 0 {
		s += ", zero" + registers(f.ZeroEntry)
	}
	if f.AddressTaken {
		s += ", address taken"
	}
	return s
}

func registers(set ir.RegSet) (s string) {
	for r := ir.R0; r <= ir.T2; r++ {
		if set.Has(r) {
			s += " " + r.String()
		}
	}
	return s
}

func insnFacts(f *verifier.InsnFact, e ir.Effects) string {
	if e&ir.CallsOut != 0 {
		return "zero" + registers(f.ZeroAfter)
	}
	s := fmt.Sprintf("region %d", f.Region)
	if f.Proved {
		s += ", proved"
	}
	if f.Aligned {
		s += ", aligned"
	}
	return s
}

func testOpt(t *testing.T, in *input) []txtar.File {
	policy := verifier.Guard
	if in.flag("strict") {
		policy = verifier.Strict
	}
	require.NotEmpty(t, in.args, "test opt [strict] PASS")
	pass := in.args[0]
	in.args = in.args[1:]
	p := lifted(t, in)
	v, err := verifier.Verify(p, set(t), policy)
	require.NoError(t, err)
	before, after, found := functions(p), "", false
	o := &obj.Object{Name: "in", Maps: p.Maps, Data: p.Data}
	_, err = opt.Run(o, []*verifier.Verified{v}, p.Helpers, opt.Options{Dump: func(stage string, p *ir.Program) {
		require.NoError(t, ir.Check(p, ir.StageLowered), "after %s", stage)
		switch {
		case stage == pass:
			after, found = functions(p), true
		case !found:
			before = functions(p)
		}
	}})
	require.NoError(t, err)
	require.True(t, found, "no pass is called %q", pass)
	return []txtar.File{file("before", before), file("after", after)}
}

// unit lowers the program of in.
func unit(t *testing.T, in *input) *codegen.Unit {
	p := lifted(t, in)
	v, err := verifier.Verify(p, set(t), verifier.Guard)
	require.NoError(t, err)
	u, err := opt.Run(&obj.Object{Name: "in", Maps: p.Maps, Data: p.Data}, []*verifier.Verified{v}, p.Helpers, opt.Options{})
	require.NoError(t, err)
	return u
}

func testCompile(t *testing.T, in *input) []txtar.File {
	a, err := amd64.New().Compile(context.Background(), unit(t, in), codegen.Options{})
	require.NoError(t, err)
	var b strings.Builder
	for _, s := range a.Symbols {
		fmt.Fprintf(&b, "%s:\n", s.Name)
		for at := s.Offset; at < s.Offset+s.Size; {
			i, err := x86asm.Decode(a.Code[at:], 64)
			require.NoError(t, err)
			fmt.Fprintf(&b, "%6x  %s\n", at, x86asm.IntelSyntax(i, uint64(at), nil))
			at += uint32(i.Len)
		}
	}
	return []txtar.File{file("want", b.String())}
}

// testRun runs the program on every engine; they must agree.
func testRun(t *testing.T, in *input) []txtar.File {
	engines := []interface {
		codegen.Backend
		codegen.Runner
	}{interp.New()}
	if goruntime.GOOS == "linux" && goruntime.GOARCH == "amd64" {
		engines = append(engines, amd64.New())
	}
	var want string
	for _, e := range engines {
		for _, plain := range []bool{true, false} {
			a, err := core.Compile(context.Background(), object(t, in), set(t), e, core.Options{Policy: verifier.Guard, Plain: plain})
			require.NoError(t, err)
			got := run(t, e, a, in)
			if want == "" {
				want = got
			}
			require.Equal(t, want, got, "%s, plain: %v", e.Target().Name, plain)
		}
	}
	return []txtar.File{file("want", want)}
}

// fuel is the budget of a run in loop turns: enough for all may_gotos of a frame, twice.
const fuel = 16 << 20

func run(t *testing.T, r codegen.Runner, a *codegen.Artifact, in *input) string {
	ctx := context.Background()
	helpers := map[string]codegen.GoHelper{
		"filetests/two":     func(_ codegen.Call, r1, r2, _, _, _ uint64) uint64 { return r1<<8 | r2 },
		"filetests/nothing": func(_ codegen.Call, _, _, _, _, _ uint64) uint64 { return 99 },
	}
	s, err := r.Open(ctx, codegen.Spec{CPUs: 1, Set: set(t), Helpers: helpers})
	require.NoError(t, err)
	defer s.Close()
	ids, err := s.Load(ctx, a)
	require.NoError(t, err)
	mem, err := hex.DecodeString(strings.Join(strings.Fields(in.files["mem"]), ""))
	require.NoError(t, err)
	res, err := s.Run(ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}, Fuel: fuel})
	require.NoError(t, err)
	x := res.Results[0]
	if f := x.Fault; f != nil {
		return fmt.Sprintf("fault: rule %s, insn %d, size %d, write %v\n", f.Rule, f.Insn, f.Size, f.Write)
	}
	text := fmt.Sprintf("%#x\n", x.Ret)
	if len(mem) > 0 {
		text += fmt.Sprintf("memory %x\n", x.Mem)
	}
	return text
}
