package sdktest

import (
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

func sections() []obj.Data {
	return []obj.Data{
		{Name: ".rodata", ReadOnly: true, Align: 8, Bytes: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{Name: ".data", Align: 8, Bytes: []byte{100, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0}},
		{Name: ".bss", Align: 8, Bytes: make([]byte, 16)},
	}
}

func arrays() []abi.MapSpec {
	return []abi.MapSpec{{Name: "counters", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 3}}
}

func dataRef(slot, section int, addend int64) obj.Ref {
	return obj.Ref{Slot: slot, Kind: obj.RefData, Index: section, Addend: addend}
}

// increment adds 1 to the 8 bytes that ref names and returns them.
func increment(ref obj.Ref) testCase {
	ref.Slot = 0
	return testCase{name: "increment", refs: []obj.Ref{ref}, insns: []isa.Insn{
		isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 8), isa.Add.Imm(isa.R0, 1), isa.StoreMem(isa.R1, 0, isa.R0, 8), isa.Return(),
	}}
}

func testData(t *testing.T, s *suite) {
	t.Run("Sections", func(t *testing.T) { s.checkWith(t, dataCases(), sections(), arrays()) })
	t.Run("Persist", s.testPersist)
	t.Run("Operations", s.testMapOps)
	t.Run("Private", s.testPrivateData)
}

func dataCases() []testCase {
	return []testCase{
		{name: "read-only section", want: 0x0807060504030201, refs: []obj.Ref{dataRef(0, 0, 0)}, insns: []isa.Insn{
			isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 8), isa.Return(),
		}},
		{name: "addend", want: 0x0c0b0a09, refs: []obj.Ref{dataRef(0, 0, 8)}, insns: []isa.Insn{
			isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 4), isa.Return(),
		}},
		{name: "initial data", want: 200, refs: []obj.Ref{dataRef(0, 1, 8)}, insns: []isa.Insn{
			isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 8), isa.Return(),
		}},
		{name: "zeroed data", want: 0, refs: []obj.Ref{dataRef(0, 2, 8)}, insns: []isa.Insn{
			isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 8), isa.Return(),
		}},
		{name: "variable index", want: 6, mem: []byte{5}, refs: []obj.Ref{dataRef(1, 0, 0)}, insns: []isa.Insn{
			isa.LoadMem(isa.R2, isa.R1, 0, 1), isa.LoadImm64(isa.R1, 0), isa.Add.Reg(isa.R1, isa.R2), isa.LoadMem(isa.R0, isa.R1, 0, 1), isa.Return(),
		}},
		{
			name: "write to a read-only section", refs: []obj.Ref{dataRef(0, 0, 0)},
			fault: &codegen.Fault{Rule: memoryRule, Insn: 2, Size: 4, Write: true},
			insns: []isa.Insn{isa.LoadImm64(isa.R1, 0), isa.StoreImm(isa.R1, 0, 1, 4), isa.Mov.Imm(isa.R0, 0), isa.Return()},
		},
		{
			name: "past the end of a section", refs: []obj.Ref{dataRef(0, 0, 9)},
			fault: &codegen.Fault{Rule: memoryRule, Insn: 2, Size: 4},
			insns: []isa.Insn{isa.LoadImm64(isa.R1, 0), isa.LoadMem(isa.R0, isa.R1, 0, 4), isa.Return()},
		},
	}
}

// testPersist counts in .data, .bss and an array over several runs.
func (s *suite) testPersist(t *testing.T) {
	cases := []testCase{increment(dataRef(0, 1, 0)), increment(dataRef(0, 2, 8)), increment(obj.Ref{Kind: obj.RefMapValue, Addend: 8})}
	session := s.session(t)
	ids := s.load(t, session, object(cases, sections(), arrays()))
	for run := range uint64(3) {
		for i, start := range []uint64{100, 0, 0} {
			require.Equal(t, start+run+1, s.run(t, session, ids[i], &cases[i]).Ret, "case %d", i)
		}
	}
}

func word(v byte) []byte { return []byte{v, 0, 0, 0, 0, 0, 0, 0} }

func key(v byte) []byte { return []byte{v, 0, 0, 0} }

// testMapOps reads and writes sections and arrays through the session.
func (s *suite) testMapOps(t *testing.T) {
	count := increment(obj.Ref{Kind: obj.RefMapValue, Addend: 8})
	session := s.session(t)
	id := s.load(t, session, object([]testCase{count}, sections(), arrays()))[0]
	do := func(op codegen.MapOp) codegen.MapResult {
		op.Prog = id
		r, err := session.Maps(s.context(t), []codegen.MapOp{op})
		require.NoError(t, err)
		require.Len(t, r, 1)
		return r[0]
	}
	require.Empty(t, do(codegen.MapOp{Kind: codegen.MapPut, Map: "counters", Key: key(1), Value: word(41)}).Err)
	require.Equal(t, uint64(42), s.run(t, session, id, &count).Ret)
	got := do(codegen.MapOp{Kind: codegen.MapGet, Map: "counters", Key: key(1)})
	require.Empty(t, got.Err)
	require.Equal(t, word(42), got.Entries[0].Value)

	all := do(codegen.MapOp{Kind: codegen.MapIterate, Map: "counters"})
	require.Len(t, all.Entries, 3)
	require.Equal(t, key(1), all.Entries[1].Key)
	require.Equal(t, word(42), all.Entries[1].Value)

	data := do(codegen.MapOp{Kind: codegen.MapGet, Map: ".data", Key: key(0)})
	require.Empty(t, data.Err)
	require.Equal(t, sections()[1].Bytes, data.Entries[0].Value)

	require.Equal(t, "ENOENT", do(codegen.MapOp{Kind: codegen.MapGet, Map: "counters", Key: key(3)}).Err, "index 3 of 3")
	require.Equal(t, "EINVAL", do(codegen.MapOp{Kind: codegen.MapDelete, Map: "counters", Key: key(0)}).Err, "elements of an array stay")
	require.NotEmpty(t, do(codegen.MapOp{Kind: codegen.MapPut, Map: "counters", Key: key(0), Value: []byte{1}}).Err, "a value of the wrong size")
	require.NotEmpty(t, do(codegen.MapOp{Kind: codegen.MapPut, Map: ".rodata", Key: key(0), Value: make([]byte, 12)}).Err, "read-only data")
	s.checkList(t, do(codegen.MapOp{Kind: codegen.MapList}))
}

func (s *suite) checkList(t *testing.T, r codegen.MapResult) {
	t.Helper()
	require.Empty(t, r.Err)
	var names []string
	for _, e := range r.Entries {
		names = append(names, e.Map.Name)
	}
	require.ElementsMatch(t, []string{"counters", ".rodata", ".data", ".bss"}, names)
}

// testPrivateData loads one artifact twice: the copies do not share data.
func (s *suite) testPrivateData(t *testing.T) {
	count := increment(dataRef(0, 1, 0))
	session := s.session(t)
	a := s.compile(t, object([]testCase{count}, sections(), nil))
	first, err := session.Load(s.context(t), a)
	require.NoError(t, err)
	second, err := session.Load(s.context(t), a)
	require.NoError(t, err)
	require.Equal(t, uint64(101), s.run(t, session, first[0], &count).Ret)
	require.Equal(t, uint64(102), s.run(t, session, first[0], &count).Ret)
	require.Equal(t, uint64(101), s.run(t, session, second[0], &count).Ret)
}
