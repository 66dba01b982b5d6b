package ir

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Parse reads a program in the text form; name is for messages. The result is
// what the text says, not yet what Check demands. An error is a *ParseError.
// The memory used is proportional to the text.
func Parse(name, text string) (*Program, error) {
	p := &parser{file: name, out: &Program{}}
	for text != "" && p.err == nil {
		p.text, text, _ = strings.Cut(text, "\n")
		p.line++
		p.statement()
	}
	if p.err == nil && p.f != nil {
		p.fail("the function %q is not closed: add a line with }", p.f.Name)
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.out, nil
}

// parser reads one line at a time. The first error sticks: what is read after it has no meaning and no effect.
type parser struct {
	file   string
	text   string // the line
	line   int
	tokens []token
	next   int
	err    *ParseError

	out *Program
	f   *Func // being read, nil outside
	// values is the range that was read last, special the fields of the last map or data section; nil before.
	values  *abi.Range
	special *[]abi.Special
}

// statements are the lines outside of functions, by their first word.
var statements = map[string]func(*parser){
	"program":   (*parser).program,
	"map":       (*parser).mapSpec,
	"special":   (*parser).specialField,
	"data":      (*parser).data,
	"bytes":     (*parser).bytes,
	"symbol":    (*parser).symbol,
	"reloc":     (*parser).reloc,
	"helper":    (*parser).helper,
	"arg":       (*parser).arg,
	"result":    (*parser).result,
	"returns":   (*parser).returns,
	"value":     (*parser).value,
	"callback":  (*parser).callback,
	"dynptr":    (*parser).dynptr,
	"intrinsic": (*parser).intrinsic,
	"body":      (*parser).body,
	"target":    (*parser).target,
	"native":    (*parser).native,
	"line":      (*parser).sourceLine,
	"func":      (*parser).function,
}

func (p *parser) statement() {
	var bad *token
	p.next = 0
	if p.tokens, bad = lex(p.text, p.tokens); bad != nil {
		p.failAt(bad.col, "unexpected %q", bad.text)
		return
	}
	switch {
	case len(p.tokens) == 0:
		return
	case p.f != nil:
		p.inFunction()
	default:
		p.outside()
	}
	if t := p.peek(); t.kind != tokEnd {
		p.fail("unexpected %s after the statement", t.describe())
	}
}

func (p *parser) outside() {
	t := p.peek()
	read, ok := statements[t.text]
	if !ok || t.kind != tokWord {
		p.fail("expected a statement (program, map, data, helper, line or func), not %s", t.describe())
		return
	}
	p.next++
	read(p)
}

// Reading tokens.

func (p *parser) peek() token {
	if p.next < len(p.tokens) {
		return p.tokens[p.next]
	}
	return token{col: len(p.text) + 1}
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.peek().col, format, args...) }

func (p *parser) failAt(col int, format string, args ...any) {
	if p.err == nil {
		p.err = &ParseError{File: p.file, Line: p.line, Col: col, Msg: fmt.Sprintf(format, args...), Text: p.text}
	}
}

// take reads a token of the kind; what names it in the message.
func (p *parser) take(k tokenKind, what string) string {
	t := p.peek()
	if t.kind != k {
		p.fail("expected %s, not %s", what, t.describe())
		return ""
	}
	p.next++
	return t.text
}

func (p *parser) str(what string) string { return p.take(tokString, what+` in "quotes"`) }

// accept reads the token with this text, if it is next.
func (p *parser) accept(text string) bool {
	t := p.peek()
	if t.text != text || t.kind != tokPunct && t.kind != tokWord {
		return false
	}
	p.next++
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("expected %q, not %s", text, p.peek().describe())
	}
}

// number reads an integer from lo to hi; with hi MaxInt64 also one up to 2^64-1, as its bits.
func (p *parser) number(what string, lo, hi int64) int64 {
	col, sign := p.peek().col, ""
	if p.accept("-") {
		sign = "-"
	}
	digits := p.take(tokNumber, what)
	v, err := strconv.ParseInt(sign+digits, 0, 64)
	if err != nil && sign == "" && hi == math.MaxInt64 {
		var u uint64
		u, err = strconv.ParseUint(digits, 0, 64)
		v = int64(u)
	} else if v < lo || v > hi {
		err = strconv.ErrRange
	}
	if err != nil {
		p.failAt(col, "%s: %q is no number from %d to %d", what, sign+digits, lo, hi)
		return 0
	}
	return v
}

