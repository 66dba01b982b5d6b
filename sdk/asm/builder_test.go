package asm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// every has one instruction by each constructor; jumps lead to "end", calls to "f".
func every() []Insn {
	return []Insn{
		AddImm(1, 2), AddReg(1, 2), Add32Imm(1, 2), Add32Reg(1, 2), SubImm(1, 2), SubReg(1, 2), Sub32Imm(1, 2), Sub32Reg(1, 2),
		MulImm(1, 2), MulReg(1, 2), Mul32Imm(1, 2), Mul32Reg(1, 2), DivImm(1, 2), DivReg(1, 2), Div32Imm(1, 2), Div32Reg(1, 2),
		SDivImm(1, 2), SDivReg(1, 2), SDiv32Imm(1, 2), SDiv32Reg(1, 2), OrImm(1, 2), OrReg(1, 2), Or32Imm(1, 2), Or32Reg(1, 2),
		AndImm(1, 2), AndReg(1, 2), And32Imm(1, 2), And32Reg(1, 2), LshImm(1, 2), LshReg(1, 2), Lsh32Imm(1, 2), Lsh32Reg(1, 2),
		RshImm(1, 2), RshReg(1, 2), Rsh32Imm(1, 2), Rsh32Reg(1, 2), ModImm(1, 2), ModReg(1, 2), Mod32Imm(1, 2), Mod32Reg(1, 2),
		SModImm(1, 2), SModReg(1, 2), SMod32Imm(1, 2), SMod32Reg(1, 2), XorImm(1, 2), XorReg(1, 2), Xor32Imm(1, 2), Xor32Reg(1, 2),
		MovImm(1, 2), MovReg(1, 2), Mov32Imm(1, 2), Mov32Reg(1, 2), ArshImm(1, 2), ArshReg(1, 2), Arsh32Imm(1, 2), Arsh32Reg(1, 2),
		MovSX8(1, 2), MovSX16(1, 2), MovSX32(1, 2), MovSX8W(1, 2), MovSX16W(1, 2), Neg(1), Neg32(1),
		Le16(1), Le32(1), Le64(1), Be16(1), Be32(1), Be64(1), Swap16(1), Swap32(1), Swap64(1),
		LddwImm64(1, 2), LddwMapFD(1, 2), LddwMapValueFD(1, 2, 3), LddwVar(1, 2, 3), LddwFunc(1, "f"), LddwMapIdx(1, 2), LddwMapValIdx(1, 2, 3),
		LdxB(1, 2, 3), LdxH(1, 2, 3), LdxW(1, 2, 3), LdxDW(1, 2, 3), LdxSB(1, 2, 3), LdxSH(1, 2, 3), LdxSW(1, 2, 3),
		StB(1, 2, 3), StH(1, 2, 3), StW(1, 2, 3), StDW(1, 2, 3), StxB(1, 2, 3), StxH(1, 2, 3), StxW(1, 2, 3), StxDW(1, 2, 3),
		LockAdd(1, 2, 3), LockAdd32(1, 2, 3), FetchAdd(1, 2, 3), FetchAdd32(1, 2, 3), LockOr(1, 2, 3), LockOr32(1, 2, 3), FetchOr(1, 2, 3), FetchOr32(1, 2, 3),
		LockAnd(1, 2, 3), LockAnd32(1, 2, 3), FetchAnd(1, 2, 3), FetchAnd32(1, 2, 3), LockXor(1, 2, 3), LockXor32(1, 2, 3), FetchXor(1, 2, 3), FetchXor32(1, 2, 3),
		Xchg(1, 2, 3), Xchg32(1, 2, 3), CmpXchg(1, 2, 3), CmpXchg32(1, 2, 3),
		LdAcqB(1, 2, 3), LdAcqH(1, 2, 3), LdAcqW(1, 2, 3), LdAcqDW(1, 2, 3), StRelB(1, 2, 3), StRelH(1, 2, 3), StRelW(1, 2, 3), StRelDW(1, 2, 3),
		LdAbsB(1), LdAbsH(1), LdAbsW(1), LdIndB(1, 2), LdIndH(1, 2), LdIndW(1, 2), Ja("end"), Ja32("end"),
		JEQImm(1, 2, "end"), JEQReg(1, 2, "end"), JEQ32Imm(1, 2, "end"), JEQ32Reg(1, 2, "end"),
		JNEImm(1, 2, "end"), JNEReg(1, 2, "end"), JNE32Imm(1, 2, "end"), JNE32Reg(1, 2, "end"),
		JGTImm(1, 2, "end"), JGTReg(1, 2, "end"), JGT32Imm(1, 2, "end"), JGT32Reg(1, 2, "end"),
		JGEImm(1, 2, "end"), JGEReg(1, 2, "end"), JGE32Imm(1, 2, "end"), JGE32Reg(1, 2, "end"),
		JLTImm(1, 2, "end"), JLTReg(1, 2, "end"), JLT32Imm(1, 2, "end"), JLT32Reg(1, 2, "end"),
		JLEImm(1, 2, "end"), JLEReg(1, 2, "end"), JLE32Imm(1, 2, "end"), JLE32Reg(1, 2, "end"),
		JSGTImm(1, 2, "end"), JSGTReg(1, 2, "end"), JSGT32Imm(1, 2, "end"), JSGT32Reg(1, 2, "end"),
		JSGEImm(1, 2, "end"), JSGEReg(1, 2, "end"), JSGE32Imm(1, 2, "end"), JSGE32Reg(1, 2, "end"),
		JSLTImm(1, 2, "end"), JSLTReg(1, 2, "end"), JSLT32Imm(1, 2, "end"), JSLT32Reg(1, 2, "end"),
		JSLEImm(1, 2, "end"), JSLEReg(1, 2, "end"), JSLE32Imm(1, 2, "end"), JSLE32Reg(1, 2, "end"),
		JSETImm(1, 2, "end"), JSETReg(1, 2, "end"), JSET32Imm(1, 2, "end"), JSET32Reg(1, 2, "end"),
		MayGoto("end"), Call(1), CallLocal("f"), CallKfunc(1, 2), CallReg(1), Exit(), GotoX(1), AddrSpaceCast(1, 2, 3, 4),
	}
}

