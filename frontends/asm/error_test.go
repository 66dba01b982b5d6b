package asm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

func TestErrorShowsTheLine(t *testing.T) {
	_, err := Parse("dir/f.s", []byte("r0 = 0\n\tr1 += q1 # why\nexit\n"), Options{Dialect: Kernel})
	require.EqualError(t, err, "dir/f.s:2:8: expected a number or a register (r0 to r10), not 'q1'\n     r1 += q1 # why\n           ^")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{"dir/f.s", 2, 8, "\tr1 += q1 # why"}, []any{e.File, e.Line, e.Col, e.Source})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		d         Dialect
		src, text string
		line, col int
	}{
		{Kernel, "", "no instruction", 0, 0},
		{Kernel, "# nothing\n", "no instruction", 0, 0},
		{Kernel, "frobnicate r1", "begins with 'frobnicate'", 1, 1},
		{Kernel, "r11 = 0", "no register r11", 1, 1},
		{Kernel, "r1 = w2", "expected", 1, 6},
		{Kernel, "r1 = -r2", "must be r1 again", 1, 7},
		{Kernel, "r1 = 0x1ffffffff", "expected 'll', not the end of the line; or else the number is above 4294967295", 1, 17},
		{Kernel, "r1 = -2147483649", "below -2147483648", 1, 17},
		{Kernel, "r1 = 0x10000000000000000 ll", "at most 64 bits", 1, 6},
		{Kernel, "r1 = 010", "begins with 0", 1, 6},
		{Kernel, "r1 = *(u64 *)(r2 + 32768)", "above 32767", 1, 18},
		{Kernel, "r1 = *(u24 *)(r2 + 0)", "not 'u24'", 1, 8},
		{Kernel, "r1 +=", "not the end of the line", 1, 6},
		{Kernel, "exit exit", "complete before 'exit'", 1, 6},
		{Kernel, "goto +40000", "does not fit into 16 bits", 1, 7},
		{Kernel, "goto +5\nexit", "leads to instruction 6, outside f", 1, 1},
		{Kernel, "goto nowhere\nexit", "label nowhere is not defined", 1, 6},
		{Kernel, "goto end\nexit\nend:", "no instruction follows the label end", 1, 6},
		{Kernel, "a: exit\na: exit", "already defined on line 1", 2, 1},
		{Kernel, "r1: exit", "is a register", 1, 1},
		{Kernel, "call pc+7\nexit", "slot 8", 1, 1},
		{Kernel, "goto +1\nr1 = 5 ll\nexit", "second slot of an lddw", 1, 1},
		{Kernel, "r1 = nowhere ll\nexit", "nowhere is not defined", 1, 6},
		{Kernel, "r1 = map[x] ll\nexit", "there is no map x", 1, 10},
		{Kernel, ".map x, type=hash\nr1 = x+4 ll\nexit", "map[x][0]+4", 2, 6},
		{Kernel, "7: exit", "numbers this instruction 7", 1, 1},
		{Kernel, "0:	b7 00 00 00 01 00 00 00	r0 = 2\n", "disagree", 1, 1},
		{Kernel, "0:	ff 00 00 00 01 00 00 00	<unknown>\n", "no instruction: instruction 0: unknown opcode", 1, 1},
		{Kernel, "exit\n0000000000000080:  R_BPF_64_64	.text", "relocations", 2, 1},
		{Kernel, "r1 = \x01", "unexpected character", 1, 6},
		{Kernel, `.license "GPL`, "name", 1, 10},
		{Kernel, ".frob 1", "unknown directive .frob", 1, 1},
		{Kernel, ".data\nr0 = 0", "instruction in a data section", 2, 1},
		{Kernel, ".long 1", "outside a data section", 1, 1},
		{Kernel, ".data\n.byte 256", "from -128 to 255", 2, 7},
		{Kernel, ".data\n.long x", "takes 8 bytes", 2, 7},
		{Kernel, ".data\n.quad a-b", "SYMBOL+N", 2, 7},
		{Kernel, ".data\n.quad x\n.text\nexit", "x is no variable", 2, 7},
		{Kernel, ".data\n.zero 100000000", "from 0 to", 2, 7},
		{Kernel, ".data\n.zero 60000000\n.zero 60000000", "larger than", 3, 1},
		{Kernel, ".data\n.balign 3", "power of two", 2, 9},
		{Kernel, ".data\nx:\nx:", "symbol x is already defined", 3, 1},
		{Kernel, ".section .maps", "use .map", 1, 1},
		{Kernel, ".map m, type=tree", "expected a map type", 1, 14},
		{Kernel, ".map m, key=4", "has no type", 1, 1},
		{Kernel, ".map m, type=hash, colour=4", "unknown option colour", 1, 20},
		{Kernel, ".map m, type=hash\n.map m, type=hash", "already defined", 2, 6},
		{Kernel, ".map m, type=hash, inner=x\nexit", "there is no map x", 1, 26},
		{Kernel, ".program p, x=1", "unknown option x", 1, 13},
		{Kernel, ".program", "expected .program", 1, 1},
		{Kernel, ".globl a,b\na: goto b\nexit\nb: exit", "not within the function a", 2, 9},
		{Kernel, ".globl a,b\na: goto +1\nexit\nb: exit", "outside a", 2, 1},
		{Kernel, ".text\na: exit\n.section xdp\na: exit", "already defined", 4, 1},
		{UBPF, "call local nowhere", "no function nowhere", 1, 12},
		{UBPF, "ldxw %r1, %r2", "expected '['", 1, 11},
		{UBPF, "add64 %r1, 1", "begins with 'add64'", 1, 1},
		{UBPF, "ja exit", "label exit is not defined", 1, 4},
		{Y2014, "addi r1, r2", "expected a number", 1, 10},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := Parse("f", []byte(c.src), Options{Dialect: c.d})
			require.ErrorContains(t, err, c.text)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []int{c.line, c.col}, []int{e.Line, e.Col}, "%v", err)
		})
	}
}