func (p *parser) uint32(what string) uint32 { return uint32(p.number(what, 0, math.MaxUint32)) }

// count reads a non-negative number that Program holds as an int.
func (p *parser) count(what string) int { return int(p.number(what, 0, math.MaxInt32)) }

// name reads one of names, or #N for a number that has no name.
func name[T ~uint8 | ~uint16](p *parser, what string, names []string) T {
	if p.accept("#") {
		return T(p.number(what, int64(len(names)), int64(^T(0))))
	}
	t := p.peek()
	for v, n := range names {
		if t.kind == tokWord && t.text == n {
			p.next++
			return T(v)
		}
	}
	p.fail("expected %s (%s), not %s", what, strings.Join(names, ", "), t.describe())
	return 0
}

// hexBytes reads a string of hex digits onto b.
func (p *parser) hexBytes(b *[]byte) {
	t := p.peek()
	v, err := hex.DecodeString(p.str("bytes in hex"))
	if err != nil {
		p.failAt(t.col, "bytes in hex: %v", err)
	}
	*b = append(*b, v...)
}

// Statements outside of functions.

func (p *parser) program() {
	p.out.Name = p.str("the program's name")
	p.expect("section")
	p.out.Section = p.str("the section's name")
	p.expect("type")
	p.out.Type = p.str("the program type")
	if p.accept("license") {
		p.out.License = p.str("the licence")
	}
}

func (p *parser) mapSpec() {
	m := abi.MapSpec{Name: p.str("the map's name")}
	attrs := mapAttrs(&m)
	p.attrs(attrs[:])
	if p.accept("extra") {
		m.Extra = uint64(p.number("extra", 0, math.MaxInt64))
	}
	p.out.Maps = append(p.out.Maps, m)
	p.special = &p.out.Maps[len(p.out.Maps)-1].Special
}

func (p *parser) specialField() {
	if p.special == nil {
		p.fail("it belongs to a map or a data section: put it after a map or data statement")
		return
	}
	*p.special = append(*p.special, abi.Special{Kind: name[abi.SpecialKind](p, "a kind of field", specialNames[:]), Offset: p.uint32("offset"), Size: p.uint32("size")})
}

// attrs reads any of the attributes, in any order, up to something else.
func (p *parser) attrs(list []attr) {
	for more := true; more; {
		more = false
		for _, a := range list {
			if p.accept(a.name) {
				*a.value, more = p.uint32(a.name), true
			}
		}
	}
}

func (p *parser) data() {
	d := obj.Data{Name: p.str("the section's name")}
	p.attrs([]attr{{"align", &d.Align}})
	d.ReadOnly = p.accept("readonly")
	p.out.Data = append(p.out.Data, d)
	p.special = &p.lastData().Special
}

// lastData is the section that the statement belongs to.
func (p *parser) lastData() *obj.Data {
	if n := len(p.out.Data); n > 0 {
		return &p.out.Data[n-1]
	}
	p.fail("it belongs to a data section: put it after a data statement")
	return &obj.Data{}
}

func (p *parser) bytes() { p.hexBytes(&p.lastData().Bytes) }

func (p *parser) symbol() {
	d := p.lastData()
	d.Symbols = append(d.Symbols, obj.DataSymbol{Name: p.str("the symbol's name"), Offset: p.uint32("offset"), Size: p.uint32("size")})
}

func (p *parser) reloc() {
	d := p.lastData()
	r := obj.DataReloc{Offset: p.uint32("offset")}
	p.expect("data")
	p.expect("@")
	r.Index, r.Addend = p.count("index of a data section"), p.number("addend", math.MinInt64, math.MaxInt64)
	d.Relocs = append(d.Relocs, r)
}

