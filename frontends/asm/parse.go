package asm

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
)

// line is a source line, taken apart.
type line struct {
	number int      // 0-based
	labels []string // defined on it
	code   string   // the instruction or directive, blanks in place of everything before it
	// directive is true if code begins with a directive.
	directive bool
	// A disassembler's listing gives the slot number, the opcode or all bytes of an instruction.
	slot  int // or -1
	hint  int // or -1
	bytes []byte
	// section is set by the heading of a section in a listing.
	section string
	// listed labels come from a listing, which marks no functions.
	listed bool
	fault  *fault
}

// What disassemblers write around instructions.
var (
	listingInsn    = regexp.MustCompile(`^\s*(\d+):\s*(?:\(([0-9a-f]{2})\)\s*)?((?:[0-9a-f]{2}\s+){7}[0-9a-f]{2}(?:\s+(?:[0-9a-f]{2}\s+){7}[0-9a-f]{2})?(?:\s|$))?`)
	listingLabel   = regexp.MustCompile(`^[0-9a-f]{8,16} <(.+)>:\s*$`)
	listingFunc    = regexp.MustCompile(`^[A-Za-z_][\w \t*]*[\s*](\w+)\(.*\):\s*$`)
	listingSection = regexp.MustCompile(`^Disassembly of section (.+):\s*$`)
	listingHeader  = regexp.MustCompile(`^\S.*:\s+file format \S+\s*$`)
	listingReloc   = regexp.MustCompile(`^\s*[0-9a-f]{8,16}:\s+R_BPF_`)
	listingTarget  = regexp.MustCompile(`\s<[^<>]+>\s*$`)
)

// eachLine takes every line apart and calls f, until f returns false.
func (p *parser) eachLine(f func(line) bool) {
	inside := false
	for i, text := range p.source {
		l := line{number: i, slot: -1, hint: -1}
		if !inside && l.heading(text) {
			if !f(l) {
				return
			}
			continue
		}
		if !inside {
			text = l.listing(text)
		}
		text, inside = uncomment(text, inside)
		l.split(text)
		if !f(l) {
			return
		}
	}
}

// heading recognises the lines of a listing that hold no instruction.
func (l *line) heading(text string) bool {
	text = strings.TrimRight(text, "\r")
	if !strings.HasSuffix(text, ":") && !strings.Contains(text, "file format") && !strings.Contains(text, "R_BPF_") {
		return false
	}
	if m := listingLabel.FindStringSubmatch(text); m != nil {
		l.labels, l.listed = []string{m[1]}, true
	} else if m := listingFunc.FindStringSubmatch(text); m != nil {
		l.labels, l.listed = []string{m[1]}, true
	} else if m := listingSection.FindStringSubmatch(text); m != nil {
		l.section = m[1]
	} else if listingReloc.MatchString(text) {
		l.fault = refused(0, "relocations of a listing are not applied; give the object itself")
	} else {
		return listingHeader.MatchString(text)
	}
	return true
}

// listing reads the slot number, opcode and bytes before an instruction and blanks them.
func (l *line) listing(text string) string {
	start := strings.TrimLeft(text, " \t")
	if start == "" || start[0] < '0' || start[0] > '9' {
		return text
	}
	m := listingInsn.FindStringSubmatchIndex(text)
	if m == nil {
		return text
	}
	n, err := strconv.Atoi(text[m[2]:m[3]])
	if err != nil {
		return text
	}
	l.slot = n
	if m[4] >= 0 {
		v, _ := strconv.ParseUint(text[m[4]:m[5]], 16, 8)
		l.hint = int(v)
	}
	if m[6] >= 0 {
		l.bytes, _ = hex.DecodeString(strings.Join(strings.Fields(text[m[6]:m[7]]), ""))
	}
	rest := text[m[1]:]
	if t := listingTarget.FindStringIndex(rest); t != nil {
		rest = rest[:t[0]]
	}
	return strings.Repeat(" ", m[1]) + rest
}

// split separates labels from the instruction or directive.
func (l *line) split(text string) {
	for {
		rest := strings.TrimLeft(text, " \t\r")
		at := len(text) - len(rest)
		name, n := labelName(rest)
		if n == 0 {
			if rest != "" {
				l.code = text
			}
			l.directive = strings.HasPrefix(rest, ".")
			return
		}
		if registerLen(rest) == n-1 {
			l.fault = wrong(at, "%s is a register and cannot be a label", name)
		}
		l.labels = append(l.labels, name)
		text = strings.Repeat(" ", at+n) + rest[n:]
	}
}

// labelName returns the label at the start of s and its length with the colon, 0 if there is none.
func labelName(s string) (string, int) {
	if s == "" {
		return "", 0
	}
	n := max(wordLen(s), registerLen(s))
	name := s[:n]
	if s[0] == '"' {
		t, m, f := quoted(s)
		if f != nil {
			return "", 0
		}
		name, n = t.text, m
	}
	if n == 0 || n == len(s) || s[n] != ':' {
		return "", 0
	}
	return name, n + 1
}

