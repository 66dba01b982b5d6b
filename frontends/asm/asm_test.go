package asm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// parse assembles a source that must be right.
func parse(t *testing.T, src string, d Dialect) *obj.Object {
	t.Helper()
	o, err := Parse("test.s", []byte(src), Options{Dialect: d})
	require.NoError(t, err)
	return o
}

// one assembles a source with one program.
func one(t *testing.T, src string, d Dialect) obj.Program {
	t.Helper()
	o := parse(t, src, d)
	require.Len(t, o.Programs, 1)
	return o.Programs[0]
}

func TestInstructionForms(t *testing.T) {
	for _, c := range []struct {
		d    Dialect
		text string
		want isa.Insn
	}{
		// The forms of LLVM.
		{Kernel, "r1 = *(u64 *)(r6 + 8)", isa.LoadMem(1, 6, 8, 8)},
		{Kernel, "r1 = *(u64 *)(r6+0x8)", isa.LoadMem(1, 6, 8, 8)},
		{Kernel, "r1=*(u64*)(r10-8)", isa.LoadMem(1, 10, -8, 8)},
		{Kernel, "r1 = *(u64 *)(r10 + -8)", isa.LoadMem(1, 10, -8, 8)},
		{Kernel, "r1 = *(u64 *)(r10)", isa.LoadMem(1, 10, 0, 8)},
		{Kernel, "w1 = *(u8 *)(r6 + 8)", isa.LoadMem(1, 6, 8, 1)},
		{Kernel, "r1 = *(s16 *)(r6 + 8)", isa.LoadMemSX(1, 6, 8, 2)},
		{Kernel, "*(u32 *)(r1 + 0) = w2", isa.StoreMem(1, 0, 2, 4)},
		{Kernel, "*(u32 *)(r1 + 0) = 0xffffffff", isa.StoreImm(1, 0, -1, 4)},
		{Kernel, "w1 += 2", isa.Add.Imm32(1, 2)},
		{Kernel, "r1 s/= -2", isa.SDiv.Imm(1, -2)},
		{Kernel, "r1 s%= r2", isa.SMod.Reg(1, 2)},
		{Kernel, "w1 s>>= w2", isa.Arsh.Reg32(1, 2)},
		{Kernel, "r1 = (s8)r2", isa.Extend64(1, 2, 1)},
		{Kernel, "r1 = be16 r1", isa.ToBE(1, 2)},
		{Kernel, "r0 = bswap16 r0", isa.ByteSwap(0, 2)},
		{Kernel, "r1 = 5 ll", isa.LoadImm64(1, 5)},
		{Kernel, "r1 = -9223372036854775808 ll", isa.LoadImm64(1, -1<<63)},
		{Kernel, "r1 = 0xffffffffffffffff ll", isa.LoadImm64(1, -1)},
		{Kernel, "lock *(u32 *)(r1 + 0) += r2", isa.AtomicAdd.Mem(1, 0, 2, 4)},
		{Kernel, "lock *(u32 *)(r1 + 0) += w2", isa.AtomicAdd.Mem(1, 0, 2, 4)},
		{Kernel, "r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)", isa.AtomicAdd.Fetch(1, 0, 2, 8)},
		{Kernel, "r0 = cmpxchg_64(r1 + 0, r0, r2)", isa.AtomicCmpXchg.Mem(1, 0, 2, 8)},
		{Kernel, "w0 = cmpxchg32_32(r1 - 4, w0, w2)", isa.AtomicCmpXchg.Mem(1, -4, 2, 4)},
		{Kernel, "r2 = xchg_64(r1 + 0, r2)", isa.AtomicXchg.Mem(1, 0, 2, 8)},
		{Kernel, "r0 = *(u8 *)skb[4]", isa.LoadAbs(4, 1)},
		{Kernel, "r0 = *(u16 *)skb[r1]", isa.LoadInd(1, 0, 2)},
		{Kernel, "r0 = *(u16 *)skb[r1 + 6]", isa.LoadInd(1, 6, 2)},
		{Kernel, "call 5", isa.CallHelper(5)},
		{Kernel, "callx r1", isa.CallThrough(1)},
		{Kernel, "r1 = addr_space_cast(r2, 0x0, 0x1)", isa.CastAddr(1, 2, 0, 1)},
		{Kernel, "ld_pseudo r5, 1, 3", isa.LoadMapFD(5, 3)},
		// The forms of Linux and bpftool.
		{Kernel, "r1 = *(u64 *)(r10 -8)", isa.LoadMem(1, 10, -8, 8)},
		{Kernel, "r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)", isa.AtomicOr.Fetch(1, 0, 2, 8)},
		{Kernel, "r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)", isa.AtomicCmpXchg.Mem(1, 0, 2, 4)},
		{Kernel, "r2 = load_acquire((u64 *)(r1 +0))", isa.LoadAcquire(2, 1, 0, 8)},
		{Kernel, "store_release((u8 *)(r1 +0), r2)", isa.StoreRelease(1, 0, 2, 1)},
		{Kernel, "r0 = *(u8 *)skb[r7 + -14]", isa.LoadInd(7, -14, 1)},
		// uBPF.
		{UBPF, "ldxdw %r1, [%r6+8]", isa.LoadMem(1, 6, 8, 8)},
		{UBPF, "ldxdw r1, [r6]", isa.LoadMem(1, 6, 0, 8)},
		{UBPF, "swap32 %r1", isa.ByteSwap(1, 4)},
		{UBPF, "bswap32 %r1", isa.ByteSwap(1, 4)},
		{UBPF, "movsx832 %r1, %r2", isa.Extend32(1, 2, 1)},
		{UBPF, "call %r2", isa.CallThrough(2)},
		{UBPF, "lock fetch_add32 [%r10-8], %r1", isa.AtomicAdd.Fetch(10, -8, 1, 4)},
		{UBPF, "lock cmpxchg [%r10-8], %r1", isa.AtomicCmpXchg.Mem(10, -8, 1, 8)},
		{UBPF, "lddw %r0, 0x8877665544332211", isa.LoadImm64(0, -0x778899aabbccddef)},
		{UBPF, "stdw [%r10-8], 0x80000000", isa.StoreImm(10, -8, -1<<31, 8)},
		// 2014, from the message that first showed it.
		{Y2014, "mov r6, r1", isa.Mov64Reg(6, 1)},
		{Y2014, "ldd r1, 8(r6)", isa.LoadMem(1, 6, 8, 8)},
		{Y2014, "std -8(r10), r1", isa.StoreMem(10, -8, 1, 8)},
		{Y2014, "mov r7, 0", isa.Mov64Imm(7, 0)},
		{Y2014, "addi r3, -8", isa.Add.Imm(3, -8)},
		{Y2014, "slli r3, 8", isa.Lsh.Imm(3, 8)},
		{Y2014, "srl32 r3, r4", isa.Rsh.Reg32(3, 4)},
		{Y2014, "ld_64 r3, 0x100000000", isa.LoadImm64(3, 1<<32)},
		{Y2014, "xaddw 4(r1), r2", isa.AtomicAdd.Mem(1, 4, 2, 4)},
		{Y2014, "stwi (r1), 7", isa.StoreImm(1, 0, 7, 4)},
	} {
		p := one(t, c.text+"\nexit\n", c.d)
		require.Equal(t, isa.Prog(c.want, isa.Return()), p.Insns, c.text)
	}
}