func (p *parser) helper() {
	h := abi.Helper{Name: p.str("the helper's name")}
	kindsOf(p, h.Args[:], "helper", "an argument kind", argNames[:])
	p.expect("ret")
	h.Ret = name[abi.RetKind](p, "a return kind", retNames[:])
	p.expect("impl")
	h.Impl = name[abi.Impl](p, "a way to run", implNames[:])
	var flags uint32
	p.attrs([]attr{{"id", &h.ID}, {"flags", &flags}})
	h.Flags = abi.Flags(flags)
	if p.accept("c") {
		h.C = p.str("the prototype in C")
	}
	p.out.Helpers = append(p.out.Helpers, h)
}

// kindsOf reads a list of kinds in parentheses.
func kindsOf[T ~uint8](p *parser, kinds []T, owner, what string, names []string) {
	p.expect("(")
	for n := 0; p.err == nil && !p.accept(")"); n++ {
		if n > 0 {
			p.expect(",")
		}
		if n == len(kinds) {
			p.fail("a %s has at most %d arguments", owner, n)
			return
		}
		kinds[n] = name[T](p, what, names)
	}
}

func (p *parser) arg() {
	h := p.lastHelper()
	i := p.number("index of an argument", 0, int64(len(h.Args)-1))
	p.behind(&h.Sizes[i], &h.Structs[i])
}

func (p *parser) result() {
	h := p.lastHelper()
	p.behind(&h.RetSize, &h.RetStruct)
}

// behind reads what an argument or a result leads to.
func (p *parser) behind(size *uint32, structure *string) {
	p.attrs([]attr{{"size", size}})
	if p.accept("struct") {
		*structure = p.str("the structure's name")
	}
}

func (p *parser) returns() { p.bounds(&p.lastHelper().Returns) }

// bounds reads a range without its names.
func (p *parser) bounds(r *abi.Range) {
	r.Min = p.number("least value", math.MinInt64, math.MaxInt64)
	r.Max = p.number("greatest value", math.MinInt64, math.MaxInt64)
	r.Zero = p.accept("zero")
	p.values = r
}

func (p *parser) value() {
	if p.values == nil {
		p.fail("it belongs to a range: put it after a returns or callback statement")
		return
	}
	v := p.number("value", math.MinInt64, math.MaxInt64)
	if p.values.Names == nil {
		p.values.Names = map[int64]string{}
	}
	p.values.Names[v] = p.str("the value's name")
}

func (p *parser) callback() {
	c := &abi.Callback{}
	kindsOf(p, c.Args[:], "callback", "what a callback gets", callbackNames[:])
	c.Async = p.accept("async")
	c.Many = p.accept("many")
	p.expect("returns")
	p.bounds(&c.Returns)
	p.lastHelper().Callback = c
}

func (p *parser) dynptr() {
	p.lastHelper().Dynptr = name[abi.DynptrKind](p, "a kind of dynptr", dynptrNames[:])
}

func (p *parser) intrinsic() {
	h := p.lastHelper()
	h.Intrinsic = name[abi.Intrinsic](p, "an intrinsic", intrinsicNames[:])
	if p.accept("with") {
		h.With = p.str("the helper's name")
	}
}

// lastHelper is the prototype that the statement belongs to.
func (p *parser) lastHelper() *abi.Helper {
	if n := len(p.out.Helpers); n > 0 {
		return &p.out.Helpers[n-1]
	}
	p.fail("it belongs to a helper: put it after a helper statement")
	return &abi.Helper{}
}

func (p *parser) body()   { p.hexBytes(&p.lastHelper().Body) }
func (p *parser) native() { p.hexBytes(&p.lastHelper().Native) }
func (p *parser) target() { p.lastHelper().NativeTarget = p.str("the target's name") }

func (p *parser) sourceLine() {
	p.out.Lines = append(p.out.Lines, obj.Line{Slot: p.count("slot"), File: p.str("the file's name"),
		Line: p.count("line"), Col: p.count("column"), Text: p.str("the source line")})
}

// Functions.

func (p *parser) function() {
	p.expect("@")
	if n := len(p.out.Funcs); p.count("index of the function") != n {
		p.fail("functions are in ascending order: this one is func@%d", n)
	}
	f := &Func{Name: p.str("the function's name")}
	p.expect("pos")
	f.Pos = p.slot()
	p.expect("frame")
	f.Frame = int32(p.number("frame", math.MinInt32, math.MaxInt32))
	if p.accept("virtual") {
		f.Virtual = int32(p.number("virtual registers", 0, math.MaxInt32))
	}
	f.Global = p.accept("global")
	f.Params = p.params()
	p.expect("{")
	if p.err == nil {
		p.f, p.out.Funcs = f, append(p.out.Funcs, f)
	}
}

