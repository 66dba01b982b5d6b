package asm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
)

// syntax is a dialect, compiled: the forms by opcode for the printer, and all
// of them as a tree over tokens for the parser.
type syntax struct {
	dialect
	print [isa.NumOps][]pattern
	root  *node
}

// pattern is a form split at its operands.
type pattern struct {
	form
	parts []part
}

// part is a piece of literal text followed by an operand; the last one may have none.
type part struct {
	literal string
	operand string
}

// node is a place in the tree: what may follow, and the forms that end here.
type node struct {
	literal  map[string]*node
	operands []operandEdge
	forms    []form
}

type operandEdge struct {
	name string
	to   *node
}

// compile builds the syntax of a dialect.
func compile(d dialect) *syntax {
	s := &syntax{dialect: d, root: &node{}}
	for i := range isa.Table {
		r := &isa.Table[i]
		if r.Kind == isa.KindInvalid || r.Kind == isa.KindPad {
			continue
		}
		seen := map[string]bool{}
		for _, f := range d.forms(r) {
			if seen[f.text] {
				continue
			}
			seen[f.text], f.op = true, r.Op
			s.print[i] = append(s.print[i], pattern{f, split(f.text)})
			s.root.add(f, f.text)
			for _, optional := range []string{"$off", "$disp"} {
				if strings.Contains(f.text, optional) {
					s.root.add(f, strings.Replace(f.text, optional, "", 1))
				}
			}
		}
	}
	return s
}

// split cuts the text of a form at its operands.
func split(text string) []part {
	var parts []part
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return append(parts, part{literal: text})
		}
		n := 1 + span(text[i+1:], len(text), "abcdefghijklmnopqrstuvwxyz0123456789")
		parts = append(parts, part{text[:i], text[i : i+n]})
		text = text[i+n:]
	}
}

// add puts a form into the tree.
func (n *node) add(f form, text string) {
	tokens, fault := lex(text, nil)
	if fault != nil {
		panic(fmt.Sprintf("asm: form %q: %s", text, fault.text)) // a bug in the tables, found by any test
	}
	for _, t := range tokens {
		n = n.child(t)
	}
	n.forms = append(n.forms, f)
}

// child returns the node after a token of a form, which it makes if needed.
func (n *node) child(t token) *node {
	if !strings.HasPrefix(t.text, "$") {
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[t.text] == nil {
			n.literal[t.text] = &node{}
		}
		return n.literal[t.text]
	}
	for _, e := range n.operands {
		if e.name == t.text {
			return e.to
		}
	}
	n.operands = append(n.operands, operandEdge{t.text, &node{}})
	return n.operands[len(n.operands)-1].to
}

// operands are what a match found in a line. The booleans tell what was set.
type operands struct {
	dst, src       isa.Reg
	hasDst, hasSrc bool
	off            int16
	imm, hi, to    int64
	sym            string
	symCol         int
	numeric        bool // $to was a number
}

// match is the result of reading a line.
type match struct {
	form form
	operands
}

// matcher walks the tree along the tokens of a line and remembers the furthest failure.
type matcher struct {
	tokens []token
	hint   int // code byte that a listing tells, or -1
	end    int // column after the last token

	failAt   int // index of the furthest token that did not fit
	expected []string
	reason   *fault // a better explanation than expected, at failAt
	aside    *fault // one from before failAt
}

// read matches a line. tokens is not empty.
func (s *syntax) read(tokens []token, hint int) (match, *fault) {
	last := tokens[len(tokens)-1]
	m := &matcher{tokens: tokens, hint: hint, end: last.col + len(last.text)}
	if out, ok := m.walk(s.root, 0, operands{}); ok {
		return out, nil
	}
	return match{}, m.fault()
}

// walk matches the tokens from index i on below n.
func (m *matcher) walk(n *node, i int, o operands) (match, bool) {
	if i == len(m.tokens) {
		return m.finish(n, i, o)
	}
	t := m.tokens[i]
	if next := n.literal[t.text]; next != nil && t.kind != tokString {
		if out, ok := m.walk(next, i+1, o); ok {
			return out, true
		}
	}
	for _, e := range n.operands {
		p := o
		used, f := p.take(e.name, m.tokens[i:])
		if used == 0 {
			m.fail(i, operandNames[e.name], f)
			continue
		}
		if out, ok := m.walk(e.to, i+used, p); ok {
			return out, true
		}
	}
	m.failLiterals(n, i)
	return match{}, false
}

