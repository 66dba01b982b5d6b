package sdktest

import (
	"bytes"
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
	if wrong := c.wrong(s.run(t, session, id, c)); wrong != "" {
		t.Fatalf("%s: %s\n%s", c.name, wrong, listing(c))
	}
}

// run runs a case on a copy of its memory.
func (s *suite) run(t *testing.T, session codegen.Session, id codegen.ProgID, c *testCase) codegen.Result {
	t.Helper()
	in := codegen.Batch{Inputs: []codegen.Input{{Mem: append([]byte(nil), c.mem...)}}, Fuel: c.fuel}
	out, err := session.Run(s.context(t), id, in)
	if err != nil || len(out.Results) != 1 {
		t.Fatalf("%s: %d results, error %v\n%s", c.name, len(out.Results), err, listing(c))
	}
	return out.Results[0]
}

// wrong says what is wrong with a result, "" if nothing is.
func (c *testCase) wrong(got codegen.Result) string {
	switch {
	case c.fault != nil && got.Fault == nil:
		return fmt.Sprintf("returned %#x, want a fault", got.Ret)
	case c.fault != nil:
		return c.wrongFault(got.Fault)
	case got.Fault != nil:
		return fmt.Sprintf("fault %v, want %#x", got.Fault, c.want)
	case got.Ret != c.want:
		return fmt.Sprintf("returned %#x, want %#x", got.Ret, c.want)
	case c.wantMem != nil && !bytes.Equal(got.Mem, c.wantMem):
		return fmt.Sprintf("left memory % x, want % x", got.Mem, c.wantMem)
	}
	return ""
}

func (c *testCase) wrongFault(got *codegen.Fault) string {
	want := c.fault
	if got.Rule == want.Rule && got.Insn == want.Insn && got.Size == want.Size && got.Write == want.Write &&
		(want.Address == 0 || got.Address == want.Address) {
		return ""
	}
	return fmt.Sprintf("fault %+v, want %+v", *got, *want)
}

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