// params reads the parameters of a function, in parentheses if there are any.
func (p *parser) params() (list []obj.Param) {
	for more := p.accept("("); more; more = p.accept(",") {
		one := obj.Param{Kind: name[obj.ParamKind](p, "a kind of parameter", paramNames[:])}
		if p.peek().kind == tokNumber {
			one.Size = p.uint32("size")
		}
		if p.accept("struct") {
			one.Struct = p.str("the structure's name")
		}
		one.NonNull = p.accept("nonnull")
		list = append(list, one)
	}
	if list != nil {
		p.expect(")")
	}
	return list
}

func (p *parser) slot() Pos { return Pos(p.number("slot", math.MinInt32, math.MaxInt32)) }

func (p *parser) inFunction() {
	if p.accept("}") {
		p.f = nil
		return
	}
	last := p.tokens[len(p.tokens)-1]
	if last.kind == tokPunct && last.text == ":" {
		p.label()
		return
	}
	if len(p.f.Blocks) == 0 {
		p.fail("an instruction outside of a block: begin with b0:")
		return
	}
	b := p.f.Blocks[len(p.f.Blocks)-1]
	b.Insns = append(b.Insns, p.insn(b))
}

func (p *parser) label() {
	b := &Block{ID: p.block()}
	if n := len(p.f.Blocks); int(b.ID) != n {
		p.fail("blocks are in ascending order: this one is b%d", n)
	}
	b.Params = p.regs()
	p.expect(":")
	p.f.Blocks = append(p.f.Blocks, b)
}

// regs reads registers in brackets, if there are any.
func (p *parser) regs() (list []Reg) {
	if !p.accept("(") {
		return nil
	}
	list = append(list, p.reg())
	for p.accept(",") {
		list = append(list, p.reg())
	}
	p.expect(")")
	return list
}

// block reads the name of a block.
func (p *parser) block() BlockID { return BlockID(p.numbered("b", "a block", math.MaxInt32)) }

// numbered reads a word that is prefix and a decimal number up to hi.
func (p *parser) numbered(prefix, what string, hi uint64) uint32 {
	t := p.peek()
	digits, ok := strings.CutPrefix(p.take(tokWord, what), prefix)
	v, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || v > hi {
		p.failAt(t.col, "expected %s (%s0, %s1, …), not %s", what, prefix, prefix, t.describe())
		return 0
	}
	return uint32(v)
}

// registers are the register form's registers by name.
var registers = func() map[string]Reg {
	m := map[string]Reg{}
	for r := R0; r <= T2; r++ {
		m[r.String()] = r
	}
	return m
}()

func (p *parser) reg() Reg {
	t := p.peek()
	if r, ok := registers[t.text]; ok && t.kind == tokWord {
		p.next++
		return r
	}
	if t.kind != tokWord || !strings.HasPrefix(t.text, "v") {
		p.fail("expected a register (r0 to r10, t0 to t2), not %s", t.describe())
		return None
	}
	r := Reg(p.numbered("v", "a virtual register", math.MaxInt32))
	if r < FirstVirtual {
		p.failAt(t.col, "virtual registers begin with v%d", FirstVirtual)
	}
	return r
}

// prototypes are the instructions of all mnemonics, without operands.
var prototypes = sync.OnceValue(func() map[string]Insn {
	m := map[string]Insn{}
	for op := OpInvalid + 1; op < numOps; op++ {
		for _, i := range variants(op) {
			m[i.mnemonic()] = i
		}
	}
	return m
})