func TestSeed2014(t *testing.T) {
	p := one(t, `
         mov     r6, r1
         ldd     r1, 8(r6)
         std     -8(r10), r1
         mov     r7, 0
         mov     r3, r10
         addi    r3, -8
         mov     r1, r6
         mov     r2, r7
         call    bpf_table_lookup
         jeqi    r0, 0 goto .LBB0_2
         mov     r0, 1
.LBB0_2:
         ret
`, Auto)
	require.Equal(t, isa.Prog(
		isa.Mov64Reg(6, 1), isa.LoadMem(1, 6, 8, 8), isa.StoreMem(10, -8, 1, 8), isa.Mov64Imm(7, 0), isa.Mov64Reg(3, 10),
		isa.Add.Imm(3, -8), isa.Mov64Reg(1, 6), isa.Mov64Reg(2, 7), isa.CallHelper(0), isa.EQ.Imm(0, 0, 1), isa.Mov64Imm(0, 1), isa.Return(),
	), p.Insns)
	require.Equal(t, []obj.Ref{{Slot: 8, Kind: obj.RefHelper, Name: "bpf_table_lookup"}}, p.Refs)
	require.Equal(t, "test", p.Name)
}

func TestDialectIsRecognised(t *testing.T) {
	for _, src := range []string{
		"r0 = 1\nexit", "exit\nmov %r0, 1", "exit\nldd r1, 8(r6)", "call 5\nret", "goto +0\nexit", "mov r0, 1\nldxb r0, [r1]\nexit",
	} {
		_, err := Parse("x", []byte(src), Options{})
		require.NoError(t, err, src)
	}
	_, err := Parse("x", []byte("exit"), Options{Dialect: "intel"})
	require.ErrorContains(t, err, "kernel, ubpf and 2014")
	_, err = Print(&obj.Object{}, "intel")
	require.ErrorContains(t, err, "kernel, ubpf and 2014")
}

