package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// The rules are tested in tests/verifier, the facts in tests/filetests; here is what lies beneath.

func TestPolicy(t *testing.T) {
	for _, p := range []Policy{Strict, Guard} {
		got, err := ParsePolicy(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	_, err := ParsePolicy("lax")
	require.EqualError(t, err, `unknown policy "lax": it is strict or guard`)
	require.Equal(t, Strict, Policy(0), "the zero value is the strict one")
}

func TestZeroVerified(t *testing.T) {
	require.Nil(t, new(Verified).Program())
}

// values are abstract values of every kind, exact and not.
func values() []value {
	list := []value{{kind: unvisited}, {kind: unknown}, {kind: unknown, up: true}, {kind: outer}, number(0), number(-8), {kind: numeric}, {kind: numeric, up: true}}
	for _, k := range []kind{stack, memory, data, mapping} {
		list = append(list, value{kind: k}, value{kind: k, known: true}, value{kind: k, known: true, off: 8})
	}
	return append(list, value{kind: data, index: 1, known: true}, value{kind: mapping, index: 1})
}

// join is a join: commutative, associative, idempotent; with it data flow comes to an end.
func TestJoin(t *testing.T) {
	for _, a := range values() {
		require.Equal(t, a, join(a, a))
		require.Equal(t, a, join(value{kind: unvisited}, a))
		for _, b := range values() {
			ab := join(a, b)
			require.Equal(t, ab, join(b, a), "%v %v", a, b)
			require.Equal(t, ab, join(ab, a), "%v %v: not above what it joins", a, b)
			for _, c := range values() {
				require.Equal(t, join(ab, c), join(a, join(b, c)), "%v %v %v", a, b, c)
			}
		}
	}
}

// A stack address is never taken for something harmless, but for the unknown, which flow reports.
func TestJoinKeepsStackAddresses(t *testing.T) {
	for _, a := range []value{{kind: stack, known: true, off: -8}, {kind: stack}, {kind: outer}} {
		for _, b := range values() {
			ab := join(a, b)
			require.True(t, ab.onStack() || ab.kind == unknown, "%v %v", a, b)
			require.False(t, ab.known && ab != a, "%v %v", a, b)
		}
	}
}

func TestWritten(t *testing.T) {
	for _, size := range []uint8{1, 2, 4, 8} {
		for off := int64(-ir.MaxStack); off <= -int64(size); off++ {
			var s state
			s.setWritten(off, size)
			for at := int64(-ir.MaxStack); at < 0; at++ {
				require.Equal(t, at >= off && at < off+int64(size), s.allWritten(at, 1))
			}
			require.True(t, s.allWritten(off, size))
			if off > -ir.MaxStack {
				require.False(t, s.allWritten(off-1, 2))
			}
		}
	}
}

// Accesses at the very ends of 64 bits are not inside of anything.
func TestInsideDoesNotOverflow(t *testing.T) {
	v := &valueFlow{walk: &walk{program: &ir.Program{}, typ: abi.ProgType{Context: abi.Context{Size: 16}}}}
	for off, inside := range map[int64]bool{0: true, 8: true, 9: false, -1: false, 1<<63 - 1: false, 1<<63 - 8: false, -1 << 63: false} {
		require.Equal(t, inside, v.inside(value{kind: memory, known: true, off: off}, 8, true), off)
	}
	require.False(t, v.inside(value{kind: memory}, 1, false), "the offset is not known")
}

func TestDepthDoesNotOverflow(t *testing.T) {
	for off, depth := range map[int64]int32{8: 0, 0: 0, -1: 1, -512: 512, -1 << 20: depthCap, -1<<20 - 1: depthCap, -1 << 63: depthCap, 1<<63 - 1: 0} {
		v := &valueFlow{}
		v.deepen(off)
		require.Equal(t, depth, v.depth, off)
	}
}

func TestTurn(t *testing.T) {
	p := isa.Prog(isa.Mov64Imm(isa.R0, 0), isa.CallFunc(2), isa.CallFunc(1), isa.Return(), isa.Mov64Imm(isa.R0, 1), isa.Return())
	set := &abi.Set{Types: []abi.ProgType{{Name: "t"}}}
	lifted, err := ir.NewLifter(&obj.Object{}, set).Lift(&obj.Program{Name: "p", Insns: p}, set.Types[0])
	require.NoError(t, err)
	v, err := Verify(lifted, set, Guard)
	require.NoError(t, err)
	require.EqualValues(t, 4+2+2, v.Turn())
}
