package asm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"
	"pgregory.net/rapid"
)

// A form is one kind of instruction: draw emits it with random operands and
// says what a disassembler has to make of it.
type form struct {
	name string
	draw func(g gen, a *Assembler) want
}

type want struct {
	op   x86asm.Op
	args []x86asm.Arg
	lock bool
	w    Width // to which immediates are compared; 0: all 64 bits
}

// TestRoundTrip decodes every form with random operands: exactly the emitted
// bytes, the same operation, the same operands.
func TestRoundTrip(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				var a Assembler
				w := f.draw(gen{t}, &a)
				require.NoError(t, a.Finish())
				inst, err := x86asm.Decode(a.Bytes(), 64)
				require.NoError(t, err, "% x", a.Bytes())
				requireInst(t, w, inst, a.Bytes())
			})
		})
	}
}

func requireInst(t *rapid.T, w want, inst x86asm.Inst, code []byte) {
	msg := fmt.Sprintf("% x = %v, want %v %v", code, inst, w.op, w.args)
	require.Equal(t, len(code), inst.Len, msg)
	require.Equal(t, w.op, inst.Op, msg)
	for i, got := range inst.Args {
		if i >= len(w.args) {
			require.Nil(t, got, msg)
			continue
		}
		require.Equal(t, canonical(w.w, w.args[i]), canonical(w.w, got), msg)
	}
	locked := false
	for _, p := range inst.Prefix {
		locked = locked || p&0xff == x86asm.PrefixLOCK && p&x86asm.PrefixInvalid == 0
	}
	require.Equal(t, w.lock, locked, msg)
}

// canonical undoes what x86asm leaves open: how displacements and immediates
// are extended, and the scale of a missing index.
func canonical(w Width, a x86asm.Arg) x86asm.Arg {
	switch a := a.(type) {
	case x86asm.Mem:
		a.Disp, a.Segment = int64(int32(a.Disp)), 0
		if a.Index == 0 {
			a.Scale = 0
		}
		return a
	case x86asm.Imm:
		if w != 0 {
			unused := 64 - 8*uint(w)
			return a << unused >> unused
		}
	}
	return a
}

// gen draws operands.
type gen struct{ t *rapid.T }

func (g gen) n(lo, hi int) int { return rapid.IntRange(lo, hi).Draw(g.t, "n") }
func (g gen) reg() Reg         { return Reg(g.n(0, 15)) }
func (g gen) cond() Cond       { return Cond(g.n(0, 15)) }

func (g gen) width(ws ...Width) Width { return rapid.SampledFrom(ws).Draw(g.t, "width") }

// imm draws an immediate of at most four bytes that fits in w, signed.
func (g gen) imm(w Width) int32 {
	bits := 8 * min(int(w), 4)
	if g.n(0, 2) == 0 {
		bits = 8
	}
	return int32(rapid.Int64Range(-1<<(bits-1), 1<<(bits-1)-1).Draw(g.t, "imm"))
}

func (g gen) mem() Mem {
	m := Mem{Base: Reg(g.n(0, 16)), Index: g.reg(), Scale: rapid.SampledFrom([]uint8{0, 0, 1, 2, 4, 8}).Draw(g.t, "scale")}
	if m.Base == rip {
		m.Base = NoBase
	}
	if m.Index == RSP && (m.Scale != 1 || m.Base == RSP) {
		m.Index = RDI
	}
	switch g.n(0, 2) {
	case 1:
		m.Disp = int32(int8(g.n(-128, 127)))
	case 2:
		m.Disp = rapid.Int32().Draw(g.t, "disp")
	}
	return m
}

// xr is the x86asm name of r.
func xr(r Reg, w Width) x86asm.Reg {
	switch {
	case w == W8 && r >= RSP:
		return x86asm.SPB + x86asm.Reg(r-RSP)
	case w == W8:
		return x86asm.AL + x86asm.Reg(r)
	case w == W16:
		return x86asm.AX + x86asm.Reg(r)
	case w == W32:
		return x86asm.EAX + x86asm.Reg(r)
	}
	return x86asm.RAX + x86asm.Reg(r)
}

