package asm

import (
	"fmt"
	"strings"
	"sync"

	"github.com/bpfc/bpfc/core/isa"
)

// Dialect names a way to write BPF assembly.
type Dialect string

// The dialects.
const (
	Auto   Dialect = ""       // recognised by the lines themselves
	Kernel Dialect = "kernel" // r1 = *(u64 *)(r6 + 8)      Linux, LLVM, bpftool
	UBPF   Dialect = "ubpf"   // ldxdw %r1, [%r6+8]         uBPF, the conformance suite
	Y2014  Dialect = "2014"   // ldd r1, 8(r6)              LLVM's first BPF back end
)

// Dialects lists the dialects in the order in which they are tried.
func Dialects() []Dialect { return []Dialect{Kernel, UBPF, Y2014} }

// use says how the symbol of a form is to be resolved.
type use uint8

const (
	useNone     use = iota
	useJump         // $to: a label, or a number
	useCall         // a function, else a helper
	useLocal        // a function
	useKfunc        // an extern
	useMap          // a map
	useMapValue     // bytes within a map's value
	useSymbol       // a function, a map, or bytes within data
)

// form is one way to write an instruction. Text is written as in the source,
// with $names for operands:
//
//	$dst $src      registers            $wdst $wsrc  their lower halves, written w0
//	$imm           32 bits              $imm64       64 bits
//	$off $disp     displacement (16, 32 bits), may be left out
//	$id            number of a helper or kernel function
//	$lo $hi        halves of an lddw's immediate
//	$rel           offset in slots, always with a sign
//	$to            label, or offset in slots
//	$sym           symbol
//	$fd            index of a BTF descriptor
//	$as $from      address spaces
//
// The first form of an opcode that can hold all its operands is the one that is printed.
type form struct {
	op   isa.Op
	text string
	use  use
	// hinted forms are read only where a disassembler's listing tells the opcode.
	hinted bool
}

// dialect is what distinguishes the dialects for parser and printer.
type dialect struct {
	name Dialect
	reg  string // before the name of a register
	// places the blank of " + 8" and " - 8"
	spaced bool
	// unsigned displacements are written without a + sign: 8(r6)
	plain bool
	forms func(r *isa.Row) []form
}

var dialects = map[Dialect]dialect{
	Kernel: {name: Kernel, spaced: true, forms: kernelForms},
	UBPF:   {name: UBPF, reg: "%", forms: ubpfForms},
	Y2014:  {name: Y2014, plain: true, forms: forms2014},
}

// syntaxes compiles each dialect once, when it is first needed.
var syntaxes = map[Dialect]func() *syntax{
	Kernel: sync.OnceValue(func() *syntax { return compile(dialects[Kernel]) }),
	UBPF:   sync.OnceValue(func() *syntax { return compile(dialects[UBPF]) }),
	Y2014:  sync.OnceValue(func() *syntax { return compile(dialects[Y2014]) }),
}

// texts makes forms without a symbol.
func texts(list ...string) []form {
	out := make([]form, len(list))
	for i, t := range list {
		out[i].text = t
	}
	return out
}

// jumps makes forms with a $to.
func jumps(list ...string) []form {
	out := texts(list...)
	for i := range out {
		out[i].use = useJump
	}
	return out
}

// arithName and condName are the names of operations in mnemonics.
var arithName = [...]string{
	isa.Add: "add", isa.Sub: "sub", isa.Mul: "mul", isa.Div: "div", isa.SDiv: "sdiv", isa.Or: "or", isa.And: "and",
	isa.Lsh: "lsh", isa.Rsh: "rsh", isa.Mod: "mod", isa.SMod: "smod", isa.Xor: "xor", isa.Mov: "mov", isa.Arsh: "arsh",
}

var condName = [...]string{
	isa.EQ: "jeq", isa.NE: "jne", isa.GT: "jgt", isa.GE: "jge", isa.LT: "jlt", isa.LE: "jle",
	isa.SGT: "jsgt", isa.SGE: "jsge", isa.SLT: "jslt", isa.SLE: "jsle", isa.SET: "jset",
}

