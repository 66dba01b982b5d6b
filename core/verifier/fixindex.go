package verifier

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// indexChecks compare the number that was added to a pointer with the size of what it leads to.
func (a *analysis) indexChecks(e *Error) (list []remedy) {
	if len(e.blame) == 0 {
		return nil
	}
	if e.in.Op.Info().Effects&ir.UseMem == 0 {
		return a.sizeChecks(e)
	}
	n := a.at(e.blame[0])
	top := a.extent(n)
	if n.kind == isStack {
		top = 0
	}
	for m, deep := n, 0; m.a != 0 && m.kind != isScalar && deep < maxDeep; m, deep = a.at(m.a), deep+1 {
		if m.b == 0 || a.at(m.b).kind != isScalar || m.pos == ir.NoPos {
			continue
		}
		y := a.at(m.b)
		if _, constant := y.num.Const(); constant {
			continue
		}
		most := top - int64(e.in.Size) - int64(e.in.Disp) - (n.off - y.off)
		if most < 0 {
			continue
		}
		list = append(list, a.clampIndex(e, y, most)...)
		list = append(list, a.clampAdded(e, m, y, most)...)
	}
	return list[:min(len(list), maxFixTries)]
}

// clampIndex compares an index before it is multiplied by the size of an element.
func (a *analysis) clampIndex(e *Error, y *node, most int64) []remedy {
	stride := int64(0)
	p := copied(a.program)
	at, in := find(p, y.fn, y.pos, func(in *ir.Insn) bool {
		switch {
		case in.B != ir.None || y.pos == ir.NoPos:
		case in.Op == ir.OpLsh && in.Imm >= 0 && in.Imm < 32:
			stride = 1 << in.Imm
		case in.Op == ir.OpMul && in.Imm > 0:
			stride = in.Imm
		}
		return stride != 0
	})
	if in == nil {
		return nil
	}
	a.leaveIf(p, at, compare(in.A, isa.GT, most/stride, ir.None))
	return []remedy{{p, a.indexFix(e, y, y.pos, in.A, most/stride+1, "")}}
}

// clampAdded compares the number right before it is added.
func (a *analysis) clampAdded(e *Error, m, y *node, most int64) (list []remedy) {
	_, in := find(a.program, m.fn, m.pos, func(in *ir.Insn) bool { return in.Op == ir.OpAdd && in.B != ir.None })
	if in == nil {
		return nil
	}
	limit, unit := most+1, " in bytes"
	if step := stepOf(y); step == int64(e.in.Size) { // elements of that size
		limit, unit = most/step+1, ""
	}
	for _, r := range [...]ir.Reg{in.B, in.A} {
		p := copied(a.program)
		at, _ := find(p, m.fn, m.pos, func(in *ir.Insn) bool { return in.Op == ir.OpAdd })
		a.leaveIf(p, at, compare(r, isa.GT, most, ir.None))
		if a.inC(e.in.Pos) {
			list = append(list, remedy{p, a.indexFix(e, y, m.pos, r, limit, unit)})
		} else {
			list = append(list, remedy{p, a.indexFix(e, y, m.pos, r, most+1, "")})
		}
	}
	return list
}

// stepOf is the power of two that all values of a number are known to be multiples of.
func stepOf(y *node) int64 {
	x := y.num.Value | y.num.Mask
	return int64(x & -x)
}

// indexFix says that the index, in register r at pos, has to be below n.
func (a *analysis) indexFix(e *Error, y *node, pos ir.Pos, r ir.Reg, n int64, unit string) Fix {
	fn := y.fn
	name, at, note := r.String(), a.place(pos), ""
	if l := a.line(e.in.Pos); l.text != "" {
		at = a.place(e.in.Pos)
		switch index := subscript(l.accessed()); {
		case unit != "" || index == "":
			name, note = "i", ", where i is the index"+unit
		case word.MatchString(index):
			name = index
		default:
			name, note = "i", fmt.Sprintf(", where i is a variable with the index, `%s`", index)
		}
	}
	test := fmt.Sprintf("%s >= %d", name, n)
	if a.inC(e.in.Pos) && a.whole(y).SMin() < 0 {
		test = name + " < 0 || " + test
	}
	return Fix{int(pos), a.program.Source(pos), fmt.Sprintf("before %s add `if (%s) return %d;`%s", at, test, a.quiet(fn), note)}
}

// sizeChecks compare the size that a helper is given with that of the memory.
func (a *analysis) sizeChecks(e *Error) (list []remedy) {
	i := a.argument(e, e.blame[len(e.blame)-1])
	if e.in.Op != ir.OpCallHelper || i < 1 || !isSize(a.helper(e).Args[i]) {
		return nil
	}
	memory, r := a.at(e.path.top().regs[i]), ir.R1+ir.Reg(i)
	if _, fixed := memory.num.Const(); !fixed || memory.kind == isScalar {
		return nil
	}
	most := a.extent(memory) - memory.off
	if memory.kind == isStack {
		most = -memory.off
	}
	least := int64(1)
	if a.helper(e).Args[i] == abi.ArgSizeOrZero {
		least = 0
	}
	for _, lo := range []int64{0, least} {
		p := copied(a.program)
		at := here(e)
		a.leaveIf(p, at, compare(r, isa.GT, most, ir.None))
		if lo > 0 {
			rest := ir.BlockID(len(p.Funcs[at.fn].Blocks) - 1)
			a.leaveIf(p, spotIn{at.fn, rest, 0}, compare(r, isa.EQ, 0, ir.None))
		}
		list = append(list, remedy{p, a.sizeFix(e, i, lo, most)})
	}
	return list
}

func isSize(k abi.ArgKind) bool { return k == abi.ArgSize || k == abi.ArgSizeOrZero }

// sizeFix says that argument i has to be between lo and most.
func (a *analysis) sizeFix(e *Error, i int, lo, most int64) Fix {
	name, note := (ir.R1 + ir.Reg(i)).String(), ""
	if a.inC(e.in.Pos) {
		if name = a.line(e.in.Pos).argument(a.helper(e).Name, i); !word.MatchString(name) {
			name, note = "n", fmt.Sprintf(", where n is a variable with the size, argument %d of %s", i+1, a.helper(e).Name)
		}
	}
	test := fmt.Sprintf("%s > %d", name, most)
	if lo > 0 || a.inC(e.in.Pos) && a.at(e.path.top().regs[1+i]).num.SMin32() < 0 {
		test = fmt.Sprintf("%s < %d || %s", name, lo, test)
	}
	return Fix{int(e.in.Pos), e.Source, fmt.Sprintf("before %s add `if (%s) return %d;`%s", a.place(e.in.Pos), test, a.quiet(here(e).fn), note)}
}

// helper is the one that an Error at a call is about.
func (a *analysis) helper(e *Error) *abi.Helper { return &a.program.Helpers[e.in.Ref.Index] }

// argument is the place of a value among the arguments of the call, -1 if it is none.
func (a *analysis) argument(e *Error, r ref) int {
	for i, v := range e.path.top().regs[1:6] {
		if v == r {
			return i
		}
	}
	return -1
}