// xm is what m decodes to: by address it is m, by form it is m.shortest, whose
// equality with m TestShortest proves.
func xm(m Mem) x86asm.Mem {
	m = m.shortest()
	x := x86asm.Mem{Disp: int64(m.Disp)}
	if m.Base != NoBase {
		x.Base = xr(m.Base, W64)
	}
	if m.Scale != 0 {
		x.Scale, x.Index = m.Scale, xr(m.Index, W64)
	}
	return x
}

// xi is an immediate as x86asm shows it.
func xi(v int32) x86asm.Imm { return x86asm.Imm(v) }

func args(a ...x86asm.Arg) []x86asm.Arg { return a }

var (
	allWidths  = []Width{W8, W16, W32, W64}
	wordWidths = []Width{W16, W32, W64}
	bigWidths  = []Width{W32, W64}
	imm8       = func(n uint8) x86asm.Imm { return x86asm.Imm(int8(n)) }
)

// forms is every method of the Assembler that emits an instruction with
// operands, but for branches, which relax_test covers.
func forms() []form {
	var fs []form
	for _, group := range [][]form{
		aluForms(), moveForms(), unaryForms(), shiftForms(), bitForms(), condForms(), atomicForms(), controlForms(), vectorForms(),
	} {
		fs = append(fs, group...)
	}
	return fs
}

var aluOps = [...]x86asm.Op{
	Add: x86asm.ADD, Or: x86asm.OR, Adc: x86asm.ADC, Sbb: x86asm.SBB,
	And: x86asm.AND, Sub: x86asm.SUB, Xor: x86asm.XOR, Cmp: x86asm.CMP,
}

func aluForms() []form {
	return []form{
		{"AluRR", func(g gen, a *Assembler) want {
			op, w, dst, src := Alu(g.n(0, 7)), g.width(allWidths...), g.reg(), g.reg()
			a.AluRR(op, w, dst, src)
			return want{op: aluOps[op], args: args(xr(dst, w), xr(src, w))}
		}},
		{"AluRM", func(g gen, a *Assembler) want {
			op, w, dst, m := Alu(g.n(0, 7)), g.width(allWidths...), g.reg(), g.mem()
			a.AluRM(op, w, dst, m)
			return want{op: aluOps[op], args: args(xr(dst, w), xm(m))}
		}},
		{"AluMR", func(g gen, a *Assembler) want {
			op, w, src, m := Alu(g.n(0, 7)), g.width(allWidths...), g.reg(), g.mem()
			a.AluMR(op, w, m, src)
			return want{op: aluOps[op], args: args(xm(m), xr(src, w))}
		}},
		{"AluRI", func(g gen, a *Assembler) want {
			op, w, dst := Alu(g.n(0, 7)), g.width(allWidths...), g.reg()
			imm := g.imm(w)
			a.AluRI(op, w, dst, imm)
			if op == And && w == W64 && imm >= 0 {
				w = W32
			}
			return want{op: aluOps[op], args: args(xr(dst, w), xi(imm)), w: w}
		}},
		{"AluMI", func(g gen, a *Assembler) want {
			op, w, m := Alu(g.n(0, 7)), g.width(allWidths...), g.mem()
			imm := g.imm(w)
			a.AluMI(op, w, m, imm)
			return want{op: aluOps[op], args: args(xm(m), xi(imm)), w: w}
		}},
		{"TestRR", func(g gen, a *Assembler) want {
			w, x, y := g.width(allWidths...), g.reg(), g.reg()
			a.TestRR(w, x, y)
			return want{op: x86asm.TEST, args: args(xr(x, w), xr(y, w))}
		}},
		{"TestMR", func(g gen, a *Assembler) want {
			w, x, m := g.width(allWidths...), g.reg(), g.mem()
			a.TestMR(w, m, x)
			return want{op: x86asm.TEST, args: args(xm(m), xr(x, w))}
		}},
		{"TestRI", func(g gen, a *Assembler) want {
			w, x := g.width(allWidths...), g.reg()
			imm := g.imm(w)
			a.TestRI(w, x, imm)
			w = testWidth(w, imm)
			return want{op: x86asm.TEST, args: args(xr(x, w), xi(imm)), w: w}
		}},
		{"TestMI", func(g gen, a *Assembler) want {
			w, m := g.width(allWidths...), g.mem()
			imm := g.imm(w)
			a.TestMI(w, m, imm)
			return want{op: x86asm.TEST, args: args(xm(m), xi(imm)), w: w}
		}},
		{"ImulRR", func(g gen, a *Assembler) want {
			w, dst, src := g.width(wordWidths...), g.reg(), g.reg()
			a.ImulRR(w, dst, src)
			return want{op: x86asm.IMUL, args: args(xr(dst, w), xr(src, w))}
		}},
		{"ImulRM", func(g gen, a *Assembler) want {
			w, dst, m := g.width(wordWidths...), g.reg(), g.mem()
			a.ImulRM(w, dst, m)
			return want{op: x86asm.IMUL, args: args(xr(dst, w), xm(m))}
		}},
		{"ImulRRI", func(g gen, a *Assembler) want {
			w, dst, src := g.width(wordWidths...), g.reg(), g.reg()
			imm := g.imm(w)
			a.ImulRRI(w, dst, src, imm)
			return want{op: x86asm.IMUL, args: args(xr(dst, w), xr(src, w), xi(imm)), w: w}
		}},
		{"ImulRMI", func(g gen, a *Assembler) want {
			w, dst, m := g.width(wordWidths...), g.reg(), g.mem()
			imm := g.imm(w)
			a.ImulRMI(w, dst, m, imm)
			return want{op: x86asm.IMUL, args: args(xr(dst, w), xm(m), xi(imm)), w: w}
		}},
	}
}