// variants are all widths, sizes, signs and orders of op.
func variants(op Op) []Insn {
	f := &forms[op]
	list := []Insn{{Op: op, Width: 64, Pos: NoPos}}
	vary := func(used bool, set func(i *Insn, v uint8), values ...uint8) {
		if !used {
			return
		}
		var out []Insn
		for _, i := range list {
			for _, v := range values {
				set(&i, v)
				out = append(out, i)
			}
		}
		list = out
	}
	vary(f.has(fWidth), func(i *Insn, v uint8) { i.Width = v }, 32, 64)
	vary(f.sizes != 0, func(i *Insn, v uint8) { i.Size = v }, f.sizes.members()...)
	vary(f.orders != 0, func(i *Insn, v uint8) { i.Order = Order(v) }, f.orders.members()...)
	vary(f.has(fSign), func(i *Insn, v uint8) { i.Sign = v == 1 && i.Size < 8 }, 0, 1)
	vary(f.has(fWrite), func(i *Insn, v uint8) { i.Write = v == 1 }, 0, 1)
	return list
}

// insn reads an instruction of b.
func (p *parser) insn(b *Block) Insn {
	dst := None
	if p.next+1 < len(p.tokens) && p.tokens[p.next+1].text == "=" {
		dst = p.reg()
		p.expect("=")
	}
	t := p.peek()
	i, ok := prototypes()[p.take(tokWord, "an instruction")]
	if !ok {
		p.failAt(t.col, "unknown instruction %s", t.describe())
		return i
	}
	if e := i.Op.Info().Effects; dst == None && e.Has(DefDst) || dst != None && e&(DefDst|OptDst) == 0 {
		p.failAt(t.col, "%s: %s", i.Op, [...]string{"it has a result: write REG = …", "it has no result"}[min(dst, 1)])
	}
	i.Dst = dst
	p.operands(&i)
	p.targets(&i, b)
	if p.accept("@") {
		i.Pos = p.slot()
	}
	return i
}

// operands reads what Insn.operands prints, in its order.
func (p *parser) operands(i *Insn) {
	f, e := &forms[i.Op], i.Op.Info().Effects
	if f.has(fCond) {
		i.Cond = name[isa.Cond](p, "a condition", condNames[:])
	}
	first := true
	operand := func(used bool, read func()) {
		if used && !first {
			p.expect(",")
		}
		if used {
			first = false
			read()
		}
	}
	imm := func() { i.Imm = p.number("immediate", math.MinInt64, math.MaxInt64) }
	regOrImm := func(r *Reg) func() {
		return func() {
			if p.peek().kind == tokWord {
				*r = p.reg()
			} else {
				imm()
			}
		}
	}
	address := p.peek().text != "rule"
	operand(e.Has(UseMem), func() { p.address(i) })
	operand(e.Has(UseRef), func() { i.Ref = p.ref() })
	operand(e.Has(UseA) || f.has(fOptAddr) && address, func() { i.A = p.reg() })
	operand(e.Has(OptA), regOrImm(&i.A))
	operand(e.Has(UseB), func() { i.B = p.reg() })
	operand(e.Has(OptB), regOrImm(&i.B))
	operand(f.has(fImm), imm)
	operand(f.has(fRegion), func() {
		p.expect("region")
		i.Region = uint16(p.number("region", 0, math.MaxUint16))
	})
	operand(f.has(fRule), func() {
		p.expect("rule")
		i.Rule = name[Rule](p, "a rule", ruleNames[:])
	})
}

// address reads a memory operand.
func (p *parser) address(i *Insn) {
	p.expect("[")
	i.Base = p.reg()
	if p.next+1 < len(p.tokens) && p.tokens[p.next+1].kind == tokWord {
		p.expect("+")
		i.Index = p.reg()
		p.expect("*")
		if i.Scale = uint8(p.number("scale", 1, 8)); i.Scale&(i.Scale-1) != 0 {
			p.fail("scale %d: it must be 1, 2, 4 or 8", i.Scale)
		}
	}
	if p.peek().text == "-" || p.accept("+") {
		i.Disp = int32(p.number("displacement", math.MinInt32, math.MaxInt32))
	}
	p.expect("]")
}

func (p *parser) ref() Ref {
	r := Ref{Kind: name[RefKind](p, "a reference", refNames[:])}
	p.expect("@")
	r.Index = int32(p.number("index", 0, math.MaxInt32))
	return r
}

func (p *parser) targets(i *Insn, b *Block) {
	f := &forms[i.Op]
	if f.has(fThen) {
		p.expect("->")
		i.Then, b.Args[0] = p.block(), p.regs()
	}
	if f.has(fElse) {
		p.expect(",")
		i.Else, b.Args[1] = p.block(), p.regs()
	}
}
