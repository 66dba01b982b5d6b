package verifier

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
)

// spelled is an instruction in the dialect of the kernel's log.
func (w *walk) spelled(f *ir.Func, in *ir.Insn) string {
	if symbol := arithmetic[in.Op]; symbol != "" {
		return fmt.Sprintf("%s %s %s", named(in.Dst, in.Width), symbol, second(in))
	}
	if spell := spellings[in.Op]; spell != nil {
		return spell(w, f, in)
	}
	return in.String()
}

// arithmetic are the operations of two operands, the first of which is the result.
var arithmetic = [...]string{ir.OpMov: "=", ir.OpAdd: "+=", ir.OpSub: "-=", ir.OpMul: "*=", ir.OpDiv: "/=", ir.OpSDiv: "s/=", ir.OpMod: "%=", ir.OpSMod: "s%=",
	ir.OpOr: "|=", ir.OpAnd: "&=", ir.OpXor: "^=", ir.OpLsh: "<<=", ir.OpRsh: ">>=", ir.OpArsh: "s>>=", ir.OpFault: ""}

// spellings are the others.
var spellings = [...]func(w *walk, f *ir.Func, in *ir.Insn) string{
	ir.OpAddr: func(w *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("%s = %s ll", named(in.Dst, 64), w.symbol(in))
	},
	ir.OpNeg: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		r := named(in.Dst, in.Width)
		return fmt.Sprintf("%s = -%s", r, r)
	},
	ir.OpSext: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("%s = (s%d)%s", named(in.Dst, in.Width), 8*in.Size, named(in.A, in.Width))
	},
	ir.OpZext: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("%s = (u%d)%s", named(in.Dst, 64), 8*in.Size, named(in.A, 64))
	},
	ir.OpBswap: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("%s = bswap%d %s", named(in.Dst, 64), 8*in.Size, named(in.A, 64))
	},
	ir.OpLoad: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("%s = %s", named(in.Dst, 64), where(in))
	},
	ir.OpStore: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		if in.A == ir.None {
			return fmt.Sprintf("%s = %d", where(in), in.Imm)
		}
		return fmt.Sprintf("%s = %s", where(in), named(in.A, 64))
	},
	ir.OpAtomicAdd: atomically("+="), ir.OpAtomicOr: atomically("|="), ir.OpAtomicAnd: atomically("&="), ir.OpAtomicXor: atomically("^="),
	ir.OpAtomicXchg: atomically("xchg"), ir.OpAtomicCmpXchg: atomically("cmpxchg"),
	ir.OpLoadAbs: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("r0 = *(u%d *)skb[%d]", 8*in.Size, in.Imm)
	},
	ir.OpLoadInd: func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("r0 = *(u%d *)skb[%s%+d]", 8*in.Size, named(in.A, 64), in.Imm)
	},
	ir.OpCall:       func(w *walk, _ *ir.Func, in *ir.Insn) string { return "call " + w.program.Funcs[in.Ref.Index].Name },
	ir.OpCallHelper: func(w *walk, _ *ir.Func, in *ir.Insn) string { return "call " + w.program.Helpers[in.Ref.Index].Name },
	ir.OpCallReg:    func(_ *walk, _ *ir.Func, in *ir.Insn) string { return "callx " + named(in.A, 64) },
	ir.OpJmp:        func(_ *walk, f *ir.Func, in *ir.Insn) string { return "goto " + to(f, in.Then) },
	ir.OpBr: func(_ *walk, f *ir.Func, in *ir.Insn) string {
		return fmt.Sprintf("if %s %s %s goto %s", named(in.A, in.Width), in.Cond, second(in), to(f, in.Then))
	},
	ir.OpMayGoto: func(_ *walk, f *ir.Func, in *ir.Insn) string { return "may_goto " + to(f, in.Then) },
	ir.OpExit:    func(*walk, *ir.Func, *ir.Insn) string { return "exit" },
	ir.OpFault:   nil,
}

// atomically spells an atomic operation.
func atomically(op string) func(*walk, *ir.Func, *ir.Insn) string {
	return func(_ *walk, _ *ir.Func, in *ir.Insn) string {
		text := fmt.Sprintf("lock %s %s %s", where(in), op, named(in.A, 64))
		if in.Dst != ir.None {
			return named(in.Dst, 64) + " = " + text
		}
		return text
	}
}

// named is a register of 64 or 32 bits.
func named(r ir.Reg, width uint8) string {
	if width == 32 {
		return "w" + r.String()[1:]
	}
	return r.String()
}

// second is the second operand.
func second(in *ir.Insn) string {
	if in.B == ir.None {
		return fmt.Sprint(in.Imm)
	}
	return named(in.B, in.Width)
}

// where is the memory operand.
func where(in *ir.Insn) string {
	sign := "u"
	if in.Sign {
		sign = "s"
	}
	return fmt.Sprintf("*(%s%d *)(%s %+d)", sign, 8*in.Size, named(in.Base, 64), in.Disp)
}

// to is the instruction that a jump leads to.
func to(f *ir.Func, b ir.BlockID) string {
	if int(b) >= len(f.Blocks) {
		return "?"
	}
	return fmt.Sprint(f.Blocks[b].Insns[0].Pos)
}

// symbol names what an address leads to.
func (w *walk) symbol(in *ir.Insn) string {
	name := ""
	switch i := in.Ref.Index; in.Ref.Kind {
	case ir.RefMap:
		name = "map[" + w.program.Maps[i].Name + "]"
	case ir.RefMapValue:
		name = "map[" + w.program.Maps[i].Name + "][0]"
	case ir.RefData:
		name = w.program.Data[i].Name
	case ir.RefFunc:
		name = w.program.Funcs[i].Name
	}
	if in.Imm != 0 {
		name += signed(in.Imm)
	}
	return name
}

// sourceAt is "file:line", "" if it is not known.
func (w *walk) sourceAt(pos ir.Pos) string {
	if l := w.program.Source(pos); l != nil && l.File != "" {
		return fmt.Sprintf("%s:%d", l.File, l.Line)
	}
	return ""
}

// trimmed is the text of a source line without its blanks, "" if it is not known.
func (w *walk) trimmed(pos ir.Pos) string {
	if l := w.program.Source(pos); l != nil {
		return strings.TrimSpace(l.Text)
	}
	return ""
}
