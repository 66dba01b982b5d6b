package elf

import (
	"bytes"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

// callBuiltin runs a built-in body on mem; the first two arguments are offsets into it.
func callBuiltin(t *testing.T, name string, mem []byte, to, from, n uint64) uint64 {
	t.Helper()
	m := machine{program: &obj.Program{Insns: builtins[name]}, regions: []region{{memBase, mem}}}
	if name != "memset" {
		from += memBase
	}
	return m.call(0, [11]uint64{1: memBase + to, 2: from, 3: n})
}

// memory is 96 bytes, all different.
func memory() []byte {
	b := make([]byte, 96)
	for i := range b {
		b[i] = byte(i*7 + 3)
	}
	return b
}

// TestCopies checks memcpy and memmove against copy, for all lengths up to 40
// and all distances up to 20, with a margin on both sides that must not change.
func TestCopies(t *testing.T) {
	for n := uint64(0); n <= 40; n++ {
		for to := uint64(8); to <= 48; to++ {
			const from = 28
			want := memory()
			copy(want[to:to+n], want[from:from+n])
			got := memory()
			require.Equal(t, memBase+to, callBuiltin(t, "memmove", got, to, from, n))
			require.Equal(t, want, got, "memmove %d to %d, %d bytes", from, to, n)
			if to+n <= from || from+n <= to {
				got = memory()
				require.Equal(t, memBase+to, callBuiltin(t, "memcpy", got, to, from, n))
				require.Equal(t, want, got, "memcpy %d to %d, %d bytes", from, to, n)
			}
		}
	}
}

func TestMemset(t *testing.T) {
	for n := uint64(0); n <= 40; n++ {
		for _, value := range []uint64{0, 1, 0x80, 0xff, 0xabc, 1<<64 - 1} {
			want := memory()
			copy(want[5:], bytes.Repeat([]byte{byte(value)}, int(n)))
			got := memory()
			require.Equal(t, uint64(memBase+5), callBuiltin(t, "memset", got, 5, value, n))
			require.Equal(t, want, got)
		}
	}
}

// TestMemcmp compares two equal stretches and every way in which one byte can differ.
func TestMemcmp(t *testing.T) {
	sign := func(x int64) int {
		switch {
		case x < 0:
			return -1
		case x > 0:
			return 1
		}
		return 0
	}
	for n := uint64(0); n <= 24; n++ {
		for at := 0; at <= 24; at++ {
			for _, change := range []byte{1, 0x80, 0xff} {
				mem := append(memory()[:24], memory()[:24]...)
				mem = append(mem, memory()...)
				mem[24+at] += change
				got := callBuiltin(t, "memcmp", mem, 0, 24, n)
				want := bytes.Compare(mem[:n], mem[24:24+n])
				require.Equal(t, want, sign(int64(got)))
				require.Equal(t, want, sign(int64(int32(got))), "the lower half is an int of the same sign")
			}
		}
	}
}

// TestBuiltinBodies: they are whole programs and use no register that a call preserves.
func TestBuiltinBodies(t *testing.T) {
	for name, body := range builtins {
		require.NoError(t, isa.Check(body), name)
		for _, in := range body {
			require.LessOrEqual(t, max(in.Dst, in.Src), isa.R5, name)
		}
	}
}