// TestEveryRow: the constructors stand in the order of the table, give its
// opcodes, and all are built.
func TestEveryRow(t *testing.T) {
	list := every()
	require.Len(t, list, isa.NumOps-2)
	for i, in := range list {
		require.Equal(t, isa.Pad+1+isa.Op(i), in.insn.Op)
	}
	o, err := New("x").Program("p", "", "").Add(list...).Label("end").Add(Exit()).Func("f").Add(Exit()).Build()
	require.NoError(t, err)
	var got []isa.Insn
	for _, in := range o.Programs[0].Insns {
		if in.Op != isa.Pad {
			got = append(got, in)
		}
	}
	end := len(o.Programs[0].Insns) - 2
	for slot, in := range o.Programs[0].Insns[:end] {
		if to, ok := in.Target(slot); in.Op != isa.Pad && ok {
			require.Contains(t, []int{end, end + 1}, to, "%v", in)
		}
	}
	for i, in := range list {
		if in.kind == symNone {
			require.Equal(t, in.insn, got[i])
		}
	}
}

// TestConstructorsAreNamedAsTheRows compares with the table by name.
func TestConstructorsAreNamedAsTheRows(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "rows.go", nil, 0)
	require.NoError(t, err)
	var names []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			names = append(names, fn.Name.Name)
		}
	}
	for i, r := range isa.Table[2:] {
		require.Equal(t, r.Name, names[i])
	}
}

func TestBuild(t *testing.T) {
	b := New("x").License("GPL").
		Map(Map{Name: "counts", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 16}).
		Data(Data{Name: ".data", Bytes: make([]byte, 16), Symbols: []DataSymbol{{Name: "n", Offset: 8, Size: 8}}}).
		Program("first", "mem/64", "").
		Label("again").
		Add(LoadMap(R1, "counts"), LoadMapValue(R2, "counts", 4), LoadData(R3, "n", 4), LoadData(R3, ".data", 2)).
		Add(CallHelper("net/lookup"), CallExtern("bpf_ct"), CallLocal("sub"), LddwFunc(R2, "sub"), Ja("again")).
		Func("sub").Add(Exit()).
		Program("second", "", "xdp").Label("again").Add(JEQImm(R0, 0, "again"), Exit())
	o, err := b.Build()
	require.NoError(t, err)
	require.Equal(t, "GPL", o.License)
	require.Equal(t, uint32(1), o.Data[0].Align)
	p := o.Programs[0]
	require.Equal(t, isa.Prog(
		isa.LoadMapFD(1, 0), isa.LoadMapValueFD(2, 0, 0), isa.LoadMapValueFD(3, 0, 0), isa.LoadMapValueFD(3, 0, 0),
		isa.CallHelper(0), isa.CallKernel(0, 0), isa.CallFunc(3), isa.LoadFunc(2, 2), isa.Jump(-14), isa.Return(),
	), p.Insns)
	require.Equal(t, []obj.Ref{
		{Slot: 0, Kind: obj.RefMap}, {Slot: 2, Kind: obj.RefMapValue, Addend: 4},
		{Slot: 4, Kind: obj.RefData, Addend: 12}, {Slot: 6, Kind: obj.RefData, Addend: 2},
		{Slot: 8, Kind: obj.RefHelper, Name: "net/lookup"}, {Slot: 9, Kind: obj.RefKfunc, Name: "bpf_ct"}, {Slot: 11, Kind: obj.RefFunc, Index: 14},
	}, p.Refs)
	require.Equal(t, []obj.FuncInfo{{Slot: 0, Name: "first"}, {Slot: 14, Name: "sub"}}, p.Funcs)
	require.Equal(t, "mem/64", p.Type)
	require.Equal(t, "xdp", o.Programs[1].Section)

	again, err := b.Build()
	require.NoError(t, err)
	require.Equal(t, o, again)
	o.Maps[0].Name = "changed"
	again, err = b.Build()
	require.NoError(t, err)
	require.Equal(t, "counts", again.Maps[0].Name)
}