// sizeName is the suffix of loads and stores in the ubpf dialect.
func sizeName(size uint8) string { return [...]string{1: "b", 2: "h", 4: "w", 8: "dw"}[size] }

// endName is the name of a byte-order conversion.
func endName(r *isa.Row) string {
	switch {
	case r.Kind == isa.KindSwap:
		return "bswap"
	case r.Big:
		return "be"
	}
	return "le"
}

// lddwForms are the operands of lddw, the same in every dialect; wrap writes the rest of the instruction around one.
func lddwForms(r *isa.Row, wrap string) []form {
	var list []form
	switch r.Sub {
	case isa.SubImm64:
		list = texts("$imm64")
	case isa.SubMapFD:
		list = append(texts("map[fd:$lo]"), form{text: "map[$sym]", use: useMap})
	case isa.SubMapValueFD:
		list = append(texts("map[fd:$lo][0]$hi"),
			form{text: "map[$sym][0]$hi", use: useMapValue}, form{text: "map[$sym][0]", use: useMapValue},
			form{text: "$sym", use: useSymbol}, form{text: "$sym$hi", use: useSymbol})
	case isa.SubVar:
		list = texts("var[id:$lo]$hi")
	case isa.SubFunc:
		list = append(texts("func[$rel]"), form{text: "$sym", use: useSymbol})
	case isa.SubMapIdx:
		list = texts("map[idx:$lo]")
	case isa.SubMapValIdx:
		list = texts("map[idx:$lo][0]$hi")
	}
	for i := range list {
		list[i].text = fmt.Sprintf(wrap, list[i].text)
	}
	return list
}

// callForms are the calls, the same in every dialect but for local, how the call of a function is written.
func callForms(r *isa.Row, local []form) []form {
	switch r.Kind {
	case isa.KindCallHelper:
		return []form{{text: "call $id"}, {text: "call $sym", use: useCall}, {text: "call $sym#$id", use: useCall}}
	case isa.KindCallLocal:
		return append(local, form{text: "call $rel"}, form{text: "call pc$rel"})
	}
	return []form{{text: "call kfunc#$id"}, {text: "call kfunc#$id@$fd"}, {text: "call kfunc[$sym]", use: useKfunc}}
}

// kernelForms writes the dialect of Linux and LLVM.
func kernelForms(r *isa.Row) []form {
	switch r.Kind {
	case isa.KindALU, isa.KindNeg, isa.KindMovSX, isa.KindEnd, isa.KindSwap:
		return kernelALU(r)
	case isa.KindLoadImm64:
		list := lddwForms(r, "$dst = %s ll")
		switch r.Sub {
		case isa.SubImm64:
			list = append(list, form{text: "$dst = $imm64", hinted: true})
		case isa.SubMapFD, isa.SubFunc, isa.SubMapIdx: // as LLVM prints what it has no name for
			list = append(list, form{text: fmt.Sprintf("ld_pseudo $dst, %d, $lo", r.Sub)})
		}
		return list
	case isa.KindLoadAbs:
		return texts(fmt.Sprintf("r0 = *(u%d *)skb[$imm]", r.Size*8))
	case isa.KindLoadInd:
		at := fmt.Sprintf("r0 = *(u%d *)skb", r.Size*8)
		return texts(at+"[$src]", at+"[$src $disp]")
	case isa.KindJump, isa.KindBranch, isa.KindMayGoto:
		return jumps(kernelJump(r))
	case isa.KindCallHelper, isa.KindCallLocal, isa.KindCallKfunc:
		return callForms(r, []form{{text: "call pc$rel"}, {text: "call $sym", use: useLocal}})
	case isa.KindCallReg:
		return texts("callx $dst")
	case isa.KindGotoReg:
		return texts("gotox $dst")
	case isa.KindExit:
		return texts("exit")
	case isa.KindAddrSpace:
		return texts("$dst = addr_space_cast($src, $as, $from)")
	}
	return kernelMemory(r)
}

// half returns text with its registers in the form for 32 bits.
func half(text string) string {
	return strings.NewReplacer("$dst", "$wdst", "$src", "$wsrc").Replace(text)
}