func TestJumpsCallsAndFunctions(t *testing.T) {
	p := one(t, `
first: second:                  // both name slot 0, one is jumped to
	r1 = 10 ll
loop:	r1 += -1  ; comment
	if r1 != 0 goto loop    # comment
	if w1 s> 4 goto end
	/* a comment
	   of several lines */ may_goto end
	gotol second
	call twice
	r2 = twice ll
	call net/lookup
	call pc+1
	goto +0
end:	exit
twice:	r0 = r1
	exit
`, Kernel)
	require.Equal(t, "first", p.Name)
	require.Equal(t, isa.Prog(
		isa.LoadImm64(1, 10), isa.Add.Imm(1, -1), isa.NE.Imm(1, 0, -2), isa.SGT.Imm32(1, 4, 8), isa.MayJump(7), isa.Jump32(-7),
		isa.CallFunc(6), isa.LoadFunc(2, 5), isa.CallHelper(0), isa.CallFunc(1), isa.Jump(0), isa.Return(), isa.Mov64Reg(0, 1), isa.Return(),
	), p.Insns)
	require.Equal(t, []obj.FuncInfo{{Slot: 0, Name: "first"}, {Slot: 13, Name: "end"}, {Slot: 14, Name: "twice"}}, p.Funcs)
	require.Equal(t, []obj.Ref{{Slot: 8, Kind: obj.RefFunc, Index: 14}, {Slot: 10, Kind: obj.RefHelper, Name: "net/lookup"}}, p.Refs)
	require.Equal(t, obj.Line{Slot: 2, File: "test.s", Line: 4, Text: "loop:\tr1 += -1  ; comment"}, p.Lines[1])
}

