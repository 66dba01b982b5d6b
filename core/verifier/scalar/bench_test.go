package scalar

import (
	"testing"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// sink keeps results from being optimised away.
var sink Num

func BenchmarkBinary(b *testing.B) {
	index := Between(3, 1000)
	cases := []struct {
		name  string
		op    ir.Op
		width uint8
		a, b  Num
	}{
		{"add/const", ir.OpAdd, 64, Const(5), Const(7)},
		{"add/range+const", ir.OpAdd, 64, index, Const(7)},
		{"add/unknown+const", ir.OpAdd, 64, Unknown(), Const(7)},
		{"add32/range+const", ir.OpAdd, 32, index, Const(7)},
		{"and/unknown", ir.OpAnd, 64, Unknown(), Const(0xff)},
		{"and/range", ir.OpAnd, 64, index, Const(0xfc)},
		{"lsh/range", ir.OpLsh, 64, index, Const(3)},
		{"rsh/unknown", ir.OpRsh, 64, Unknown(), Const(32)},
		{"arsh/unknown", ir.OpArsh, 64, Unknown(), Const(32)},
		{"mul/range", ir.OpMul, 64, index, Const(12)},
		{"mul/unknown", ir.OpMul, 64, Unknown(), Bytes(4)},
		{"mod/range", ir.OpMod, 64, Unknown(), Const(10)},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = Binary(c.op, c.width, c.a, c.b)
			}
		})
	}
}

func BenchmarkRefine(b *testing.B) {
	cases := []struct {
		name  string
		cond  isa.Cond
		width uint8
		a, b  Num
	}{
		{"lt/unknown", isa.LT, 64, Unknown(), Const(100)},
		{"lt/range", isa.LT, 64, Between(0, 1000), Const(100)},
		{"lt32/range", isa.LT, 32, Between(0, 1000), Const(100)},
		{"eq/range", isa.EQ, 64, Between(0, 1000), Const(100)},
		{"ne/range", isa.NE, 64, Between(0, 1000), Const(0)},
		{"sgt/unknown", isa.SGT, 64, Unknown(), Const(0)},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _, _ = Refine(c.cond, true, c.width, c.a, c.b)
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	x, y := Between(0, 1000), Const(100)
	for b.Loop() {
		Decide(isa.LT, 64, x, y)
	}
}

func BenchmarkJoin(b *testing.B) {
	x, y := Between(0, 1000), Const(5000)
	for b.Loop() {
		sink = Join(x, y)
	}
}

func BenchmarkWithin(b *testing.B) {
	x, y := Between(0, 1000), Between(0, 500)
	for b.Loop() {
		x.Within(y)
	}
}

func BenchmarkMove32(b *testing.B) {
	x := Unknown()
	for b.Loop() {
		sink = Unary(ir.OpMov, 32, 0, x)
	}
}
