package interp_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/runtime"
)

// edges are values at which operations change their behaviour.
var edges = []uint64{0, 1, 2, 7, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0x80000001,
	0xffffffff, 0x100000000, 0x123456789abcdef0, math.MaxInt64, 1 << 63, 1<<63 + 1, 0xffffffff80000000, math.MaxUint64 - 1, math.MaxUint64}

// exact are the ops' meanings over integers without bounds: operands as unsigned
// and as signed numbers of w bits; the result is cut to w bits.
var exact = map[ir.Op]func(w uint, ux, uy, sx, sy *big.Int) *big.Int{
	ir.OpAdd:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Add(ux, uy) },
	ir.OpSub:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Sub(ux, uy) },
	ir.OpMul:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Mul(ux, uy) },
	ir.OpDiv:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return quo(ux, uy) },
	ir.OpSDiv: func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return quo(sx, sy) },
	ir.OpMod:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return rem(ux, uy) },
	ir.OpSMod: func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return rem(sx, sy) },
	ir.OpOr:   func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Or(ux, uy) },
	ir.OpAnd:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).And(ux, uy) },
	ir.OpXor:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Xor(ux, uy) },
	ir.OpLsh:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Lsh(ux, amount(w, uy)) },
	ir.OpRsh:  func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Rsh(ux, amount(w, uy)) },
	ir.OpArsh: func(w uint, ux, uy, sx, sy *big.Int) *big.Int { return new(big.Int).Rsh(sx, amount(w, uy)) },
}

func quo(x, y *big.Int) *big.Int {
	if y.Sign() == 0 {
		return new(big.Int)
	}
	return new(big.Int).Quo(x, y)
}

func rem(x, y *big.Int) *big.Int {
	if y.Sign() == 0 {
		return x
	}
	return new(big.Int).Rem(x, y)
}

func amount(w uint, y *big.Int) uint { return uint(new(big.Int).Mod(y, big.NewInt(int64(w))).Uint64()) }

// cut is the low w bits of v, as an unsigned number.
func cut(w uint, v *big.Int) *big.Int {
	return new(big.Int).Mod(v, new(big.Int).Lsh(big.NewInt(1), w))
}

// operands are v cut to w bits, as an unsigned and as a signed number.
func operands(w uint, v uint64) (u, s *big.Int) {
	u = cut(w, new(big.Int).SetUint64(v))
	s = new(big.Int).Set(u)
	if u.Bit(int(w-1)) == 1 {
		s.Sub(s, new(big.Int).Lsh(big.NewInt(1), w))
	}
	return u, s
}

func meaning(op ir.Op, w uint, x, y uint64) uint64 {
	ux, sx := operands(w, x)
	uy, sy := operands(w, y)
	return cut(w, exact[op](w, ux, uy, sx, sy)).Uint64()
}

// twoOperands loads X into r3 and Y into r4.
const twoOperands = "r3 = load.u64 [r1]\nr4 = load.u64 [r1+8]\n"

func pair(x, y uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, x), y)
}

// eachPair runs p on all pairs of edges.
func eachPair(t *testing.T, p *runtime.Program, want func(x, y uint64) uint64) {
	w, err := p.Worker(context.Background())
	require.NoError(t, err)
	defer w.Release()
	for _, x := range edges {
		for _, y := range edges {
			got, err := w.Run(pair(x, y))
			require.NoError(t, err)
			if want := want(x, y); got != want {
				t.Fatalf("%#x, %#x: got %#x, want %#x", x, y, got, want)
			}
		}
	}
}

func TestArithmetic(t *testing.T) {
	for op := ir.OpAdd; op <= ir.OpArsh; op++ {
		for _, w := range []uint{32, 64} {
			t.Run(fmt.Sprint(op, w), func(t *testing.T) {
				text := []string{body(fmt.Sprintf("%sr0 = %s%d r3, r4\nexit", twoOperands, op, w)),
					body(fmt.Sprintf("%sr3 = %s%d r3, r4\nr0 = mov64 r3\nexit", twoOperands, op, w))}
				for _, y := range edges {
					text = append(text, body(fmt.Sprintf("%sr0 = %s%d r3, %d\nexit", twoOperands, op, w, int64(y))))
				}
				ps := load(t, interp.Loader{}, text...)
				for _, p := range ps[:2] {
					eachPair(t, p, func(x, y uint64) uint64 { return meaning(op, w, x, y) })
				}
				for i, p := range ps[2:] {
					eachPair(t, p, func(x, _ uint64) uint64 { return meaning(op, w, x, edges[i]) })
				}
			})
		}
	}
}