func TestDirectives(t *testing.T) {
	o := parse(t, `
.license "GPL"
.map counts, type=hash, key=4, value=8, entries=16, flags=1, pinning=1
.map outer, type=12, key=4, value=4, entries=2, inner=counts
.data
	.p2align 3
value:	.long 1, -1
	.size value, 8
next:	.quad value+4, .rodata.str
.section ".rodata.str", "a"
text:	.asciz "a,b # \"c\"\x21\101"
	.byte 0x80, -128
.bss
	.zero 8
.program first, section="xdp/frags", type="xdp", off
	r1 = map[counts] ll
	r1 = map[counts][0]+4 ll
	r1 = value ll
	r1 = text+3 ll
	r1 = .bss+4 ll
	call kfunc[bpf_ct]
	call kfunc#12@3
l:	goto l
.program second
l:	goto l
`, Kernel)
	require.Equal(t, "GPL", o.License)
	require.Equal(t, []abi.MapSpec{
		{Name: "counts", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 16, Flags: 1, Pinning: 1},
		{Name: "outer", Type: 12, KeySize: 4, ValueSize: 4, MaxEntries: 2, Inner: 1},
	}, o.Maps)
	require.Len(t, o.Data, 3)
	require.Equal(t, obj.Data{
		Name: ".data", Align: 8, Bytes: append([]byte{1, 0, 0, 0, 255, 255, 255, 255}, make([]byte, 16)...),
		Symbols: []obj.DataSymbol{{Name: "value", Size: 8}, {Name: "next", Offset: 8}},
		Relocs:  []obj.DataReloc{{Offset: 8, Index: 0, Addend: 4}, {Offset: 16, Index: 1}},
	}, o.Data[0])
	require.Equal(t, "a,b # \"c\"!A\x00\x80\x80", string(o.Data[1].Bytes))
	require.True(t, o.Data[1].ReadOnly)
	require.False(t, o.Data[2].ReadOnly)
	require.Len(t, o.Programs, 2)
	p := o.Programs[0]
	require.Equal(t, []any{"first", "xdp/frags", "xdp", true}, []any{p.Name, p.Section, p.Type, p.Off})
	require.Equal(t, []obj.Ref{
		{Slot: 0, Kind: obj.RefMap}, {Slot: 2, Kind: obj.RefMapValue, Addend: 4}, {Slot: 4, Kind: obj.RefData},
		{Slot: 6, Kind: obj.RefData, Index: 1, Addend: 3}, {Slot: 8, Kind: obj.RefData, Index: 2, Addend: 4},
		{Slot: 10, Kind: obj.RefKfunc, Name: "bpf_ct"},
	}, p.Refs)
	require.Equal(t, isa.CallKernel(12, 3), p.Insns[11])
	require.Equal(t, isa.Jump(-1), o.Programs[1].Insns[0])
	for _, d := range Dialects() {
		roundTrip(t, o, d)
	}
}

// roundTrip prints an object and reads it back.
func roundTrip(t require.TestingT, o *obj.Object, d Dialect) {
	text, err := Print(o, d)
	require.NoError(t, err)
	back, err := Parse(o.Name, []byte(text), Options{Dialect: d})
	require.NoError(t, err, text)
	require.Equal(t, o.License, back.License)
	require.Equal(t, o.Maps, back.Maps)
	require.Equal(t, o.Data, back.Data, text)
	require.Len(t, back.Programs, len(o.Programs), text)
	for i := range o.Programs {
		want, got := o.Programs[i], back.Programs[i]
		want.Lines, got.Lines = nil, nil
		require.Equal(t, want, got, text)
	}
}

const compiled = `
	.text
	.file	"t.c"
	.section	xdp,"ax",@progbits
	.globl	prog                            # -- Begin function prog
	.p2align	3
	.type	prog,@function
prog:                                   # @prog
.Lfunc_begin0:
	.loc	0 7 0                           # t.c:7:0
	.cfi_startproc
# %bb.0:
	r1 = *(u32 *)(r1 + 0)
	if r1 s> 3 goto LBB0_2
	call sub
LBB0_2:
	r2 = counter ll
	exit
.Lfunc_end0:
	.size	prog, .Lfunc_end0-prog
	.cfi_endproc
	.text
	.p2align	3
	.type	sub,@function
sub:
	r0 = 1
	call leaf
	exit
	.type	unused,@function
unused:
	exit
	.type	leaf,@function
leaf:
	exit
	.section	xdp,"ax",@progbits
	.globl	prog2
	.type	prog2,@function
prog2:
	call sub
	exit
	.section	?tc,"ax",@progbits
	.globl	off
	.type	off,@function
off:
	exit
	.type	counter,@object
	.data
	.globl	counter
counter:
	.long	5                               # 0x5
	.size	counter, 4
	.section	license,"aw",@progbits
	.globl	LICENSE
LICENSE:
	.asciz	"GPL"
	.size	LICENSE, 4
	.type	arr,@object
	.local	arr
	.comm	arr,32,8
	.section	.debug_info,"",@progbits
.Lcu:
	.long	.Ldebug_end-.Lcu
	.unheard_of 5
	.section	.BTF,"",@progbits
	.short	60319
	.addrsig
	.addrsig_sym prog
`