func TestErrorsAreShort(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("x", 100000)+" "+strings.Repeat("y", 100000)), Options{})
	require.Error(t, err)
	require.Less(t, len(err.Error()), 1000)
}

func TestPrintRefuses(t *testing.T) {
	exit := isa.Prog(isa.Return())
	call := isa.Prog(isa.CallHelper(0), isa.Return())
	for _, c := range []struct {
		o    obj.Object
		text string
	}{
		{obj.Object{Programs: []obj.Program{{Name: "f", Insns: []isa.Insn{{}}}}}, "Invalid is no instruction"},
		{obj.Object{Programs: []obj.Program{{Name: "f", Insns: call, Refs: []obj.Ref{{Kind: obj.RefHelper, Name: "f"}}}}}, "name of a function"},
		{obj.Object{Programs: []obj.Program{{Name: "f", Insns: isa.Prog(isa.LoadMapFD(1, 0)), Refs: []obj.Ref{{Kind: obj.RefMap}}}}}, "no map with index 0"},
		{obj.Object{Programs: []obj.Program{{Name: "f", Insns: isa.Prog(isa.LoadMapFD(1, 0)), Refs: []obj.Ref{{Kind: obj.RefData}}}}}, "no data section"},
		{obj.Object{Programs: []obj.Program{{Name: "f", Insns: exit, Refs: []obj.Ref{{Kind: 99}}}}}, "unknown reference"},
		{obj.Object{Data: []obj.Data{{Name: ".data"}, {Name: ".data"}}}, "shares its name"},
		{obj.Object{Data: []obj.Data{{Name: ".data", Bytes: make([]byte, 8), Relocs: []obj.DataReloc{{Index: 3}}}}}, "section 3"},
	} {
		_, err := Print(&c.o, Kernel)
		require.ErrorContains(t, err, c.text)
	}
}

// TestPrintNames: names that are no words are quoted, equal names are told apart.
func TestPrintNames(t *testing.T) {
	o := &obj.Object{Name: "x", Programs: []obj.Program{{
		Name:  "L5+1",
		Insns: isa.Prog(isa.CallFunc(2), isa.Jump(-2), isa.Return(), isa.Return(), isa.Return()),
		Funcs: []obj.FuncInfo{{Slot: 0, Name: "L5+1"}, {Slot: 3, Name: "L5+1"}},
		Lines: []obj.Line{{Slot: 1, File: "a.c", Text: "  again: */ \"x\""}},
	}}}
	text, err := Print(o, Kernel)
	require.NoError(t, err)
	require.Equal(t, "\"L5+1\":\n.L_0:\n\tcall \"L5+1.2\"\n; again: */ \"x\"\n\tgoto .L_0\n\texit\n\"L5+1.2\":\n\texit\n\texit\n", text)
	back, err := Parse("x", []byte(text), Options{})
	require.NoError(t, err)
	require.Equal(t, o.Programs[0].Insns, back.Programs[0].Insns)
	require.Equal(t, "L5+1", back.Programs[0].Name)
}
