package asm

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
)

// symbolic is the symbol to print in an instruction.
type symbolic struct {
	use    use
	name   string
	addend int64
}

// write prints an instruction; with a symbol, in a form that has one of that use.
func (s *syntax) write(in isa.Insn, sym symbolic) (string, error) {
	for _, p := range s.print[in.Op] {
		if !p.hinted && p.holds(in, sym) {
			return s.fill(p, in, sym), nil
		}
	}
	return "", fmt.Errorf("the %s dialect cannot write %v with the symbol %q", s.name, in, sym.name)
}

// holds reports whether a pattern has room for the symbol and every operand that is not zero.
func (p *pattern) holds(in isa.Insn, sym symbolic) bool {
	has := func(name string) bool { return strings.Contains(p.text, name) }
	if p.use == useJump {
		return sym.use == useNone || sym.use == useJump
	}
	if p.use != sym.use {
		return false
	}
	if sym.use != useNone {
		return sym.addend == 0 || has("$hi")
	}
	if in.Row().Kind == isa.KindLoadInd && in.Imm != 0 && !has("$disp") && !has("$imm") {
		return false
	}
	return in.Off == 0 || has("$off") || has("$fd")
}

// fill writes a pattern with its operands.
func (s *syntax) fill(p pattern, in isa.Insn, sym symbolic) string {
	var b strings.Builder
	for _, part := range p.parts {
		b.WriteString(part.literal)
		if part.operand != "" {
			b.WriteString(s.operand(part.operand, in, sym))
		}
	}
	return b.String()
}

// operand writes one operand.
func (s *syntax) operand(name string, in isa.Insn, sym symbolic) string {
	switch name {
	case "$dst":
		return s.reg + in.Dst.String()
	case "$src":
		return s.reg + in.Src.String()
	case "$wdst":
		return in.Dst.Half()
	case "$wsrc":
		return in.Src.Half()
	case "$off":
		return s.displacement(int64(in.Off))
	case "$disp":
		return s.displacement(in.Imm)
	case "$id":
		return fmt.Sprint(uint32(in.Imm))
	case "$lo":
		return fmt.Sprint(int32(in.Imm))
	case "$hi":
		if sym.use != useNone {
			return fmt.Sprintf("%+d", sym.addend)
		}
		return fmt.Sprintf("%+d", in.Imm>>32)
	case "$rel":
		return fmt.Sprintf("%+d", int32(in.Imm))
	case "$sym":
		return symbolText(sym.name)
	case "$to":
		return targetText(in, sym)
	case "$fd":
		return fmt.Sprint(in.Off)
	case "$as":
		return fmt.Sprint(uint16(in.Imm >> 16))
	case "$from":
		return fmt.Sprint(uint16(in.Imm))
	}
	return fmt.Sprint(in.Imm)
}

// displacement writes what is added to an address, as the dialect has it: "+ 8", "+8" or "8".
func (s *syntax) displacement(v int64) string {
	switch {
	case s.plain:
		return fmt.Sprint(v)
	case !s.spaced:
		return fmt.Sprintf("%+d", v)
	case v < 0:
		return fmt.Sprintf("- %d", -v)
	}
	return fmt.Sprintf("+ %d", v)
}

func targetText(in isa.Insn, sym symbolic) string {
	if sym.use == useJump {
		return symbolText(sym.name)
	}
	off, _ := in.Target(-1)
	return fmt.Sprintf("%+d", off)
}

// symbolText writes a symbol, in quotes if it could be read as something else.
func symbolText(name string) string {
	if name != "" && registerLen(name) == 0 && wordLen(name) == len(name) {
		return name
	}
	return quote(name)
}

// quote is the inverse of quoted.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