// testWidth is the narrowest width at which x & imm sets the same flags: one
// byte if the mask leaves the sign bit of every width clear, four bytes if it
// does so for bit 31 and above.
func testWidth(w Width, imm int32) Width {
	switch {
	case imm>>7 == 0:
		return W8
	case w == W64 && imm > 0:
		return W32
	}
	return w
}

func moveForms() []form {
	return []form{
		{"MovRR", func(g gen, a *Assembler) want {
			w, dst, src := g.width(allWidths...), g.reg(), g.reg()
			a.MovRR(w, dst, src)
			return want{op: x86asm.MOV, args: args(xr(dst, w), xr(src, w))}
		}},
		{"MovRM", func(g gen, a *Assembler) want {
			w, dst, m := g.width(allWidths...), g.reg(), g.mem()
			a.MovRM(w, dst, m)
			return want{op: x86asm.MOV, args: args(xr(dst, w), xm(m))}
		}},
		{"MovMR", func(g gen, a *Assembler) want {
			w, src, m := g.width(allWidths...), g.reg(), g.mem()
			a.MovMR(w, m, src)
			return want{op: x86asm.MOV, args: args(xm(m), xr(src, w))}
		}},
		{"MovMI", func(g gen, a *Assembler) want {
			w, m := g.width(allWidths...), g.mem()
			imm := g.imm(w)
			a.MovMI(w, m, imm)
			return want{op: x86asm.MOV, args: args(xm(m), xi(imm)), w: w}
		}},
		{"MovRI", func(g gen, a *Assembler) want {
			dst := g.reg()
			imm := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1<<32-1), rapid.Int64Range(-1<<31, -1)).Draw(g.t, "imm")
			a.MovRI(dst, imm)
			if imm>>32 == 0 {
				return want{op: x86asm.MOV, args: args(xr(dst, W32), xi(int32(imm))), w: W32}
			}
			return want{op: x86asm.MOV, args: args(xr(dst, W64), x86asm.Imm(imm))}
		}},
		{"MovSym", func(g gen, a *Assembler) want {
			dst := g.reg()
			a.MovSym(dst, 0, 0)
			return want{op: x86asm.MOV, args: args(xr(dst, W64), x86asm.Imm(0))}
		}},
		{"MovzxRR", func(g gen, a *Assembler) want {
			from, dst, src := g.width(W8, W16), g.reg(), g.reg()
			a.MovzxRR(from, dst, src)
			return want{op: x86asm.MOVZX, args: args(xr(dst, W32), xr(src, from))}
		}},
		{"MovzxRM", func(g gen, a *Assembler) want {
			from, dst, m := g.width(allWidths...), g.reg(), g.mem()
			a.MovzxRM(from, dst, m)
			if from >= W32 {
				return want{op: x86asm.MOV, args: args(xr(dst, from), xm(m))}
			}
			return want{op: x86asm.MOVZX, args: args(xr(dst, W32), xm(m))}
		}},
		{"MovsxRR", func(g gen, a *Assembler) want {
			from, to, dst, src := g.width(W8, W16), g.width(bigWidths...), g.reg(), g.reg()
			a.MovsxRR(from, to, dst, src)
			return want{op: x86asm.MOVSX, args: args(xr(dst, to), xr(src, from))}
		}},
		{"MovsxRM", func(g gen, a *Assembler) want {
			from, to, dst, m := g.width(W8, W16), g.width(bigWidths...), g.reg(), g.mem()
			a.MovsxRM(from, to, dst, m)
			return want{op: x86asm.MOVSX, args: args(xr(dst, to), xm(m))}
		}},
		{"MovsxdRR", func(g gen, a *Assembler) want {
			dst, src := g.reg(), g.reg()
			a.MovsxRR(W32, W64, dst, src)
			return want{op: x86asm.MOVSXD, args: args(xr(dst, W64), xr(src, W32))}
		}},
		{"MovsxdRM", func(g gen, a *Assembler) want {
			dst, m := g.reg(), g.mem()
			a.MovsxRM(W32, W64, dst, m)
			return want{op: x86asm.MOVSXD, args: args(xr(dst, W64), xm(m))}
		}},
		{"Lea", func(g gen, a *Assembler) want {
			w, dst, m := g.width(bigWidths...), g.reg(), g.mem()
			a.Lea(w, dst, m)
			return want{op: x86asm.LEA, args: args(xr(dst, w), xm(m))}
		}},
		{"MovbeRM", func(g gen, a *Assembler) want {
			w, dst, m := g.width(wordWidths...), g.reg(), g.mem()
			a.MovbeRM(w, dst, m)
			return want{op: x86asm.MOVBE, args: args(xr(dst, w), xm(m))}
		}},
		{"MovbeMR", func(g gen, a *Assembler) want {
			w, src, m := g.width(wordWidths...), g.reg(), g.mem()
			a.MovbeMR(w, m, src)
			return want{op: x86asm.MOVBE, args: args(xm(m), xr(src, w))}
		}},
	}
}

