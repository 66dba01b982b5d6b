package base

import (
	"bytes"
	"math"
)

// spec is one conversion of a format: what bpf_bprintf_prepare (kernel/bpf/helpers.c, Linux 6.18) lets through.
type spec struct {
	left, zero, plus, blank bool
	width                   int // 0 if none is given
	verb                    verb
	wide                    bool // a number of 64 bits
}

// verb is what a conversion makes of its argument.
type verb uint8

const (
	decimal verb = iota
	unsigned
	hexLower
	hexUpper
	character
	textAny   // a string at an address
	textFrom  // a string at an address of the kernel, without padding
	textUser  // of a process
	pointer   // an address in 16 digits
	symbol    // the name of an address: none is known here
	backtrace // the same, without padding
	ip4
	ip4Zeros
	ip6
	ip6Plain
)

// numbers is the conversions of numbers, and of characters and strings, by their letter; only the first four take 'l'.
var numbers = map[byte]verb{'d': decimal, 'i': decimal, 'u': unsigned, 'x': hexLower, 'X': hexUpper}

// pointers is what may follow %p, and what each is.
var pointers = []struct {
	suffix string
	verb   verb
}{
	{"ks", textFrom}, {"us", textUser}, {"K", pointer}, {"x", pointer}, {"s", symbol}, {"S", symbol}, {"B", backtrace},
	{"i4", ip4Zeros}, {"I4", ip4}, {"i6", ip6Plain}, {"I6", ip6},
}

// Classes of characters as the kernel has them (lib/ctype.c, Linux 6.18); a no-break space of Latin-1 is a blank.

func isSpace(b byte) bool { return b >= '\t' && b <= '\r' || b == ' ' || b == 0xa0 }
func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}
func isPrint(b byte) bool { return b >= ' ' && b <= '~' }
func isPunct(b byte) bool { return isPrint(b) && b != ' ' && !isAlnum(b) }

// ends reports whether s ends, or goes on with what cannot belong to a conversion.
func ends(s []byte) bool { return len(s) == 0 || isSpace(s[0]) || isPunct(s[0]) }

// parseSpec reads the conversion at the beginning of s, behind its '%', and returns what follows.
func parseSpec(s []byte) (sp spec, rest []byte, valid bool) {
	s = sp.flags(s)
	s = sp.number(s)
	if len(s) == 0 {
		return sp, s, false
	}
	switch s[0] {
	case 'p':
		return sp.pointer(s[1:])
	case 's':
		sp.verb = textAny
		return sp, s[1:], ends(s[1:])
	case 'c':
		sp.verb = character
		return sp, s[1:], true
	}
	for n := 0; n < 2 && len(s) > 0 && s[0] == 'l'; n++ {
		sp.wide, s = true, s[1:]
	}
	if len(s) == 0 {
		return sp, s, false
	}
	sp.verb, valid = numbers[s[0]]
	return sp, s[1:], valid
}

func (sp *spec) flags(s []byte) []byte {
	for ; len(s) > 0; s = s[1:] {
		switch s[0] {
		case '0':
			sp.zero = true
		case '+':
			sp.plus = true
		case '-':
			sp.left = true
		case ' ':
			sp.blank = true
		default:
			return s
		}
	}
	return s
}

func (sp *spec) number(s []byte) []byte {
	for ; len(s) > 0 && s[0] >= '0' && s[0] <= '9'; s = s[1:] {
		sp.width = min(sp.width*10+int(s[0]-'0'), math.MaxInt32)
	}
	return s
}

// pointer reads what follows "%p".
func (sp *spec) pointer(s []byte) (spec, []byte, bool) {
	sp.verb, sp.wide = pointer, true
	if ends(s) {
		return *sp, s, true
	}
	for _, p := range pointers {
		if rest, found := bytes.CutPrefix(s, []byte(p.suffix)); found {
			sp.verb = p.verb
			isText := p.verb == textFrom || p.verb == textUser
			return *sp, rest, !isText || ends(rest)
		}
	}
	return *sp, s, false
}

// out is a buffer of which the length that text would need is counted beyond its end.
type out struct {
	buf []byte
	n   int
}

// full reports whether nothing more fits.
func (o *out) full() bool { return o.n >= len(o.buf) }

// end puts a zero behind the text, over the last byte if there is no room, and returns where.
func (o *out) end() int {
	n := min(o.n, len(o.buf)-1)
	if n >= 0 {
		o.buf[n] = 0
	}
	return n
}

func (o *out) bytes(b []byte) {
	if !o.full() {
		copy(o.buf[o.n:], b)
	}
	o.n += len(b)
}

func (o *out) fill(b byte, n int) {
	for i := o.n; i < min(o.n+n, len(o.buf)); i++ {
		o.buf[i] = b
	}
	o.n += max(n, 0)
}

// padded writes text in a field of the conversion's width.
func (o *out) padded(sp *spec, b []byte) {
	gap := sp.width - len(b)
	if !sp.left {
		o.fill(' ', gap)
	}
	o.bytes(b)
	if sp.left {
		o.fill(' ', gap)
	}
}

// number writes digits behind a sign in a field of the conversion's width (number, lib/vsprintf.c, Linux 6.18).
func (o *out) number(sp *spec, sign, digits []byte) {
	gap := sp.width - len(sign) - len(digits)
	if !sp.left && !sp.zero {
		o.fill(' ', gap)
	}
	o.bytes(sign)
	if !sp.left && sp.zero {
		o.fill('0', gap)
	}
	o.bytes(digits)
	if sp.left {
		o.fill(' ', gap)
	}
}