// finish picks a form that ends at n.
func (m *matcher) finish(n *node, i int, o operands) (match, bool) {
	for _, f := range n.forms {
		if m.hint < 0 && !f.hinted || m.hint == int(isa.Table[f.op].Code) {
			if err := o.check(f, m.tokens); err != nil {
				m.fail(i, "", err)
				continue
			}
			return match{f, o}, true
		}
	}
	for _, e := range n.operands {
		m.fail(i, operandNames[e.name], nil)
	}
	m.failLiterals(n, i)
	return match{}, false
}

// fail notes that token i is not what was expected.
func (m *matcher) fail(i int, expected string, reason *fault) {
	if i < m.failAt {
		if reason != nil {
			m.aside = reason
		}
		return
	}
	if i > m.failAt {
		if m.reason != nil {
			m.aside = m.reason
		}
		m.failAt, m.expected, m.reason = i, nil, nil
	}
	if reason != nil && m.reason == nil {
		m.reason = reason
	}
	if expected != "" && !slices.Contains(m.expected, expected) {
		m.expected = append(m.expected, expected)
	}
}

// failLiterals notes the literals that could have stood at token i.
func (m *matcher) failLiterals(n *node, i int) {
	if i < m.failAt || i == 0 {
		return
	}
	m.fail(i, "", nil)
	words := make([]string, 0, len(n.literal))
	for w := range n.literal {
		words = append(words, w)
	}
	slices.Sort(words)
	for _, w := range words {
		m.fail(i, "'"+w+"'", nil)
	}
}

// fault explains the furthest failure.
func (m *matcher) fault() *fault {
	if m.reason != nil {
		return m.reason
	}
	f := m.unexpected()
	if m.aside != nil {
		f.text += "; or else " + m.aside.text
	}
	return f
}

// unexpected explains the furthest failure by what was expected there.
func (m *matcher) unexpected() *fault {
	col, got := m.end, "the end of the line"
	if m.failAt < len(m.tokens) {
		col, got = m.tokens[m.failAt].col, "'"+clip(m.tokens[m.failAt].text, 40)+"'"
	}
	switch {
	case m.failAt == 0:
		return wrong(col, "unknown instruction: no instruction of this dialect begins with %s", got)
	case len(m.expected) == 0 && m.failAt < len(m.tokens):
		return wrong(col, "the instruction is complete before %s", got)
	case len(m.expected) == 0:
		return wrong(col, "the line is no instruction of this dialect")
	case len(m.expected) > 8:
		return wrong(col, "unexpected %s; expected %s or one of %d others", got, strings.Join(m.expected[:6], ", "), len(m.expected)-6)
	}
	return wrong(col, "expected %s, not %s", strings.Join(m.expected, " or "), got)
}

// operandNames says what each operand is, for messages.
var operandNames = map[string]string{
	"$dst": "a register (r0 to r10)", "$src": "a register (r0 to r10)",
	"$wdst": "a 32-bit register (w0 to w10)", "$wsrc": "a 32-bit register (w0 to w10)",
	"$imm": "a number", "$imm64": "a number", "$off": "a displacement", "$disp": "a displacement",
	"$id": "a number", "$lo": "a number", "$hi": "a number with a sign", "$rel": "an offset with a sign",
	"$to": "a label or an offset", "$sym": "a name", "$fd": "a number", "$as": "an address space", "$from": "an address space",
}

// take reads one operand from the start of tokens and returns how many it
// used: 0 if it is not there, with a reason if there is something better to say
// than that another thing was expected.
func (o *operands) take(name string, tokens []token) (int, *fault) {
	switch name {
	case "$dst", "$wdst":
		return takeRegister(name[1] == 'w', tokens[0], &o.dst, &o.hasDst)
	case "$src", "$wsrc":
		return takeRegister(name[1] == 'w', tokens[0], &o.src, &o.hasSrc)
	case "$sym":
		return o.takeSymbol(tokens[0])
	case "$to":
		return o.takeTarget(tokens)
	}
	return o.takeNumber(name, tokens)
}

func takeRegister(half bool, t token, to *isa.Reg, set *bool) (int, *fault) {
	if t.kind != tokReg || (t.text[0] == 'w') != half {
		return 0, nil
	}
	n, _ := strconv.Atoi(t.text[1:])
	r := isa.Reg(n)
	switch {
	case r > isa.R10:
		return 0, wrong(t.col, "there is no register %s; the last one is %c10", t.text, t.text[0])
	case *set && *to != r:
		return 0, wrong(t.col, "this register must be %c%d again: the instruction has one operand for both", t.text[0], *to)
	}
	*to, *set = r, true
	return 1, nil
}

func (o *operands) takeSymbol(t token) (int, *fault) {
	if t.kind != tokWord && t.kind != tokString || t.text == "" {
		return 0, nil
	}
	o.sym, o.symCol = t.text, t.col
	return 1, nil
}