// parse reads all lines.
func (p *parser) parse() error {
	var err error
	p.eachLine(func(l line) bool {
		p.line = l.number
		if f := p.readLine(l); f != nil {
			err = p.at(l.number, f)
		}
		return err == nil
	})
	return err
}

// readLine takes in one line.
func (p *parser) readLine(l line) *fault {
	if l.section != "" {
		return p.openSection(l.section, "", false)
	}
	if p.ignore && !l.directive {
		return nil
	}
	if l.fault != nil {
		return l.fault
	}
	for _, name := range l.labels {
		if f := p.define(name, l.listed); f != nil {
			return f
		}
	}
	switch {
	case l.directive:
		return p.directive(l.code)
	case l.code == "" && l.bytes == nil:
		return nil
	case p.cur == nil:
		return wrong(len(l.code)-len(strings.TrimLeft(l.code, " \t")), "an instruction in a data section; begin code with .text, .section or .program")
	}
	return p.instruction(l)
}

// define defines a label at the current place. In a listing, names other than
// those that compilers make for blocks are functions.
func (p *parser) define(name string, listed bool) *fault {
	switch {
	case p.data != nil:
		return p.data.define(p, name)
	case p.cur == nil:
		return wrong(0, "the label %s is in no section", name)
	}
	if old, ok := p.cur.labels[name]; ok && old.implied && len(p.cur.stmts) == 0 {
		return nil
	} else if ok {
		return wrong(0, "the label %s is already defined on line %d", name, old.line+1)
	}
	slot := len(p.cur.stmts)
	p.cur.labels[name] = label{slot: slot, line: p.line}
	p.cur.at[slot] = append(p.cur.at[slot], name)
	if listed && !strings.HasPrefix(strings.TrimPrefix(name, "."), "L") && !p.cur.linked {
		p.function[name], p.global[name] = true, true
	}
	return nil
}

// instruction assembles the instruction of a line.
func (p *parser) instruction(l line) *fault {
	if l.slot >= 0 && l.slot != len(p.cur.stmts) {
		return wrong(0, "the listing numbers this instruction %d, but it is number %d here: lines are missing or doubled", l.slot, len(p.cur.stmts))
	}
	if l.bytes != nil && (strings.TrimSpace(l.code) == "" || strings.TrimSpace(l.code) == "<unknown>") {
		return p.fromBytes(l.bytes)
	}
	var f *fault
	if p.tokens, f = lex(l.code, p.tokens[:0]); f != nil {
		return f
	}
	m, f := p.syntax.read(p.tokens, l.hint)
	if f != nil {
		return f
	}
	in := m.insn()
	if l.bytes != nil {
		return p.compared(m, in, l.bytes)
	}
	p.append(in, m.reference())
	return nil
}

// fromBytes takes an instruction from the bytes of a listing.
func (p *parser) fromBytes(b []byte) *fault {
	insns, err := isa.DecodeInsns(b)
	if err != nil {
		f := wrong(0, "the bytes of the listing are no instruction: %v", err)
		f.err = err
		return f
	}
	p.append(insns[0], nil)
	return nil
}

// compared takes an instruction whose listing shows text and bytes. The bytes
// decide what text leaves open: llvm-objdump writes all calls alike.
func (p *parser) compared(m match, in isa.Insn, b []byte) *fault {
	insns, err := isa.DecodeInsns(b)
	if err != nil {
		return p.fromBytes(b)
	}
	shown := insns[0]
	call := m.form.op == isa.Call || m.form.op == isa.CallLocal
	shownCall := shown.Op == isa.Call || shown.Op == isa.CallLocal || shown.Op == isa.CallKfunc
	if m.form.use != useNone && m.form.use != useJump || shown != in && !(call && shownCall && int32(shown.Imm) == int32(in.Imm)) {
		return wrong(0, "text and bytes of the listing disagree: the bytes are %v", shown)
	}
	p.append(shown, nil)
	return nil
}

// append adds an instruction to the current block.
func (p *parser) append(in isa.Insn, ref *reference) {
	b := p.cur
	if in.Op == isa.Exit && b.exit < 0 {
		b.exit = len(b.stmts)
	}
	if ref != nil && ref.use == useJump {
		b.targets[ref.name] = true
	}
	b.stmts = append(b.stmts, stmt{in, p.line, ref})
	if in.Slots() == 2 {
		b.stmts = append(b.stmts, stmt{isa.Insn{Op: isa.Pad}, p.line, nil})
	}
}

// reference returns the symbol of a match, nil if it has none.
func (m match) reference() *reference {
	if m.sym == "" || m.form.use == useNone {
		return nil
	}
	return &reference{m.form.use, m.sym, m.symCol, m.hi}
}