// conditions are the branches' meanings.
var conditions = map[string]func(ux, uy, sx, sy *big.Int) bool{
	"eq":  func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) == 0 },
	"ne":  func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) != 0 },
	"ugt": func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) > 0 },
	"uge": func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) >= 0 },
	"ult": func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) < 0 },
	"ule": func(ux, uy, sx, sy *big.Int) bool { return ux.Cmp(uy) <= 0 },
	"sgt": func(ux, uy, sx, sy *big.Int) bool { return sx.Cmp(sy) > 0 },
	"sge": func(ux, uy, sx, sy *big.Int) bool { return sx.Cmp(sy) >= 0 },
	"slt": func(ux, uy, sx, sy *big.Int) bool { return sx.Cmp(sy) < 0 },
	"sle": func(ux, uy, sx, sy *big.Int) bool { return sx.Cmp(sy) <= 0 },
	"set": func(ux, uy, sx, sy *big.Int) bool { return new(big.Int).And(ux, uy).Sign() != 0 },
}

func TestBranches(t *testing.T) {
	require.Len(t, conditions, int(isa.SET))
	for cond, holds := range conditions {
		for _, w := range []uint{32, 64} {
			t.Run(fmt.Sprint(cond, w), func(t *testing.T) {
				branch := func(y string) string {
					return body(fmt.Sprintf("%sbr%d %s r3, %s -> b2, b1\nb1:\nexit\nb2:\nr0 = mov64 1\nexit", twoOperands, w, cond, y))
				}
				text := []string{branch("r4")}
				for _, y := range edges {
					text = append(text, branch(fmt.Sprint(int64(y))))
				}
				want := func(x, y uint64) uint64 {
					ux, sx := operands(w, x)
					uy, sy := operands(w, y)
					if holds(ux, uy, sx, sy) {
						return 1
					}
					return 0
				}
				ps := load(t, interp.Loader{}, text...)
				eachPair(t, ps[0], want)
				for i, p := range ps[1:] {
					eachPair(t, p, func(x, _ uint64) uint64 { return want(x, edges[i]) })
				}
			})
		}
	}
}

func TestUnary(t *testing.T) {
	low := func(w uint, v uint64) uint64 { u, _ := operands(w, v); return u.Uint64() }
	signed := func(from, to uint) func(uint64) uint64 {
		return func(v uint64) uint64 { _, s := operands(from, v); return cut(to, s).Uint64() }
	}
	swap := func(n int) func(uint64) uint64 {
		return func(v uint64) (r uint64) {
			for range n {
				r, v = r<<8|v&0xff, v>>8
			}
			return r
		}
	}
	for insn, want := range map[string]func(v uint64) uint64{
		"mov64":      func(v uint64) uint64 { return v },
		"mov32":      func(v uint64) uint64 { return low(32, v) },
		"neg64":      func(v uint64) uint64 { return meaning(ir.OpSub, 64, 0, v) },
		"neg32":      func(v uint64) uint64 { return meaning(ir.OpSub, 32, 0, v) },
		"sext64.s8":  signed(8, 64),
		"sext64.s16": signed(16, 64),
		"sext64.s32": signed(32, 64),
		"sext32.s8":  signed(8, 32),
		"sext32.s16": signed(16, 32),
		"sext32.s32": signed(32, 32),
		"zext.u8":    func(v uint64) uint64 { return low(8, v) },
		"zext.u16":   func(v uint64) uint64 { return low(16, v) },
		"zext.u32":   func(v uint64) uint64 { return low(32, v) },
		"bswap.u16":  swap(2),
		"bswap.u32":  swap(4),
		"bswap.u64":  swap(8),
	} {
		t.Run(insn, func(t *testing.T) {
			p := load(t, interp.Loader{}, body(twoOperands+"r0 = "+insn+" r3\nexit"))[0]
			eachPair(t, p, func(x, _ uint64) uint64 { return want(x) })
		})
	}
}

