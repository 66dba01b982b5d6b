package ir

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBinaryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genProgram().Draw(t, "program")
		b := Marshal(p)
		back, err := Unmarshal(b)
		require.NoError(t, err)
		require.Equal(t, p, back)
		require.Equal(t, b, Marshal(back))
	})
}

func TestBinarySharesTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := genProgram().Draw(t, "p"), genProgram().Draw(t, "q")
		p.Data[0].Bytes = make([]byte, 1000)
		shared := *p
		shared.Name = "shared"
		b := MarshalAll([]*Program{p, &shared, q})
		require.Less(t, len(b), len(Marshal(p))+len(Marshal(&shared))+len(Marshal(q))-999)
		back, err := UnmarshalAll(b)
		require.NoError(t, err)
		require.Equal(t, []*Program{p, &shared, q}, back)
		require.Same(t, &back[0].Maps[0], &back[1].Maps[0])
		require.Same(t, &back[0].Helpers[0], &back[1].Helpers[0])
		require.NotSame(t, &back[0].Data[0], &back[2].Data[0])
	})
}

func TestBinaryOwnsItsMemory(t *testing.T) {
	p, err := Parse("sample.ir", sample)
	require.NoError(t, err)
	b := Marshal(p)
	back, err := Unmarshal(b)
	require.NoError(t, err)
	clear(b)
	require.Equal(t, p, back)
}

func TestBinaryErrors(t *testing.T) {
	p, err := Parse("sample.ir", sample)
	require.NoError(t, err)
	good := Marshal(p)
	for n := range good {
		_, err := Unmarshal(good[:n])
		var e *DecodeError
		require.ErrorAs(t, err, &e, "%d of %d bytes", n, len(good))
	}
	head := "BPIR\x03"
	for _, tt := range []struct{ bytes, want string }{
		{"ELF", "binary IR, byte 0: these bytes are no binary IR"},
		{"BPIR\x01", "binary IR, byte 4: version 1: this program reads version 3; use a bpfc and plugins of one release"},
		{string(good) + "x", "bytes follow the last program"},
		{head + "\x00\x00\x00\x00", "0 programs, where one is wanted"},
		{head + "\xff\xff\xff\xff\x07", "a list of 2147483647 elements is longer than the bytes left"},
		{head + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "the bytes end within a number, or it has more than 64 bits"},
		{head + "\x01\x01\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "string number: 9 is more than 0"},
	} {
		_, err := Unmarshal([]byte(tt.bytes))
		require.ErrorContains(t, err, tt.want)
	}
}

// Hostile bytes never panic, and what is accepted is read back as it is written.
func TestBinaryMutated(t *testing.T) {
	p, err := Parse("sample.ir", sample)
	require.NoError(t, err)
	good := Marshal(p)
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), good...)
		for range rapid.IntRange(1, 4).Draw(t, "flips") {
			b[rapid.IntRange(5, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		checkBytes(t, b)
	})
}

func checkBytes(t require.TestingT, b []byte) {
	list, err := UnmarshalAll(b)
	if err != nil {
		return
	}
	back, err := UnmarshalAll(MarshalAll(list))
	require.NoError(t, err)
	require.Equal(t, list, back)
	for _, p := range list {
		_ = Check(p, StageLowered)
		_ = String(p)
	}
}

func FuzzBinary(f *testing.F) {
	p, err := Parse("sample.ir", sample)
	require.NoError(f, err)
	f.Add(Marshal(p))
	f.Fuzz(func(t *testing.T, b []byte) { checkBytes(t, b) })
}

func BenchmarkBinary(b *testing.B) {
	f := &Func{Name: "main", Blocks: []*Block{{}}}
	for i := range 10_000 {
		f.Blocks[0].Insns = append(f.Blocks[0].Insns, Insn{Op: OpAdd, Width: 64, Dst: R1, A: R1, Imm: int64(i), Pos: Pos(i)})
	}
	f.Blocks[0].Insns = append(f.Blocks[0].Insns, exitInsn)
	p := &Program{Funcs: []*Func{f}}
	bytes := Marshal(p)
	b.Run("marshal", func(b *testing.B) {
		for b.Loop() {
			Marshal(p)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/insn")
		b.ReportMetric(float64(len(bytes))/10_000, "bytes/insn")
	})
	b.Run("unmarshal", func(b *testing.B) {
		for b.Loop() {
			_, _ = Unmarshal(bytes)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/insn")
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			_ = Check(p, StageLowered)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/insn")
	})
}