var unaryOps = [...]x86asm.Op{
	Not: x86asm.NOT, Neg: x86asm.NEG, Mul: x86asm.MUL, Imul: x86asm.IMUL,
	Div: x86asm.DIV, Idiv: x86asm.IDIV, Inc: x86asm.INC, Dec: x86asm.DEC,
}

func unaryForms() []form {
	return []form{
		{"UnaryR", func(g gen, a *Assembler) want {
			op, w, r := Unary(g.n(0, 7)), g.width(allWidths...), g.reg()
			a.UnaryR(op, w, r)
			return want{op: unaryOps[op], args: args(xr(r, w))}
		}},
		{"UnaryM", func(g gen, a *Assembler) want {
			op, w, m := Unary(g.n(0, 7)), g.width(allWidths...), g.mem()
			a.UnaryM(op, w, m)
			return want{op: unaryOps[op], args: args(xm(m))}
		}},
		{"Bswap", func(g gen, a *Assembler) want {
			w, r := g.width(bigWidths...), g.reg()
			a.Bswap(w, r)
			return want{op: x86asm.BSWAP, args: args(xr(r, w))}
		}},
		{"Push", func(g gen, a *Assembler) want {
			r := g.reg()
			a.Push(r)
			return want{op: x86asm.PUSH, args: args(xr(r, W64))}
		}},
		{"Pop", func(g gen, a *Assembler) want {
			r := g.reg()
			a.Pop(r)
			return want{op: x86asm.POP, args: args(xr(r, W64))}
		}},
		{"PushM", func(g gen, a *Assembler) want {
			m := g.mem()
			a.PushM(m)
			return want{op: x86asm.PUSH, args: args(xm(m))}
		}},
		{"PopM", func(g gen, a *Assembler) want {
			m := g.mem()
			a.PopM(m)
			return want{op: x86asm.POP, args: args(xm(m))}
		}},
		{"PushI", func(g gen, a *Assembler) want {
			imm := g.imm(W32)
			a.PushI(imm)
			return want{op: x86asm.PUSH, args: args(xi(imm)), w: W32}
		}},
	}
}

