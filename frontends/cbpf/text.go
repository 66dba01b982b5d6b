package cbpf

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A text is a sequence of instructions with labels before them; line ends mean nothing, as in the kernel's bpf_asm
// (tools/bpf/bpf_exp.y, Linux 6.18). What bpf_asm cannot express is written `.insn code, jt, jf, k`.

// tokenKind tells tokens apart.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenNumber
	tokenSign // one character
)

type token struct {
	kind      tokenKind
	text      string
	line, col int // 1-based
}

// lexer is what a token, or what is between two, is made of. A number is whatever begins with a digit: number says if it is one.
var lexer = regexp.MustCompile(`^(?:([ \t\r\n]+|;[^\n]*|//[^\n]*|/\*(?s:.*?)\*/)|([A-Za-z_.][A-Za-z0-9_.]*)|([0-9][A-Za-z0-9_]*)|([#\[\]()+*&,:%{}-]))`)

// tokens splits a text; the last token is a tokenEnd.
func tokens(text string) (list []token, e *Error) {
	line, start, at := 1, 0, 0
	for at < len(text) {
		m := lexer.FindStringSubmatchIndex(text[at:])
		if m == nil {
			return nil, &Error{Line: line, Col: at - start + 1, Insn: -1, Rule: RuleSyntax, Text: fmt.Sprintf("%q has no meaning here", clip(text[at:at+1]))}
		}
		part := text[at : at+m[1]]
		for group, kind := range []tokenKind{tokenWord, tokenNumber, tokenSign} {
			if m[4+2*group] >= 0 {
				list = append(list, token{kind, part, line, at - start + 1})
			}
		}
		if n := strings.Count(part, "\n"); n > 0 {
			line, start = line+n, at+strings.LastIndexByte(part, '\n')+1
		}
		at += len(part)
	}
	return append(list, token{tokenEnd, "", line, at - start + 1}), nil
}

// classic is a line that classic assembly has and no other.
var classic = regexp.MustCompile(`(?m)^[ \t]*(?:[A-Za-z_]\w*:[ \t]*)?(?:ret[ \t]+(?:#|%?[ax]\b)|ldx?[hbi]?[ \t]+(?:#|M[ \t]*\[|4[ \t]*\*|\[(?:[ \t]*%?x[ \t]*\+)?[ \t]*\w+[ \t]*\])|stx?[ \t]+M[ \t]*\[|ta?x\b|txa\b|j[a-z]+[ \t]+(?:#|%?x[ \t]*,))`)

// looksClassic reports whether a line at the beginning of the text is one of classic assembly alone.
func looksClassic(text string) bool { return classic.MatchString(text[:min(len(text), 1<<16)]) }

// alias is a mnemonic that stands for another.
type alias struct {
	name    string
	swapped bool // the label is where the jump goes if the condition does not hold
	bare    bool // a number may stand without #
}

var aliases = map[string]alias{
	"ldi": {name: "ld", bare: true}, "ldxi": {name: "ldx", bare: true}, "jmp": {name: "ja"},
	"jne": {name: "jeq", swapped: true}, "jneq": {name: "jeq", swapped: true}, "jlt": {name: "jge", swapped: true}, "jle": {name: "jgt", swapped: true},
}

// mnemonics are the rows by name.
var mnemonics = func() map[string][]*Row {
	all := map[string][]*Row{}
	for i := range Table {
		r := &Table[i]
		all[r.Name] = append(all[r.Name], r)
	}
	return all
}()

// extensions are the ancillary loads by their names in bpf_asm.
var extensions = func() map[string]Anc {
	all := map[string]Anc{}
	for i, name := range ancNames {
		if name != "" {
			all[name] = Anc(4 * i)
		}
	}
	all["vlan_pr"] = AncVlanPresent // its older name
	return all
}()

// parser reads assembly.
type parser struct {
	*reader
	tokens []token
	at     int
	labels map[string]int // the numbers of their instructions
	jumps  []jump
}

// jump is a label in an instruction.
type jump struct {
	insn  int
	label token
	field jumpField
}

type jumpField uint8

const (
	jumpK jumpField = iota
	jumpTrue
	jumpFalse
)

