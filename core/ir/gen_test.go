package ir

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// genProgram draws programs that pass Check at StageLowered.
func genProgram() *rapid.Generator[*Program] {
	return rapid.Custom(func(t *rapid.T) *Program {
		p := &Program{Name: drawName(t), Section: drawName(t), Type: drawName(t), License: drawName(t)}
		p.Maps = rapid.SliceOfN(rapid.Custom(genMap), 1, 3).Draw(t, "maps")
		p.Data = rapid.SliceOfN(rapid.Custom(genData), 1, 3).Draw(t, "data")
		p.Helpers = rapid.SliceOfN(rapid.Custom(genHelper), 1, 3).Draw(t, "helpers")
		p.Lines = orNil(rapid.SliceOfN(rapid.Custom(genLine), 0, 3).Draw(t, "lines"))
		for i := range rapid.IntRange(1, 3).Draw(t, "funcs") {
			p.Funcs = append(p.Funcs, &Func{Name: fmt.Sprint("f", i), Pos: Pos(i), Frame: 8 * rapid.Int32Range(0, 64).Draw(t, "frame"),
				Global: rapid.Bool().Draw(t, "global"), Params: orNil(rapid.SliceOfN(rapid.Make[obj.Param](), 0, 3).Draw(t, "params"))})
		}
		for _, f := range p.Funcs {
			for i := range rapid.IntRange(1, 4).Draw(t, "blocks") {
				f.Blocks = append(f.Blocks, &Block{ID: BlockID(i)})
			}
			for _, b := range f.Blocks {
				fillBlock(t, p, f, b)
			}
		}
		return p
	})
}

func drawName(t *rapid.T) string { return rapid.String().Draw(t, "name") }

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func genMap(t *rapid.T) abi.MapSpec {
	m := rapid.Make[abi.MapSpec]().Draw(t, "map")
	m.Special = orNil(m.Special)
	return m
}

func genData(t *rapid.T) obj.Data {
	d := rapid.Make[obj.Data]().Draw(t, "data")
	d.Bytes, d.Symbols, d.Relocs, d.Special = orNil(rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "bytes")), orNil(d.Symbols), orNil(d.Relocs), orNil(d.Special)
	for i := range d.Relocs {
		d.Relocs[i].Index = rapid.IntRange(0, 1<<31-1).Draw(t, "index")
	}
	return d
}

func genHelper(t *rapid.T) abi.Helper {
	h := rapid.Make[abi.Helper]().Draw(t, "helper")
	h.Body, h.Native = orNil(h.Body), orNil(h.Native)
	if h.Intrinsic == 0 {
		h.With = ""
	}
	genNames(&h.Returns)
	if h.Callback != nil {
		genNames(&h.Callback.Returns)
	}
	return h
}

// genNames makes no names nil, as they are read.
func genNames(r *abi.Range) {
	if len(r.Names) == 0 {
		r.Names = nil
	}
}

func genLine(t *rapid.T) obj.Line {
	n := rapid.IntRange(0, 1<<31-1)
	return obj.Line{Slot: n.Draw(t, "slot"), File: drawName(t), Line: n.Draw(t, "line"), Col: n.Draw(t, "col"), Text: drawName(t)}
}

// fillBlock appends instructions that use a temporary only after writing it in the same slot.
func fillBlock(t *rapid.T, p *Program, f *Func, b *Block) {
	var l live
	for n := rapid.IntRange(1, 6).Draw(t, "insns"); len(b.Insns) < n; {
		i := genInsn(t, p, f, len(b.Insns) == n-1)
		after, bad := l.step(&i)
		if bad != None {
			i.Pos = NoPos
			b.Insns = append(b.Insns, Insn{Op: OpMov, Width: 64, Dst: T0, Pos: NoPos}, Insn{Op: OpMov, Width: 64, Dst: T1, Pos: NoPos}, Insn{Op: OpMov, Width: 32, Dst: T2, Imm: -3, Pos: NoPos})
			after, _ = live{pos: NoPos, mask: 7}.step(&i)
			n += 3
		}
		l, b.Insns = after, append(b.Insns, i)
	}
}