func TestConstants(t *testing.T) {
	for _, v := range edges {
		got, err := run(t, nil, body(fmt.Sprintf("r0 = mov64 %d\nexit", int64(v))))
		require.NoError(t, err)
		require.Equal(t, v, got)
		got, err = run(t, nil, body(fmt.Sprintf("r0 = mov32 %d\nexit", int64(v))))
		require.NoError(t, err)
		require.Equal(t, v&0xffffffff, got)
	}
}

// Loads of every size and sign, and stores of every size and form, in every region's order of bytes.
func TestAccesses(t *testing.T) {
	for _, size := range []uint{8, 16, 32, 64} {
		t.Run(fmt.Sprint("u", size), func(t *testing.T) {
			ps := load(t, interp.Loader{},
				body(fmt.Sprintf("r0 = load.u%d [r1]\nexit", size)),
				body(fmt.Sprintf("%sstore.u%d [r1+8], r3\nr0 = load.u64 [r1+8]\nexit", twoOperands, size)))
			eachPair(t, ps[0], func(x, _ uint64) uint64 { return cut(size, new(big.Int).SetUint64(x)).Uint64() })
			mask := uint64(1)<<size - 1
			eachPair(t, ps[1], func(x, y uint64) uint64 { return x&mask | y&^mask })
			for _, v := range edges {
				got, err := run(t, pair(0, 0x5555555555555555), body(fmt.Sprintf("store.u%d [r1+8], %d\nr0 = load.u64 [r1+8]\nexit", size, int64(v))))
				require.NoError(t, err)
				require.Equal(t, v&mask|0x5555555555555555&^mask, got)
			}
		})
		if size == 64 {
			continue
		}
		t.Run(fmt.Sprint("s", size), func(t *testing.T) {
			p := load(t, interp.Loader{}, body(fmt.Sprintf("r0 = load.s%d [r1]\nexit", size)))[0]
			eachPair(t, p, func(x, _ uint64) uint64 { _, s := operands(size, x); return cut(64, s).Uint64() })
		})
	}
}

func TestAtomics(t *testing.T) {
	after := map[string]func(old, a uint64) uint64{
		"add":  func(old, a uint64) uint64 { return old + a },
		"or":   func(old, a uint64) uint64 { return old | a },
		"and":  func(old, a uint64) uint64 { return old & a },
		"xor":  func(old, a uint64) uint64 { return old ^ a },
		"xchg": func(old, a uint64) uint64 { return a },
	}
	for op, f := range after {
		for _, size := range []uint{32, 64} {
			mask := uint64(1)<<size - 1
			text := body(fmt.Sprintf("%sr0 = atomic.%s.u%d.seqcst [r1], r4\nexit", twoOperands, op, size))
			if op != "xchg" {
				text = body(fmt.Sprintf("%satomic.%s.u%d.relaxed [r1], r4\nr0 = mov64 r4\nexit", twoOperands, op, size))
			}
			p := load(t, interp.Loader{}, body(fmt.Sprintf("%sr0 = atomic.%s.u%d.seqcst [r1], r4\nexit", twoOperands, op, size)),
				text, body(fmt.Sprintf("%sr2 = atomic.%s.u%d.seqcst [r1], r4\nr0 = load.u64 [r1]\nexit", twoOperands, op, size)))
			eachPair(t, p[0], func(x, _ uint64) uint64 { return x & mask })
			if op != "xchg" {
				eachPair(t, p[1], func(_, y uint64) uint64 { return y })
			}
			eachPair(t, p[2], func(x, y uint64) uint64 { return f(x, y)&mask | x&^mask })
		}
	}
}

func TestCompareAndExchange(t *testing.T) {
	for _, size := range []uint{32, 64} {
		mask := uint64(1)<<size - 1
		for _, expected := range []uint64{0, 0xffffffff, 1 << 63} {
			text := fmt.Sprintf("%sr0 = mov64 %d\nr0 = atomic.cmpxchg.u%d.seqcst [r1], r4, r0\n", twoOperands, int64(expected), size)
			p := load(t, interp.Loader{}, body(text+"exit"), body(text+"r0 = load.u64 [r1]\nexit"))
			eachPair(t, p[0], func(x, _ uint64) uint64 { return x & mask })
			eachPair(t, p[1], func(x, y uint64) uint64 {
				if x&mask == expected&mask {
					return y&mask | x&^mask
				}
				return x
			})
		}
	}
}