func kernelALU(r *isa.Row) []form {
	text := "$dst = -$dst"
	switch r.Kind {
	case isa.KindEnd, isa.KindSwap:
		return texts(fmt.Sprintf("$dst = %s%d $dst", endName(r), r.Size*8))
	case isa.KindMovSX:
		text = fmt.Sprintf("$dst = (s%d)$src", r.Size*8)
	case isa.KindALU:
		text = fmt.Sprintf("$dst %s $imm", r.Arith)
		if r.SrcReg {
			text = fmt.Sprintf("$dst %s $src", r.Arith)
		}
	}
	if r.Width == 32 {
		text = half(text)
	}
	return texts(text)
}

func kernelJump(r *isa.Row) string {
	switch {
	case r.Kind == isa.KindMayGoto:
		return "may_goto $to"
	case r.Kind == isa.KindJump && r.Width == 32:
		return "gotol $to"
	case r.Kind == isa.KindJump:
		return "goto $to"
	}
	text := "$imm"
	if r.SrcReg {
		text = "$src"
	}
	text = fmt.Sprintf("$dst %s %s", r.Cond, text)
	if r.Width == 32 {
		text = half(text)
	}
	return fmt.Sprintf("if %s goto $to", text)
}

// kernelMemory writes loads, stores and atomics. The value register of an
// access of up to 32 bits may also be written w0, as LLVM does with -mcpu=v3.
func kernelMemory(r *isa.Row) []form {
	typ := fmt.Sprintf("(u%d *)", r.Size*8)
	switch r.Kind {
	case isa.KindLoad:
		return narrow(r, "$dst = *"+typ+"($src $off)")
	case isa.KindLoadSX:
		return texts(fmt.Sprintf("$dst = *(s%d *)($src $off)", r.Size*8))
	case isa.KindStoreImm:
		return texts("*" + typ + "($dst $off) = $imm")
	case isa.KindStore:
		return narrow(r, "*"+typ+"($dst $off) = $src")
	case isa.KindLoadAcq:
		return narrow(r, "$dst = load_acquire("+typ+"($src $off))")
	case isa.KindStoreRel:
		return narrow(r, "store_release("+typ+"($dst $off), $src)")
	}
	return kernelAtomic(r, typ)
}

// narrow adds the form with w registers for the value; addresses stay 64 bits.
func narrow(r *isa.Row, text string) []form {
	if r.Size == 8 {
		return texts(text)
	}
	value, wide := "$src", "$wsrc"
	if r.Kind == isa.KindLoad || r.Kind == isa.KindLoadAcq {
		value, wide = "$dst", "$wdst"
	}
	return texts(text, strings.Replace(text, value, wide, 1))
}

func kernelAtomic(r *isa.Row, typ string) []form {
	name := r.Atomic.String()
	suffix, kernel := "_64", "atomic64_"
	if r.Size == 4 {
		suffix, kernel = "32_32", "atomic_"
	}
	var list []string
	switch {
	case r.Atomic == isa.AtomicXchg:
		list = []string{"$src = xchg" + suffix + "($dst $off, $src)", "$src = " + kernel + "xchg(" + typ + "($dst $off), $src)"}
	case r.Atomic == isa.AtomicCmpXchg:
		list = []string{"r0 = cmpxchg" + suffix + "($dst $off, r0, $src)", "r0 = " + kernel + "cmpxchg(" + typ + "($dst $off), r0, $src)"}
	case r.Fetch:
		list = []string{"$src = atomic_fetch_" + name + "(" + typ + "($dst $off), $src)", "$src = " + kernel + "fetch_" + name + "(" + typ + "($dst $off), $src)"}
	default:
		list = []string{"lock *" + typ + "($dst $off) " + r.Atomic.Arith().String() + " $src"}
	}
	if r.Size == 4 {
		list = withHalves(list)
	}
	return texts(list...)
}

// withHalves puts the forms with w registers before those with r registers.
func withHalves(list []string) []string {
	var out []string
	for _, t := range list {
		out = append(out, strings.NewReplacer("$src", "$wsrc", "r0", "w0").Replace(t))
	}
	return append(out, list...)
}