func TestBuildRefuses(t *testing.T) {
	p := func() *Builder { return New("x").Program("p", "", "") }
	far := make([]Insn, 40000)
	for i := range far {
		far[i] = MovImm(R0, 0)
	}
	for _, c := range []struct {
		name string
		b    *Builder
		call int
		text string
	}{
		{"nothing", New("x"), 0, "no program yet"},
		{"Add before Program", New("x").Add(Exit()), 1, "call 1, Add: there is no program yet"},
		{"Label before Program", New("x").Label("a"), 1, "no program yet"},
		{"Func before Program", New("x").Func("a"), 1, "no program yet"},
		{"a program without name", New("x").Program("", "", ""), 1, "no name"},
		{"two programs of one name", p().Add(Exit()).Program("p", "", ""), 3, `already a program "p"`},
		{"an empty program", p(), 1, `call 1, Program: the function "p" has no instruction`},
		{"an empty function", p().Add(Exit()).Func("f"), 3, `call 3, Func: the function "f" has no instruction`},
		{"a function twice", p().Add(Exit()).Func("p"), 3, "no name of its own"},
		{"a label twice", p().Label("a").Add(Exit()).Label("a"), 4, `label "a" is already defined`},
		{"a map twice", New("x").Map(Map{Name: "m"}).Map(Map{Name: "m"}), 2, `already a map "m"`},
		{"a map without name", New("x").Map(Map{}), 1, "no name"},
		{"data twice", New("x").Data(Data{Name: "d"}).Data(Data{Name: "d"}), 2, "already a data section"},
		{"data without name", New("x").Data(Data{}), 1, "no name"},
		{"data with a bad alignment", New("x").Data(Data{Name: "d", Align: 3}), 1, "no power of two"},
		{"an undefined label", p().Add(MovImm(R0, 0), Ja("a"), Exit()), 2, `call 2, Add, instruction 1 (goto a): the label "a" is not defined`},
		{"a label at the end", p().Add(Ja("a"), Exit()).Label("a"), 2, `label "a" is not before an instruction`},
		{"a label of another function", p().Add(Ja("a"), Exit()).Func("f").Label("a").Add(Exit()), 2, `of the function "p"`},
		{"a label far away", p().Add(Ja("a")).Add(far...).Label("a").Add(Exit()), 2, "use Ja32"},
		{"an undefined function", p().Add(CallLocal("f"), Exit()), 2, `no function "f"`},
		{"an undefined function value", p().Add(LddwFunc(R1, "f"), Exit()), 2, `no function "f"`},
		{"an undefined map", p().Add(LoadMap(R1, "m"), Exit()), 2, `no map "m"`},
		{"undefined data", p().Add(LoadData(R1, "d", 0), Exit()), 2, `variable "d"`},
		{"a helper without name", p().Add(CallHelper(""), Exit()), 2, "no name"},
		{"a kernel function without name", p().Add(CallExtern(""), Exit()), 2, "no name"},
		{"register 11", p().Add(Exit()).Add(Exit(), MovImm(11, 0)), 3, "call 3, Add, instruction 1 (r11 = 0): register 11"},
		{"the zero Insn", p().Add(Insn{}), 2, "Invalid is no instruction"},
		{"a raw jump out of the program", p().Add(Raw(RawInsn{Op: isa.Ja, Off: 5}), Exit()), 2, "leaves the program"},
		{"an opcode that does not exist", p().Add(Raw(RawInsn{Op: 9999}), Exit()), 2, "is no instruction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.b.Build()
			require.ErrorContains(t, err, c.text)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.call, e.Call, "%v", err)
		})
	}
	_, err := p().Add(MovImm(11, 0)).Build()
	var e *isa.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, isa.CodeRegister, e.Code)
}

func TestFarJump(t *testing.T) {
	far := make([]Insn, 40000)
	for i := range far {
		far[i] = MovImm(R0, 0)
	}
	o, err := New("x").Program("p", "", "").Add(Ja32("a")).Add(far...).Label("a").Add(Exit()).Build()
	require.NoError(t, err)
	require.Equal(t, isa.Jump32(40000), o.Programs[0].Insns[0])
}