var (
	shiftOps  = map[Shift]x86asm.Op{Rol: x86asm.ROL, Ror: x86asm.ROR, Shl: x86asm.SHL, Shr: x86asm.SHR, Sar: x86asm.SAR}
	shiftXOps = map[Shift]x86asm.Op{Shl: x86asm.SHLX, Shr: x86asm.SHRX, Sar: x86asm.SARX}
)

func shiftForms() []form {
	shift := func(g gen) Shift { return rapid.SampledFrom([]Shift{Rol, Ror, Shl, Shr, Sar}).Draw(g.t, "op") }
	shiftX := func(g gen) Shift { return rapid.SampledFrom([]Shift{Shl, Shr, Sar}).Draw(g.t, "op") }
	return []form{
		{"ShiftRI", func(g gen, a *Assembler) want {
			op, w, r := shift(g), g.width(allWidths...), g.reg()
			n := uint8(g.n(0, 8*int(w)-1))
			a.ShiftRI(op, w, r, n)
			return want{op: shiftOps[op], args: args(xr(r, w), imm8(n))}
		}},
		{"ShiftRC", func(g gen, a *Assembler) want {
			op, w, r := shift(g), g.width(allWidths...), g.reg()
			a.ShiftRC(op, w, r)
			return want{op: shiftOps[op], args: args(xr(r, w), x86asm.CL)}
		}},
		{"ShiftX", func(g gen, a *Assembler) want {
			op, w, dst, src, count := shiftX(g), g.width(bigWidths...), g.reg(), g.reg(), g.reg()
			a.ShiftX(op, w, dst, src, count)
			return want{op: shiftXOps[op], args: args(xr(dst, w), xr(src, w), xr(count, w))}
		}},
		{"ShiftXM", func(g gen, a *Assembler) want {
			op, w, dst, m, count := shiftX(g), g.width(bigWidths...), g.reg(), g.mem(), g.reg()
			a.ShiftXM(op, w, dst, m, count)
			return want{op: shiftXOps[op], args: args(xr(dst, w), xm(m), xr(count, w))}
		}},
		{"Rorx", func(g gen, a *Assembler) want {
			w, dst, src := g.width(bigWidths...), g.reg(), g.reg()
			n := uint8(g.n(0, 8*int(w)-1))
			a.Rorx(w, dst, src, n)
			return want{op: x86asm.RORX, args: args(xr(dst, w), xr(src, w), imm8(n))}
		}},
		{"Mulx", func(g gen, a *Assembler) want {
			w, hi, lo, src := g.width(bigWidths...), g.reg(), g.reg(), g.reg()
			a.Mulx(w, hi, lo, src)
			return want{op: x86asm.MULX, args: args(xr(hi, w), xr(lo, w), xr(src, w))}
		}},
	}
}

func bitForms() []form {
	ops := [...]x86asm.Op{Popcnt: x86asm.POPCNT, Lzcnt: x86asm.LZCNT, Tzcnt: x86asm.TZCNT}
	return []form{
		{"BtRI", func(g gen, a *Assembler) want {
			w, r := g.width(wordWidths...), g.reg()
			n := uint8(g.n(0, 8*int(w)-1))
			a.BtRI(w, r, n)
			return want{op: x86asm.BT, args: args(xr(r, w), imm8(n))}
		}},
		{"BtRR", func(g gen, a *Assembler) want {
			w, r, n := g.width(wordWidths...), g.reg(), g.reg()
			a.BtRR(w, r, n)
			return want{op: x86asm.BT, args: args(xr(r, w), xr(n, w))}
		}},
		{"CountRR", func(g gen, a *Assembler) want {
			op, w, dst, src := Count(g.n(0, 2)), g.width(wordWidths...), g.reg(), g.reg()
			a.CountRR(op, w, dst, src)
			return want{op: ops[op], args: args(xr(dst, w), xr(src, w))}
		}},
	}
}

