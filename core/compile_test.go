package core_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

// testSet has the types mem and fields, and a helper.
func testSet() *abi.Set {
	return &abi.Set{
		Name: "test",
		Types: []abi.ProgType{
			{Name: "mem", Sections: []string{"mem", "mem/*"}, Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxMemory}},
			{Name: "fields", Sections: []string{"fields"}, Context: abi.Context{Kind: abi.CtxStruct, Size: 4}},
		},
		Helpers: []abi.Helper{{ID: 1, Name: "test/help", Impl: abi.ImplGo}, {ID: 2, Name: "test/other", Impl: abi.ImplGo}},
	}
}

// object has a good program that loads, one that is off and one that breaks a rule at slot 1.
func object() *obj.Object {
	load := isa.Prog(isa.LoadMem(isa.R0, isa.R1, 8, 8), isa.Return())
	return &obj.Object{Name: "x.o", Programs: []obj.Program{
		{Name: "good", Section: "mem/8", Insns: load, Lines: []obj.Line{{Slot: 0, File: "x.c", Line: 3}}},
		{Name: "sleeping", Section: "mem", Off: true, Insns: isa.Prog(isa.Mov.Imm(isa.R0, 0), isa.EQ.Imm(isa.R2, 1, -1), isa.Return())},
		{Name: "bad", Section: "mem", Insns: isa.Prog(isa.Mov.Imm(isa.R0, 0), isa.Mov.Imm(isa.R10, 0), isa.Return()), Lines: []obj.Line{{Slot: 1, File: "x.c", Line: 9, Text: "oops();"}}},
	}}
}

func guard(programs ...string) core.Options {
	return core.Options{Policy: verifier.Guard, Programs: programs}
}

func TestVerifyReports(t *testing.T) {
	reports, err := core.Verify(object(), testSet(), guard())
	require.NoError(t, err)
	require.Len(t, reports, 2, "what is off is left out")
	good, bad := reports[0], reports[1]
	require.Nil(t, good.Err)
	require.Equal(t, []any{"good", "mem/8", "mem/8", 2, 1, 0}, []any{good.Name, good.Section, good.Type, good.Insns, good.Guards, good.Polls})
	require.Equal(t, verifier.CodeFramePointer, bad.Err.Code)
	require.Equal(t, `x.o: program "bad", insn 1 (x.c:9): R10 is the frame pointer and read-only [BV012]`, bad.Err.Error())

	reports, err = core.Verify(object(), testSet(), guard("sleeping"))
	require.NoError(t, err)
	require.Equal(t, 1, reports[0].Polls, "its loop")
}

func TestNames(t *testing.T) {
	_, err := core.Lower(object(), testSet(), guard("goof"))
	var name *core.NameError
	require.ErrorAs(t, err, &name)
	require.EqualError(t, err, `x.o: no program "goof"; it has good, sleeping, bad`)
	_, err = core.Verify(&obj.Object{Name: "empty.o"}, testSet(), guard())
	require.EqualError(t, err, "empty.o: contains no program")
	u, err := core.Lower(object(), testSet(), guard("sleeping", "good"))
	require.NoError(t, err)
	require.Equal(t, []string{"good", "sleeping"}, []string{u.Entries[0].Name, u.Entries[1].Name}, "in the object's order")
}

func TestTypes(t *testing.T) {
	for _, tt := range []struct {
		section, own, asked string
		want                string // type
		code                verifier.Code
	}{
		{"mem/8", "", "", "mem/8", ""},
		{"mem/8", "mem/4", "", "mem/4", ""},
		{"mem/8", "mem/4", "mem", "mem", ""},
		{"", "", "mem/2", "mem/2", ""},
		{"", "", "", "", verifier.CodeType},
		{"xdp", "", "", "", verifier.CodeType},
		{"mem", "", "xdp", "", verifier.CodeType},
		{"mem/08", "", "", "", verifier.CodeType},
	} {
		o := &obj.Object{Name: "x.o", Programs: []obj.Program{{Name: "p", Section: tt.section, Type: tt.own, Insns: isa.Prog(isa.Mov.Imm(isa.R0, 0), isa.Return())}}}
		opts := guard()
		opts.Type = tt.asked
		u, err := core.Lower(o, testSet(), opts)
		if tt.code == "" {
			require.NoError(t, err)
			require.Equal(t, tt.want, u.Entries[0].Type)
			continue
		}
		var e *verifier.Error
		require.ErrorAs(t, err, &e, "%+v", tt)
		require.Equal(t, tt.code, e.Code)
		require.Equal(t, verifier.Unsupported, e.Verdict)
		require.Equal(t, "x.o", e.File)
	}
}