// takeTarget reads a label or an offset in slots, which bpftool writes with "pc" before it.
func (o *operands) takeTarget(tokens []token) (int, *fault) {
	if t := tokens[0]; t.kind == tokWord && t.text == "pc" && len(tokens) > 2 {
		if n, f := o.takeTarget(tokens[1:]); n > 1 {
			return n + 1, f
		}
	}
	if n, _ := o.takeSymbol(tokens[0]); n > 0 {
		return n, nil
	}
	v, n, f := signed(tokens, math.MaxInt32)
	if n == 0 {
		return 0, f
	}
	o.to, o.numeric = v, true
	return n, nil
}

// takeNumber reads the operands that are numbers.
func (o *operands) takeNumber(name string, tokens []token) (int, *fault) {
	limit := uint64(math.MaxUint32)
	switch name {
	case "$imm64":
		limit = math.MaxUint64
	case "$off", "$fd":
		limit = math.MaxInt16
	case "$as", "$from":
		limit = math.MaxUint16
	case "$rel", "$disp", "$hi":
		limit = math.MaxInt32
	}
	hasSign := tokens[0].kind == tokSign
	unsigned := name == "$id" || name == "$as" || name == "$from"
	if hasSign && unsigned || !hasSign && (name == "$rel" || name == "$hi") {
		return 0, nil
	}
	v, n, f := signed(tokens, limit)
	if n == 0 {
		return 0, f
	}
	o.set(name, v)
	return n, nil
}

// set stores the value of a number operand.
func (o *operands) set(name string, v int64) {
	switch name {
	case "$off", "$fd":
		o.off = int16(v)
	case "$hi":
		o.hi = v
	case "$imm64", "$disp", "$rel":
		o.imm = v
	case "$as":
		o.imm |= int64(int32(uint32(v) << 16))
	case "$from":
		o.imm |= v
	default: // 32 bits, written with or without sign
		o.imm = int64(int32(v))
	}
}

// signed reads a number with an optional sign, "+ -8" included, and returns its
// 64 bits. A positive number may be up to limit, a negative one down to -limit/2-1
// for limits that stand for unsigned bits, else -limit-1.
func signed(tokens []token, limit uint64) (int64, int, *fault) {
	n, negative := 0, false
	for n < len(tokens) && n < 2 && tokens[n].kind == tokSign && (tokens[n].text == "-" || n == 0 && tokens[n].text == "+") {
		negative = negative != (tokens[n].text == "-")
		n++
	}
	if n == len(tokens) || tokens[n].kind != tokNumber {
		return 0, 0, nil
	}
	v, low := tokens[n].num, limit
	if limit == math.MaxUint32 || limit == math.MaxUint64 {
		low = limit / 2
	}
	switch {
	case negative && v > low+1:
		return 0, 0, wrong(tokens[0].col, "the number is below %s", negated(low+1))
	case !negative && v > limit:
		return 0, 0, wrong(tokens[0].col, "the number is above %d", limit)
	case negative:
		return -int64(v), n + 1, nil
	}
	return int64(v), n + 1, nil
}

func negated(v uint64) string { return "-" + strconv.FormatUint(v, 10) }

// check refuses operands that the form's opcode cannot hold.
func (o *operands) check(f form, tokens []token) *fault {
	r := &isa.Table[f.op]
	if f.use == useJump && o.numeric && r.OffUse == isa.Operand && o.to != int64(int16(o.to)) {
		return wrong(tokens[len(tokens)-1].col, "the offset %d does not fit into 16 bits; a 32-bit jump reaches further", o.to)
	}
	return nil
}

// insn builds the instruction of a match whose symbol, if any, is not resolved yet.
func (m match) insn() isa.Insn {
	r := &isa.Table[m.form.op]
	in := isa.Insn{Op: m.form.op}
	if r.DstUse == isa.Operand {
		in.Dst = m.dst
	}
	if r.SrcUse == isa.Operand {
		in.Src = m.src
	}
	if r.OffUse == isa.Operand {
		in.Off = m.off
	}
	if r.ImmUse == isa.Operand && m.form.use != useSymbol {
		in.Imm = m.imm
		if r.Kind == isa.KindLoadImm64 && r.Sub != isa.SubImm64 {
			in.Imm = m.hi<<32 | int64(uint32(m.imm))
		}
	}
	if m.form.use == useJump {
		setJump(&in, m.to)
	}
	return in
}

// setJump stores the offset of a jump in slots, which fits.
func setJump(in *isa.Insn, off int64) {
	if in.Row().OffUse == isa.Operand {
		in.Off = int16(off)
	} else {
		in.Imm = off
	}
}