// ubpfForms writes the dialect of uBPF and of the conformance suite.
func ubpfForms(r *isa.Row) []form {
	name, second := ubpfName(r), "$imm"
	if r.SrcReg {
		second = "$src"
	}
	switch r.Kind {
	case isa.KindALU:
		return texts(name + " $dst, " + second)
	case isa.KindNeg, isa.KindEnd:
		return texts(name + " $dst")
	case isa.KindSwap:
		return texts(name+" $dst", fmt.Sprintf("swap%d $dst", r.Size*8))
	case isa.KindMovSX:
		return texts(name + " $dst, $src")
	case isa.KindLoadImm64:
		return lddwForms(r, "lddw $dst, %s")
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcq:
		return texts(name + " $dst, [$src$off]")
	case isa.KindStoreImm, isa.KindStore, isa.KindStoreRel:
		return texts(name + " [$dst$off], " + second)
	case isa.KindAtomic:
		return ubpfAtomic(r)
	case isa.KindLoadAbs:
		return texts(name + " $imm")
	case isa.KindLoadInd:
		return texts(name + " $src, $imm")
	case isa.KindJump, isa.KindMayGoto:
		return jumps(name + " $to")
	case isa.KindBranch:
		return jumps(name + " $dst, " + second + ", $to")
	case isa.KindCallHelper, isa.KindCallLocal, isa.KindCallKfunc:
		return callForms(r, []form{{text: "call local $rel"}, {text: "call local $sym", use: useLocal}})
	case isa.KindCallReg:
		return texts("callx $dst", "call $dst")
	case isa.KindGotoReg:
		return texts("jax $dst")
	case isa.KindAddrSpace:
		return texts("addr_space_cast $dst, $src, $as, $from")
	}
	return texts("exit")
}

// ubpfName is the mnemonic of an instruction.
func ubpfName(r *isa.Row) string {
	w := ""
	if r.Width == 32 {
		w = "32"
	}
	switch r.Kind {
	case isa.KindALU:
		return arithName[r.Arith] + w
	case isa.KindNeg:
		return "neg" + w
	case isa.KindMovSX:
		return fmt.Sprintf("movsx%d%d", r.Size*8, r.Width)
	case isa.KindEnd, isa.KindSwap:
		return fmt.Sprintf("%s%d", endName(r), r.Size*8)
	case isa.KindBranch:
		return condName[r.Cond] + w
	case isa.KindJump:
		return "ja" + w
	case isa.KindMayGoto:
		return "may_goto"
	}
	prefix := map[isa.Kind]string{
		isa.KindLoad: "ldx", isa.KindLoadSX: "ldxs", isa.KindStoreImm: "st", isa.KindStore: "stx",
		isa.KindLoadAcq: "ldacq", isa.KindStoreRel: "strel", isa.KindLoadAbs: "ldabs", isa.KindLoadInd: "ldind",
	}[r.Kind]
	if prefix == "" {
		return ""
	}
	return prefix + sizeName(r.Size)
}

func ubpfAtomic(r *isa.Row) []form {
	name, w := r.Atomic.String(), ""
	if r.Size == 4 {
		w = "32"
	}
	if r.Fetch && r.Atomic < isa.AtomicXchg {
		return texts("lock fetch "+name+w+" [$dst$off], $src", "lock fetch_"+name+w+" [$dst$off], $src")
	}
	return texts("lock " + name + w + " [$dst$off], $src")
}