func (p *parser) now() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.now()
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// take skips a token if it is this one.
func (p *parser) take(text string) bool {
	if p.now().kind == tokenEnd || p.now().text != text {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(text string) *Error {
	if p.take(text) {
		return nil
	}
	return p.wrong(p.now(), "%s where %q is expected", p.now(), text)
}

// String is the token in messages.
func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return strconv.Quote(clip(t.text))
}

func (p *parser) wrong(t token, format string, args ...any) *Error {
	return &Error{Line: t.line, Col: t.col, Insn: len(p.filter.Insns), Rule: RuleSyntax, Text: fmt.Sprintf(format, args...)}
}

// assemble reads Asm.
func (r *reader) assemble(text string) *Error {
	t, e := tokens(text)
	if e != nil {
		return e
	}
	p := &parser{reader: r, tokens: t, labels: map[string]int{}}
	for p.now().kind != tokenEnd {
		if e := p.statement(); e != nil {
			return e
		}
	}
	return p.resolve()
}

// statement reads a label or an instruction.
func (p *parser) statement() *Error {
	t := p.next()
	if t.kind != tokenWord {
		return p.wrong(t, "%s where an instruction is expected", t)
	}
	if p.take(":") {
		if _, twice := p.labels[t.text]; twice {
			return p.wrong(t, "the label %s is there twice", t)
		}
		p.labels[t.text] = len(p.filter.Insns)
		return nil
	}
	i, e := p.insn(t)
	if e != nil {
		return e
	}
	p.add(i, t.line)
	return nil
}

// insn reads what follows a mnemonic.
func (p *parser) insn(t token) (i Insn, e *Error) {
	if t.text == ".insn" {
		return p.fields()
	}
	a, ok := aliases[t.text]
	if !ok {
		a.name = t.text
	}
	rows := mnemonics[a.name]
	if rows == nil {
		return i, p.wrong(t, "there is no instruction %s", t)
	}
	switch {
	case rows[0].Form == FormJump:
		p.target(jumpK)
		return Insn{Code: rows[0].Code}, nil
	case rows[0].Form == FormNone:
		return Insn{Code: rows[0].Code}, nil
	}
	form, k, e := p.operand(a.bare)
	if e != nil {
		return i, e
	}
	if form == FormMsh && a.name == "ldx" {
		rows = mnemonics["ldxb"]
	}
	for _, r := range rows {
		if r.Form == form {
			i = Insn{Code: r.Code, K: k}
			if r.Op.Cond() {
				e = p.targets(a.swapped)
			}
			return i, e
		}
	}
	return i, p.wrong(t, "%s does not take this operand: it takes %s", t, operands(rows))
}

// operands lists what the rows take.
func operands(rows []*Row) string {
	var all []string
	for _, r := range rows {
		all = append(all, strings.TrimSpace(formText[r.Form]))
	}
	return strings.Join(all, ", ")
}

// operand reads an operand and its number.
func (p *parser) operand(bare bool) (f Form, k uint32, e *Error) {
	t := p.now()
	switch {
	case p.take("["):
		return p.address()
	case p.take("M"):
		if e := p.expect("["); e != nil {
			return f, k, e
		}
		if k, e = p.number(); e != nil {
			return f, k, e
		}
		return FormMem, k, p.expect("]")
	case t.kind == tokenNumber && !bare:
		return p.masked()
	case bare && (t.kind == tokenNumber || t.text == "-" || t.text == "+"):
		k, e = p.number()
		return FormImm, k, e
	case p.take("%"):
		return p.register()
	case p.take("#") && p.now().kind != tokenWord:
		k, e = p.number()
		return FormImm, k, e
	}
	return p.named()
}

// named reads a register, len or an extension; the last two may have a # before them, which is read already.
func (p *parser) named() (f Form, k uint32, e *Error) {
	t := p.now()
	n, extension := extensions[t.text]
	switch {
	case t.kind == tokenWord && t.text == "len":
		p.at++
		return FormLen, 0, nil
	case t.kind == tokenWord && extension:
		p.at++
		return FormAbs, AncBase + uint32(n), nil
	case p.at > 0 && p.tokens[p.at-1].text == "#":
		return f, 0, p.wrong(t, "%s after #: it is a number, len or the name of an ancillary load", t)
	}
	return p.register()
}

// register reads a or x.
func (p *parser) register() (f Form, k uint32, e *Error) {
	switch t := p.next(); t.text {
	case "a":
		return FormA, 0, nil
	case "x":
		return FormX, 0, nil
	default:
		return f, 0, p.wrong(t, "%s where an operand is expected", t)
	}
}

// address reads what follows the [ of [k] and [x + k].
func (p *parser) address() (f Form, k uint32, e *Error) {
	f = FormAbs
	if percent := p.take("%"); percent || p.now().text == "x" {
		if e := p.expect("x"); e != nil {
			return f, 0, e
		}
		if e := p.expect("+"); e != nil {
			return f, 0, e
		}
		f = FormInd
	}
	if k, e = p.number(); e != nil {
		return f, 0, e
	}
	return f, k, p.expect("]")
}

// masked reads 4*([k]&0xf).
func (p *parser) masked() (f Form, k uint32, e *Error) {
	first := p.now()
	four, e := p.number()
	if e != nil {
		return f, 0, e
	}
	for _, sign := range []string{"*", "(", "["} {
		if e := p.expect(sign); e != nil {
			return f, 0, e
		}
	}
	if k, e = p.number(); e != nil {
		return f, 0, e
	}
	for _, sign := range []string{"]", "&"} {
		if e := p.expect(sign); e != nil {
			return f, 0, e
		}
	}
	mask, e := p.number()
	if e != nil {
		return f, 0, e
	}
	if four != 4 || mask != 0xf {
		return f, 0, p.wrong(first, "%d*([k]&%#x): the instruction that there is has 4*([k]&0xf)", four, mask)
	}
	return FormMsh, k, p.expect(")")
}

// number reads a number of 32 bits: decimal, 0x…, 0b…, or octal with a 0 before it. One with a sign is its two's complement.
func (p *parser) number() (uint32, *Error) {
	first := p.now()
	minus := p.take("-")
	if !minus {
		p.take("+")
	}
	t := p.next()
	if t.kind != tokenNumber {
		return 0, p.wrong(t, "%s where a number is expected", t)
	}
	v, err := strconv.ParseUint(t.text, 0, 32)
	if strings.Contains(t.text, "_") || err != nil || minus && v > 1<<31 {
		return 0, p.wrong(first, "%s is no number of 32 bits", strings.TrimPrefix(t.String(), "-"))
	}
	if minus {
		return -uint32(v), nil
	}
	return uint32(v), nil
}

// fields reads code, jt, jf, k.
func (p *parser) fields() (Insn, *Error) {
	var words [4]uint32
	for n, bits := range fieldBits {
		if n > 0 {
			if e := p.expect(","); e != nil {
				return Insn{}, e
			}
		}
		t := p.now()
		v, e := p.number()
		if e == nil && uint64(v)>>bits != 0 {
			e = p.wrong(t, "%s is %d: it has %d bits", fieldNames[n], v, bits)
		}
		if e != nil {
			return Insn{}, e
		}
		words[n] = v
	}
	return Insn{uint16(words[0]), uint8(words[1]), uint8(words[2]), words[3]}, nil
}

// targets reads the labels of a conditional jump. Where there is one, the other way is the next instruction.
func (p *parser) targets(swapped bool) *Error {
	if e := p.expect(","); e != nil {
		return e
	}
	fields := [2]jumpField{jumpTrue, jumpFalse}
	if swapped {
		fields = [2]jumpField{jumpFalse, jumpTrue}
	}
	p.target(fields[0])
	if p.take(",") {
		p.target(fields[1])
	}
	return nil
}

// target reads a label; resolve says if there is none.
func (p *parser) target(field jumpField) {
	p.jumps = append(p.jumps, jump{len(p.filter.Insns), p.next(), field})
}

// resolve sets the distances of the jumps.
func (p *parser) resolve() *Error {
	for _, j := range p.jumps {
		if e := p.link(j); e != nil {
			e.Insn = j.insn
			return e
		}
	}
	return nil
}

func (p *parser) link(j jump) *Error {
	i := &p.filter.Insns[j.insn]
	to, ok := p.labels[j.label.text]
	distance := to - j.insn - 1
	switch {
	case j.label.kind != tokenWord:
		return p.wrong(j.label, "%s where a label is expected", j.label)
	case !ok:
		return p.wrong(j.label, "there is no label %s", j.label)
	case to == len(p.filter.Insns):
		return p.wrong(j.label, "no instruction follows the label %s", j.label)
	case j.field == jumpK:
		i.K = uint32(distance)
		return nil
	case distance < 0:
		return p.wrong(j.label, "the label %s is before the jump: a conditional jump goes forward", j.label)
	case distance > 255:
		return p.wrong(j.label, "the label %s is %d instructions on: a conditional jump skips 255 at most; go on with a ja", j.label, distance)
	case j.field == jumpTrue:
		i.Jt = uint8(distance)
	default:
		i.Jf = uint8(distance)
	}
	return nil
}
