package sdktest

import (
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/stretchr/testify/require"
)

// identity is the number of the suite's one helper, which returns its argument.
const identity = 77

// testSet is what the suite's programs rely on.
func testSet() *abi.Set {
	body, err := isa.Encode(isa.Prog(isa.Mov64Reg(isa.R0, isa.R1), isa.Return()))
	if err != nil {
		panic("sdktest: the body of identity does not encode: " + err.Error())
	}
	return &abi.Set{
		Name: "sdktest",
		Types: []abi.ProgType{{
			Name: "mem", Sections: []string{"mem", "mem/*"}, Helpers: []string{"*"},
			Context: abi.Context{Kind: abi.CtxMemory, Name: "memory"},
		}},
		Helpers: []abi.Helper{{
			ID: identity, Name: "identity", Args: [5]abi.ArgKind{abi.ArgAny}, Impl: abi.ImplBody, Body: body,
		}},
	}
}

// testCase is a program and what one run of it must give.
type testCase struct {
	name    string
	insns   []isa.Insn
	refs    []obj.Ref
	mem     []byte
	want    uint64
	wantMem []byte         // nil: not looked at
	fault   *codegen.Fault // nil: none; Program and Source are not looked at
	fuel    int64
}

// object makes an object with one program for each case, called case0, case1, ….
func object(cases []testCase, data []obj.Data, maps []abi.MapSpec) *obj.Object {
	o := &obj.Object{Name: "suite", License: "Apache-2.0", Data: data, Maps: maps}
	for i, c := range cases {
		o.Programs = append(o.Programs, obj.Program{
			Name: fmt.Sprintf("case%d", i), Section: "mem", Insns: isa.Prog(c.insns...), Refs: c.refs,
		})
	}
	return o
}

func (s *suite) options() core.Options {
	return core.Options{Policy: verifier.Guard, Opt: s.level, CPU: s.cpu}
}

func (s *suite) compile(t *testing.T, o *obj.Object) *codegen.Artifact {
	t.Helper()
	a, err := core.Compile(s.context(t), o, testSet(), s.backend, s.options())
	require.NoError(t, err)
	return a
}

// load compiles an object and loads it; there is one ID for each program.
func (s *suite) load(t *testing.T, session codegen.Session, o *obj.Object) []codegen.ProgID {
	t.Helper()
	ids, err := session.Load(s.context(t), s.compile(t, o))
	require.NoError(t, err)
	require.Len(t, ids, len(o.Programs))
	return ids
}

// check compiles the cases as one object and runs each.
func (s *suite) check(t *testing.T, cases []testCase) {
	t.Helper()
	s.checkWith(t, cases, nil, nil)
}

func (s *suite) checkWith(t *testing.T, cases []testCase, data []obj.Data, maps []abi.MapSpec) {
	t.Helper()
	session := s.session(t)
	ids := s.load(t, session, object(cases, data, maps))
	for i := range cases {
		s.checkRun(t, session, ids[i], &cases[i])
	}
}

func (s *suite) checkRun(t *testing.T, session codegen.Session, id codegen.ProgID, c *testCase) {
	t.Helper()
	got := s.run(t, session, id, c)
	if c.fault != nil {
		checkFault(t, c, got.Fault)
		return
	}
	require.Nil(t, got.Fault, "%s\n%s", c.name, listing(c))
	require.Equal(t, hex64(c.want), hex64(got.Ret), "%s\n%s", c.name, listing(c))
	if c.wantMem != nil {
		require.Equal(t, c.wantMem, got.Mem, "%s: memory\n%s", c.name, listing(c))
	}
}

// run runs a case on a copy of its memory.
func (s *suite) run(t *testing.T, session codegen.Session, id codegen.ProgID, c *testCase) codegen.Result {
	t.Helper()
	in := codegen.Batch{Inputs: []codegen.Input{{Mem: append([]byte(nil), c.mem...)}}, Fuel: c.fuel}
	out, err := session.Run(s.context(t), id, in)
	require.NoError(t, err, "%s\n%s", c.name, listing(c))
	require.Len(t, out.Results, 1, c.name)
	return out.Results[0]
}

func checkFault(t *testing.T, c *testCase, got *codegen.Fault) {
	t.Helper()
	require.NotNil(t, got, "%s: no fault\n%s", c.name, listing(c))
	require.Equal(t, c.fault.Rule, got.Rule, "%s: %v\n%s", c.name, got, listing(c))
	require.Equal(t, c.fault.Insn, got.Insn, "%s: %v\n%s", c.name, got, listing(c))
	require.Equal(t, c.fault.Size, got.Size, "%s: %v\n%s", c.name, got, listing(c))
	require.Equal(t, c.fault.Write, got.Write, "%s: %v\n%s", c.name, got, listing(c))
	if c.fault.Address != 0 {
		require.Equal(t, hex64(c.fault.Address), hex64(got.Address), "%s: %v\n%s", c.name, got, listing(c))
	}
}

func hex64(v uint64) string { return fmt.Sprintf("%#x", v) }

// listing is the program of a case, for messages.
func listing(c *testCase) string {
	var text string
	for i, in := range isa.Prog(c.insns...) {
		if in.Op != isa.Pad {
			text += fmt.Sprintf("%4d: %s\n", i, in)
		}
	}
	return text
}