// The unit says what a host must know and what the artifact relies on: types and helpers that are used.
func TestUnit(t *testing.T) {
	o := &obj.Object{Name: "x.o", Data: []obj.Data{{Name: ".data", Bytes: []byte{1}}}, Programs: []obj.Program{
		{Name: "a", Section: "mem/8", Insns: isa.Prog(isa.StoreImm(isa.R10, -24, 0, 8), isa.CallHelper(2), isa.Return())},
		{Name: "b", Section: "mem/8", Insns: isa.Prog(isa.Mov.Reg(isa.R0, isa.R10), isa.StoreImm(isa.R10, -16, 0, 8), isa.Return())},
	}}
	u, err := core.Lower(o, testSet(), guard())
	require.NoError(t, err)
	require.Equal(t, []abi.Helper{testSet().Helpers[1]}, u.Helpers)
	var items []string
	for _, i := range u.Items {
		items = append(items, i.Kind+" "+i.Name)
		require.NotZero(t, i.Digest)
	}
	require.Equal(t, []string{"type mem/8", "helper test/other"}, items)
	a, b := u.Entries[0], u.Entries[1]
	require.Equal(t, []any{uint32(24), uint32(0), uint32(8), 3, abi.CtxMemory}, []any{a.StackSize, a.StackRegion, a.CtxSize, a.Insns, a.Context})
	require.Equal(t, []any{uint32(16), uint32(16)}, []any{b.StackSize, b.StackRegion}, "the address of b's stack is its result")
	require.Equal(t, o.Data, u.Data)
	for _, p := range u.Programs {
		require.NoError(t, ir.Check(p, ir.StageLowered))
	}
}

func TestDumpSeesEveryStage(t *testing.T) {
	var stages []string
	opts := guard("good")
	opts.Dump = func(stage string, p *ir.Program) {
		stages = append(stages, stage)
		require.Equal(t, "good", p.Name)
	}
	_, err := core.Lower(object(), testSet(), opts)
	require.NoError(t, err)
	require.Equal(t, []string{"lift", "lower", "drop-spills", "inline", "fold-shifts", "fold-addresses", "drop-guards", "dead-code", "thread-jumps", "search-chains", "frames"}, stages)
}

// recorder is a back end that keeps what it is given.
type recorder struct {
	unit *codegen.Unit
	opts codegen.Options
}

func (*recorder) Target() codegen.Target { return codegen.Target{Name: "recorder"} }

func (r *recorder) Compile(_ context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	r.unit, r.opts = u, o
	return &codegen.Artifact{Name: u.Name}, nil
}

func TestCompileCallsTheBackEndOnce(t *testing.T) {
	r := &recorder{}
	a, err := core.Compile(context.Background(), object(), testSet(), r, core.Options{Policy: verifier.Guard, CPU: "v9", Object: true, Programs: []string{"good"}})
	require.NoError(t, err)
	require.Equal(t, "x.o", a.Name)
	require.Equal(t, codegen.Options{CPU: "v9", Object: true}, r.opts)
	require.Len(t, r.unit.Programs, 1)
}

// A program that is refused never reaches the back end, nor one whose level is not there.
func TestCompileRefuses(t *testing.T) {
	r := &recorder{}
	_, err := core.Compile(context.Background(), object(), testSet(), r, guard())
	var e *verifier.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "bad", e.Program)
	o := object()
	o.Programs[0].Type = "mem/4"
	_, err = core.Compile(context.Background(), o, testSet(), r, core.Options{Programs: []string{"good"}})
	require.ErrorAs(t, err, &e)
	require.Equal(t, verifier.CodePacket, e.Code, "the zero options are strict")
	opts := guard("good")
	opts.Opt = 1
	_, err = core.Compile(context.Background(), object(), testSet(), r, opts)
	var unsupported *codegen.UnsupportedError
	require.True(t, errors.As(err, &unsupported))
	require.Nil(t, r.unit)
}