// forms2014 writes the form that LLVM's first BPF back end printed, extended in
// the same manner to the instructions that came later. The first form of each
// is the one of 2014 where there was one; lsh, rsh, arsh, ja, lddw and exit are read too.
func forms2014(r *isa.Row) []form {
	names, second := names2014(r), "$imm"
	if r.SrcReg {
		second = "$src"
	}
	switch r.Kind {
	case isa.KindALU:
		return suffixed(names, " $dst, "+second)
	case isa.KindNeg, isa.KindEnd, isa.KindSwap:
		return suffixed(names, " $dst")
	case isa.KindMovSX:
		return suffixed(names, " $dst, $src")
	case isa.KindLoadImm64:
		return append(lddwForms(r, "ld_64 $dst, %s"), lddwForms(r, "lddw $dst, %s")...)
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcq:
		return suffixed(names, " $dst, $off($src)")
	case isa.KindStoreImm, isa.KindStore, isa.KindStoreRel:
		return suffixed(names, " $off($dst), "+second)
	case isa.KindAtomic:
		return suffixed(names, " $off($dst), $src")
	case isa.KindLoadAbs:
		return suffixed(names, " $imm")
	case isa.KindLoadInd:
		return suffixed(names, " $src, $imm")
	case isa.KindJump, isa.KindMayGoto:
		return jumps2014(names, " $to")
	case isa.KindBranch:
		return jumps2014(names, " $dst, "+second+" goto $to", " $dst, "+second+", $to")
	case isa.KindCallHelper, isa.KindCallLocal, isa.KindCallKfunc:
		return callForms(r, []form{{text: "call pc$rel"}, {text: "call $sym", use: useLocal}})
	case isa.KindCallReg, isa.KindGotoReg:
		return suffixed(names, " $dst")
	case isa.KindAddrSpace:
		return texts("cast $dst, $src, $as, $from")
	}
	return texts("ret", "exit")
}

// suffixed combines mnemonics with operands.
func suffixed(names []string, operands string) []form {
	var list []string
	for _, n := range names {
		list = append(list, n+operands)
	}
	return texts(list...)
}

func jumps2014(names []string, operands ...string) []form {
	var list []string
	for _, o := range operands {
		for _, n := range names {
			list = append(list, n+o)
		}
	}
	return jumps(list...)
}

// names2014 returns the mnemonics of an instruction, the one to print first.
func names2014(r *isa.Row) []string {
	w, size := "", ""
	if r.Width == 32 {
		w = "32"
	}
	if r.Size != 0 {
		size = [...]string{1: "b", 2: "h", 4: "w", 8: "d"}[r.Size]
	}
	switch r.Kind {
	case isa.KindALU:
		return alu2014(r, w)
	case isa.KindNeg:
		return []string{"neg" + w}
	case isa.KindMovSX:
		return []string{"movs" + size + w}
	case isa.KindEnd, isa.KindSwap:
		return []string{fmt.Sprintf("%s%d", endName(r), r.Size*8)}
	case isa.KindBranch:
		if !r.SrcReg {
			return []string{condName[r.Cond] + "i" + w}
		}
		return []string{condName[r.Cond] + w}
	case isa.KindJump:
		return []string{"jmp" + w, "ja" + w}
	case isa.KindAtomic:
		return atomic2014(r, size)
	}
	return map[isa.Kind][]string{
		isa.KindLoad: {"ld" + size}, isa.KindLoadSX: {"lds" + size}, isa.KindStore: {"st" + size}, isa.KindStoreImm: {"st" + size + "i"},
		isa.KindLoadAcq: {"ldacq" + size}, isa.KindStoreRel: {"strel" + size},
		isa.KindLoadAbs: {"ldabs" + size}, isa.KindLoadInd: {"ldind" + size},
		isa.KindMayGoto: {"may_jmp"}, isa.KindCallReg: {"callr", "callx"}, isa.KindGotoReg: {"jmpr"},
	}[r.Kind]
}

// alu2014: the immediate forms end in i, but for mov, which is written alike for both.
func alu2014(r *isa.Row, w string) []string {
	old := map[isa.Arith]string{isa.Lsh: "sll", isa.Rsh: "srl", isa.Arsh: "sra"}
	name := arithName[r.Arith]
	names := []string{name}
	if o := old[r.Arith]; o != "" {
		names = []string{o, name}
	}
	for i, n := range names {
		if !r.SrcReg && r.Arith != isa.Mov {
			n += "i"
		}
		names[i] = n + w
	}
	if r.Arith == isa.Mov && !r.SrcReg {
		names = append(names, "movi"+w)
	}
	return names
}

// atomic2014: a for atomic, f for fetch, then operation and size; xaddw and xaddd are the names of 2014.
func atomic2014(r *isa.Row, size string) []string {
	name := r.Atomic.String() + size
	switch {
	case r.Atomic == isa.AtomicAdd && !r.Fetch:
		return []string{"x" + name, "a" + name}
	case r.Fetch && r.Atomic < isa.AtomicXchg:
		return []string{"af" + name}
	}
	return []string{"a" + name}
}