func condForms() []form {
	cmov := [...]x86asm.Op{
		x86asm.CMOVO, x86asm.CMOVNO, x86asm.CMOVB, x86asm.CMOVAE, x86asm.CMOVE, x86asm.CMOVNE, x86asm.CMOVBE, x86asm.CMOVA,
		x86asm.CMOVS, x86asm.CMOVNS, x86asm.CMOVP, x86asm.CMOVNP, x86asm.CMOVL, x86asm.CMOVGE, x86asm.CMOVLE, x86asm.CMOVG,
	}
	set := [...]x86asm.Op{
		x86asm.SETO, x86asm.SETNO, x86asm.SETB, x86asm.SETAE, x86asm.SETE, x86asm.SETNE, x86asm.SETBE, x86asm.SETA,
		x86asm.SETS, x86asm.SETNS, x86asm.SETP, x86asm.SETNP, x86asm.SETL, x86asm.SETGE, x86asm.SETLE, x86asm.SETG,
	}
	return []form{
		{"CmovRR", func(g gen, a *Assembler) want {
			c, w, dst, src := g.cond(), g.width(wordWidths...), g.reg(), g.reg()
			a.CmovRR(c, w, dst, src)
			return want{op: cmov[c], args: args(xr(dst, w), xr(src, w))}
		}},
		{"CmovRM", func(g gen, a *Assembler) want {
			c, w, dst, m := g.cond(), g.width(wordWidths...), g.reg(), g.mem()
			a.CmovRM(c, w, dst, m)
			return want{op: cmov[c], args: args(xr(dst, w), xm(m))}
		}},
		{"SetR", func(g gen, a *Assembler) want {
			c, r := g.cond(), g.reg()
			a.SetR(c, r)
			return want{op: set[c], args: args(xr(r, W8))}
		}},
		{"SetM", func(g gen, a *Assembler) want {
			c, m := g.cond(), g.mem()
			a.SetM(c, m)
			return want{op: set[c], args: args(xm(m))}
		}},
	}
}

func atomicForms() []form {
	return []form{
		{"XchgRR", func(g gen, a *Assembler) want {
			w, x, y := g.width(allWidths...), g.reg(), g.reg()
			a.XchgRR(w, x, y)
			switch {
			case w != W8 && x == RAX && y != RAX:
				x, y = y, x
			case w != W8 && y == RAX && x != RAX:
			default: // the r/m operand is shown first
				x, y = y, x
			}
			return want{op: x86asm.XCHG, args: args(xr(x, w), xr(y, w))}
		}},
		{"XchgMR", func(g gen, a *Assembler) want {
			w, r, m := g.width(allWidths...), g.reg(), g.mem()
			a.XchgMR(w, m, r)
			return want{op: x86asm.XCHG, args: args(xm(m), xr(r, w))}
		}},
		{"lock Xadd", func(g gen, a *Assembler) want {
			w, r, m := g.width(allWidths...), g.reg(), g.mem()
			a.Lock()
			a.XaddMR(w, m, r)
			return want{op: x86asm.XADD, args: args(xm(m), xr(r, w)), lock: true}
		}},
		{"lock Cmpxchg", func(g gen, a *Assembler) want {
			w, r, m := g.width(allWidths...), g.reg(), g.mem()
			a.Lock()
			a.CmpxchgMR(w, m, r)
			return want{op: x86asm.CMPXCHG, args: args(xm(m), xr(r, w)), lock: true}
		}},
		{"lock AluMR", func(g gen, a *Assembler) want {
			op, w, r, m := Alu(g.n(0, 6)), g.width(allWidths...), g.reg(), g.mem()
			a.Lock()
			a.AluMR(op, w, m, r)
			return want{op: aluOps[op], args: args(xm(m), xr(r, w)), lock: true}
		}},
		{"lock AluMI", func(g gen, a *Assembler) want {
			op, w, m := Alu(g.n(0, 6)), g.width(allWidths...), g.mem()
			imm := g.imm(w)
			a.Lock()
			a.AluMI(op, w, m, imm)
			return want{op: aluOps[op], args: args(xm(m), xi(imm)), lock: true, w: w}
		}},
	}
}