// capture keeps what a loader has made, to run it with a trace.
type capture struct {
	interp.Loader
	made runtime.Executable
}

func (c *capture) Load(img *runtime.Image) (x runtime.Executable, err error) {
	c.made, err = c.Loader.Load(img)
	return c.made, err
}

func TestTrace(t *testing.T) {
	const text = `helper "test/identity"(any) ret integer impl go
func@0 "main" pos 0 frame 16 {
b0:
  zero [r10-16], 16 @0
  r2 = mov64 2 @0
  jmp -> b1 @1
b1:
  poll @2
  r2 = sub64 r2, 1 @2
  br64 ne r2, 0 -> b1, b2 @3
b2:
  br64 ne r3, 3 -> b3, b4 @4
b3:
  r3 = add64 r3, 1 @4
  jmp -> b2 @4
b4:
  r1 = mov64 9 @5
  call.helper helper@0 @6
  r6 = mov64 r0
  call func@1 @7
  exit @8
}
func@1 "f" pos 10 frame 8 {
b0:
  r0 = mov64 44 @10
  exit @11
}`
	c := &capture{}
	rt, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 1, Helpers: goHelpers}, Reserve: 64 << 20})
	require.NoError(t, err)
	defer rt.Close()
	ps, err := rt.Load(compile(t, unit(t, text)), c)
	require.NoError(t, err)
	w, err := ps[0].Worker(context.Background())
	require.NoError(t, err)
	defer w.Release()
	_, err = w.Run(nil) // gives the worker its fuel
	require.NoError(t, err)
	var got []string
	ret, err := c.made.(runtime.Tracer).RunTrace(w, 0, 0, 0, func(s codegen.TraceStep) {
		got = append(got, fmt.Sprintf("%s:%d r0=%d r1=%d r2=%d r3=%d r6=%d", s.Func, s.Slot, s.Regs[0], s.Regs[1], s.Regs[2], s.Regs[3], s.Regs[6]))
	})
	require.NoError(t, err)
	require.EqualValues(t, 44, ret)
	require.Equal(t, []string{
		"main:0 r0=0 r1=0 r2=2 r3=0 r6=0",
		"main:1 r0=0 r1=0 r2=2 r3=0 r6=0",
		"main:2 r0=0 r1=0 r2=1 r3=0 r6=0",
		"main:3 r0=0 r1=0 r2=1 r3=0 r6=0",
		"main:2 r0=0 r1=0 r2=0 r3=0 r6=0",
		"main:3 r0=0 r1=0 r2=0 r3=0 r6=0",
		"main:4 r0=0 r1=0 r2=0 r3=1 r6=0", // the slot jumps back to itself
		"main:4 r0=0 r1=0 r2=0 r3=2 r6=0",
		"main:4 r0=0 r1=0 r2=0 r3=3 r6=0",
		"main:4 r0=0 r1=0 r2=0 r3=3 r6=0",
		"main:5 r0=0 r1=9 r2=0 r3=3 r6=0",
		"main:6 r0=9 r1=0 r2=0 r3=0 r6=9", // what has no slot belongs to the one before
		"main:7 r0=9 r1=0 r2=0 r3=0 r6=9",
		"f:10 r0=44 r1=0 r2=0 r3=0 r6=9",
		"f:11 r0=44 r1=0 r2=0 r3=0 r6=9",
		"main:8 r0=44 r1=0 r2=0 r3=0 r6=9",
	}, got)
}

func TestTraceOfAFault(t *testing.T) {
	c := &capture{}
	rt, err := runtime.New(runtime.Options{Reserve: 64 << 20})
	require.NoError(t, err)
	defer rt.Close()
	ps, err := rt.Load(compile(t, unit(t, body("r3 = mov64 1 @0\nr0 = load.u8 [r3] @1\nexit @2"))), c)
	require.NoError(t, err)
	w, err := ps[0].Worker(context.Background())
	require.NoError(t, err)
	defer w.Release()
	var slots []int
	_, err = c.made.(runtime.Tracer).RunTrace(w, 0, 0, 0, func(s codegen.TraceStep) { slots = append(slots, s.Slot) })
	require.Error(t, err)
	require.Equal(t, []int{0, 1}, slots)
}
