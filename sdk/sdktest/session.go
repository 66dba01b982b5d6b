package sdktest

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

// first returns the first byte of memory and replaces it by 7.
func first() testCase {
	return testCase{insns: []isa.Insn{
		isa.LoadMem(isa.R0, isa.R1, 0, 1), isa.StoreImm(isa.R1, 0, 7, 1), isa.Return(),
	}}
}

func testSessions(t *testing.T, s *suite) {
	t.Run("Batch", s.testBatch)
	t.Run("Repeat", s.testRepeat)
	t.Run("Unload", s.testUnload)
	t.Run("Close", s.testClose)
	t.Run("Damaged", s.testDamaged)
}

func (s *suite) testBatch(t *testing.T) {
	session := s.session(t)
	id := s.load(t, session, object([]testCase{first()}, nil, nil))[0]
	var in codegen.Batch
	for i := range 100 {
		in.Inputs = append(in.Inputs, codegen.Input{Mem: []byte{byte(i), 1}})
	}
	out, err := session.Run(s.context(t), id, in)
	require.NoError(t, err)
	require.Equal(t, 100, out.Runs)
	require.Len(t, out.Results, 100)
	for i, r := range out.Results {
		require.Nil(t, r.Fault)
		require.Equal(t, uint64(i), r.Ret)
		require.Equal(t, []byte{7, 1}, r.Mem)
	}
}

// testRepeat: each input runs several times on the memory that the run before left.
func (s *suite) testRepeat(t *testing.T) {
	session := s.session(t)
	id := s.load(t, session, object([]testCase{first()}, nil, nil))[0]
	out, err := session.Run(s.context(t), id, codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{1}}}, Repeat: 5})
	require.NoError(t, err)
	require.Equal(t, 5, out.Runs)
	require.Len(t, out.Results, 1)
	require.Equal(t, uint64(7), out.Results[0].Ret)
	require.Positive(t, out.Elapsed)
}

func (s *suite) testUnload(t *testing.T) {
	session := s.session(t)
	c := first()
	c.mem = []byte{3}
	ids := s.load(t, session, object([]testCase{c, c}, nil, nil))
	require.NoError(t, session.Unload(s.context(t), ids[0]))
	_, err := session.Run(s.context(t), ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{1}}}})
	require.Error(t, err, "an unloaded program runs")
	require.Equal(t, uint64(3), s.run(t, session, ids[1], &c).Ret, "its neighbour still runs")
	require.Error(t, session.Unload(s.context(t), ids[0]), "a program is unloaded twice")
	_, err = session.Run(s.context(t), ids[1]+1000, codegen.Batch{Inputs: []codegen.Input{{}}})
	require.Error(t, err, "a program that was never loaded runs")
}

func (s *suite) testClose(t *testing.T) {
	session := s.session(t)
	id := s.load(t, session, object([]testCase{first()}, nil, nil))[0]
	require.NoError(t, session.Close())
	_, err := session.Run(s.context(t), id, codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{1}}}})
	require.Error(t, err, "a closed session runs a program")
}

// testDamaged: an artifact that was changed after it was made is refused.
func (s *suite) testDamaged(t *testing.T) {
	a := *s.compile(t, object([]testCase{first()}, nil, nil))
	require.NotEmpty(t, a.Code)
	a.Code = append([]byte(nil), a.Code...)
	a.Code[len(a.Code)/2] ^= 0x10
	_, err := s.session(t).Load(s.context(t), &a)
	require.Error(t, err)
}

// testDeterminism: what is compiled twice, or by several goroutines at once, is the same.
func testDeterminism(t *testing.T, s *suite) {
	cases := append(functions(), shapes()...)
	o := object(append(cases, dataCases()...), sections(), arrays())
	want := s.compile(t, o)
	require.NoError(t, want.CheckDigest())
	require.Equal(t, s.backend.Target().Name, want.Target)
	require.Len(t, want.Entries, len(o.Programs))
	got := make([]*codegen.Artifact, 4)
	errs := make([]error, len(got))
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() { got[i], errs[i] = core.Compile(s.context(t), o, testSet(), s.backend, s.options()) })
	}
	wait.Wait()
	for i := range got {
		require.NoError(t, errs[i])
		require.NoError(t, got[i].CheckDigest())
		require.Equal(t, want.Digest, got[i].Digest)
	}
}

// testConcurrency adds atomically to shared data from many goroutines.
func testConcurrency(t *testing.T, s *suite) {
	const goroutines, runs, turns = 8, 25, 100
	add := testCase{insns: []isa.Insn{
		isa.LoadImm64(isa.R1, 0), isa.Mov.Imm(isa.R2, 1), isa.Mov.Imm(isa.R6, turns),
		isa.AtomicAdd.Mem(isa.R1, 0, isa.R2, 8), isa.Sub.Imm(isa.R6, 1), isa.NE.Imm(isa.R6, 0, -3),
		isa.Mov.Imm(isa.R0, 0), isa.Return(),
	}}
	add.refs = append(add.refs, dataRef(0, 2, 8))
	session := s.session(t)
	id := s.load(t, session, object([]testCase{add}, sections(), nil))[0]
	ctx, errs := s.context(t), make([]error, goroutines)
	var wait sync.WaitGroup
	for g := range goroutines {
		wait.Go(func() {
			for r := 0; r < runs && errs[g] == nil; r++ {
				_, errs[g] = session.Run(ctx, id, codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{1, 2}}}})
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	got, err := session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapGet, Prog: id, Map: ".bss", Key: key(0)}})
	require.NoError(t, err)
	require.Equal(t, uint64(goroutines*runs*turns), binary.LittleEndian.Uint64(got[0].Entries[0].Value[8:]))
}