func controlForms() []form {
	return []form{
		{"CallR", func(g gen, a *Assembler) want {
			r := g.reg()
			a.CallR(r)
			return want{op: x86asm.CALL, args: args(xr(r, W64))}
		}},
		{"CallM", func(g gen, a *Assembler) want {
			m := g.mem()
			a.CallM(m)
			return want{op: x86asm.CALL, args: args(xm(m))}
		}},
		{"JmpR", func(g gen, a *Assembler) want {
			r := g.reg()
			a.JmpR(r)
			return want{op: x86asm.JMP, args: args(xr(r, W64))}
		}},
		{"JmpM", func(g gen, a *Assembler) want {
			m := g.mem()
			a.JmpM(m)
			return want{op: x86asm.JMP, args: args(xm(m))}
		}},
		{"CallSym", func(g gen, a *Assembler) want {
			a.CallSym(int32(g.n(0, 9)), 0)
			return want{op: x86asm.CALL, args: args(x86asm.Rel(0))}
		}},
		{"JmpSym", func(g gen, a *Assembler) want {
			a.JmpSym(int32(g.n(0, 9)), 0)
			return want{op: x86asm.JMP, args: args(x86asm.Rel(0))}
		}},
	}
}

var jccOps = [...]x86asm.Op{
	x86asm.JO, x86asm.JNO, x86asm.JB, x86asm.JAE, x86asm.JE, x86asm.JNE, x86asm.JBE, x86asm.JA,
	x86asm.JS, x86asm.JNS, x86asm.JP, x86asm.JNP, x86asm.JL, x86asm.JGE, x86asm.JLE, x86asm.JG,
}

// Both sizes of a conditional jump carry the condition that was asked for.
func TestJccConditions(t *testing.T) {
	for c, op := range jccOps {
		for _, build := range []func(a *Assembler){
			func(a *Assembler) { l := a.NewLabel(); a.Bind(l); a.Jcc(Cond(c), l) },
			func(a *Assembler) { l := a.NewLabel(); a.Jcc(Cond(c), l); a.Bind(l) },
			func(a *Assembler) { l := a.NewLabel(); a.Jcc(Cond(c), l); fill(a, 200); a.Bind(l) },
			func(a *Assembler) { a.JccSym(Cond(c), 0, 0) },
		} {
			var a Assembler
			build(&a)
			require.NoError(t, a.Finish())
			inst, err := x86asm.Decode(a.Bytes(), 64)
			require.NoError(t, err)
			require.Equal(t, op, inst.Op)
		}
	}
}

func vectorForms() []form {
	xmm := func(g gen) (Xmm, x86asm.Arg) {
		n := g.n(0, 15)
		return Xmm(n), x86asm.X0 + x86asm.Reg(n)
	}
	return []form{
		{"MovupsXM", func(g gen, a *Assembler) want {
			m := g.mem()
			x, arg := xmm(g)
			a.MovupsXM(x, m)
			return want{op: x86asm.MOVUPS, args: args(arg, xm(m))}
		}},
		{"MovupsMX", func(g gen, a *Assembler) want {
			m := g.mem()
			x, arg := xmm(g)
			a.MovupsMX(m, x)
			return want{op: x86asm.MOVUPS, args: args(xm(m), arg)}
		}},
		{"XorpsXX", func(g gen, a *Assembler) want {
			x, argX := xmm(g)
			y, argY := xmm(g)
			a.XorpsXX(x, y)
			return want{op: x86asm.XORPS, args: args(argX, argY)}
		}},
	}
}

// The rewriting of memory operands keeps the address.
func TestShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		regs := make([]uint64, 16)
		for i := range regs {
			regs[i] = rapid.Uint64().Draw(t, "reg")
		}
		address := func(m Mem) uint64 {
			sum := uint64(int64(m.Disp)) + uint64(m.Scale)*regs[m.Index]
			if m.Base != NoBase {
				sum += regs[m.Base]
			}
			return sum
		}
		m := gen{t}.mem()
		require.Equal(t, address(m), address(m.shortest()), "%+v", m)
	})
}