func TestCompiledSource(t *testing.T) {
	o := parse(t, compiled, Auto)
	require.Equal(t, "GPL", o.License)
	require.Equal(t, []obj.Data{
		{Name: ".data", Bytes: []byte{5, 0, 0, 0}, Align: 1, Symbols: []obj.DataSymbol{{Name: "counter", Size: 4}}},
		{Name: ".bss", Bytes: make([]byte, 32), Align: 8, Symbols: []obj.DataSymbol{{Name: "arr", Size: 32}}},
	}, o.Data)
	require.Len(t, o.Programs, 3)
	p := o.Programs[0]
	require.Equal(t, []any{"prog", "xdp", false}, []any{p.Name, p.Section, p.Off})
	require.Equal(t, isa.Prog(
		isa.LoadMem(1, 1, 0, 4), isa.SGT.Imm(1, 3, 1), isa.CallFunc(3), isa.LoadMapValueFD(2, 0, 0), isa.Return(),
		isa.Mov64Imm(0, 1), isa.CallFunc(1), isa.Return(), isa.Return(),
	), p.Insns)
	require.Equal(t, []obj.FuncInfo{{Slot: 0, Name: "prog"}, {Slot: 6, Name: "sub"}, {Slot: 9, Name: "leaf"}}, p.Funcs)
	require.Equal(t, "prog2", o.Programs[1].Name)
	require.Len(t, o.Programs[1].Insns, 6)
	p = o.Programs[2]
	require.Equal(t, []any{"off", "tc", true}, []any{p.Name, p.Section, p.Off})
	for _, d := range Dialects() {
		roundTrip(t, o, d)
	}
}

func TestEntriesOfText(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"the one that nothing calls", ".globl a, b\na: exit\nb: call a\nexit", []string{"b"}},
		{"all that nothing calls", ".text\n.type a,@function\n.type b,@function\na: exit\nb: exit", []string{"a", "b"}},
		{"global ones first", ".text\n.type a,@function\n.globl b\na: exit\nb: exit", []string{"b"}},
		{"a circle", ".globl a, b\na: call b\nexit\nb: call a\nexit", []string{"a"}},
		{"no symbols", ".text\nr0 = 0\nexit", []string{"func_0"}},
	} {
		o := parse(t, c.src, Kernel)
		var got []string
		for _, p := range o.Programs {
			require.Empty(t, p.Section)
			got = append(got, p.Name)
		}
		require.Equal(t, c.want, got, c.name)
	}
}

func TestListings(t *testing.T) {
	want := isa.Prog(isa.LoadImm64(1, 5), isa.EQ.Imm(1, 5, 1), isa.CallFunc(1), isa.Return(), isa.Return())
	for _, c := range []struct{ name, src string }{
		{"llvm-objdump", `
a.o:	file format elf64-bpf

Disassembly of section xdp:

0000000000000000 <prog>:
       0:	18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00	r1 = 0x5 ll
       2:	15 01 01 00 05 00 00 00	if r1 == 0x5 goto +0x1 <LBB0_1>
       3:	85 10 00 00 01 00 00 00	call 0x1

0000000000000020 <LBB0_1>:
       4:	95 00 00 00 00 00 00 00	exit
       5:	95 00 00 00 00 00 00 00	<unknown>
`},
		{"bpftool", `
int prog(struct xdp_md * ctx):
; int prog(struct xdp_md *ctx)
   0: (18) r1 = 0x5
   2: (15) if r1 == 0x5 goto pc+1
   3: (85) call pc+1#sub
   4: (95) exit
   5: (95) exit
`},
		{"slot numbers alone", "0: r1 = 5 ll\n2: if r1 == 5 goto +1\n3: call pc+1\n4: exit\n5: exit\n"},
	} {
		require.Equal(t, want, one(t, c.src, Auto).Insns, c.name)
	}
}