// genInsn draws an instruction of any op, a terminator if last.
func genInsn(t *rapid.T, p *Program, f *Func, last bool) Insn {
	op := rapid.SampledFrom(opsWhere(last)).Draw(t, "op")
	i := rapid.SampledFrom(variants(op)).Draw(t, "variant")
	reg := func(what string) Reg { return Reg(rapid.Int32Range(int32(R0), int32(T2)).Draw(t, what)) }
	dst := func() Reg {
		if r := reg("dst"); r != R10 {
			return r
		}
		return R9
	}
	imm := func() int64 { return rapid.Int64().Draw(t, "imm") }
	flip := func() bool { return rapid.Bool().Draw(t, "choice") }
	orImm := func(r *Reg) {
		if flip() {
			*r = reg("operand")
		} else {
			i.Imm = imm()
		}
	}
	e, x := op.Info().Effects, &forms[op]
	each := func(used bool, set func()) {
		if used {
			set()
		}
	}
	each(e.Has(DefDst) || e.Has(OptDst) && flip(), func() { i.Dst = dst() })
	each(e.Has(UseA) || x.has(fOptAddr) && flip(), func() { i.A = reg("a") })
	each(e.Has(UseB), func() { i.B = reg("b") })
	each(e.Has(OptA), func() { orImm(&i.A) })
	each(e.Has(OptB), func() { orImm(&i.B) })
	each(e.Has(UseMem), func() { i.Base, i.Disp = reg("base"), rapid.Int32().Draw(t, "disp") })
	each(e.Has(UseMem) && op != OpZero && flip(), func() { i.Index, i.Scale = reg("index"), 1<<rapid.IntRange(0, 3).Draw(t, "scale") })
	each(x.has(fImm), func() { i.Imm = imm() })
	each(op == OpZero, func() { i.Imm = 8 * rapid.Int64Range(1, 64).Draw(t, "bytes") })
	each(x.has(fCond), func() { i.Cond = isa.Cond(rapid.IntRange(int(isa.EQ), int(isa.SET)).Draw(t, "cond")) })
	each(x.has(fThen), func() { i.Then = BlockID(rapid.IntRange(0, len(f.Blocks)-1).Draw(t, "then")) })
	each(x.has(fElse), func() { i.Else = BlockID(rapid.IntRange(0, len(f.Blocks)-1).Draw(t, "else")) })
	each(x.has(fRegion), func() { i.Region = uint16(rapid.IntRange(0, MaxRegions-1).Draw(t, "region")) })
	each(x.has(fRule), func() { i.Rule = Rule(rapid.IntRange(int(RuleMemory), int(RuleAlign)).Draw(t, "rule")) })
	each(x.refs != 0, func() { i.Ref = genRef(t, p, x.refs) })
	each(op == OpAtomicCmpXchg, func() { i.Dst, i.B = R0, R0 })
	each(op == OpLoadAbs || op == OpLoadInd, func() { i.Dst = R0 })
	i.Pos = Pos(rapid.Int32Range(-1, 5).Draw(t, "pos"))
	return i
}

func genRef(t *rapid.T, p *Program, kinds set) Ref {
	k := RefKind(rapid.SampledFrom(kinds.members()).Draw(t, "kind"))
	n := map[RefKind]int{RefMap: len(p.Maps), RefMapValue: len(p.Maps), RefData: len(p.Data), RefFunc: len(p.Funcs), RefHelper: len(p.Helpers)}[k]
	return Ref{k, int32(rapid.IntRange(0, n-1).Draw(t, "index"))}
}

// opsWhere are the terminators, or all other ops, but for those that back ends make for themselves.
func opsWhere(term bool) (list []Op) {
	for op := OpInvalid + 1; op < numOps; op++ {
		if op.Info().Has(Term) == term && op != OpSpill && op != OpReload {
			list = append(list, op)
		}
	}
	return list
}
