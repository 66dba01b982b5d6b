package cbpf

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Format is a form in which filters are written.
type Format uint8

// The formats.
const (
	Auto    Format = iota // recognised by Detect
	Decimal               // `tcpdump -ddd`: the number of instructions, then `code jt jf k`, each on a line
	CArray                // `tcpdump -dd`: initialisers of struct sock_filter, `{ 0x28, 0, 0, 0x0000000c },`
	OneLine               // xt_bpf and bpf_asm: `N,code jt jf k,code jt jf k,`
	Asm                   // the text of bpf_asm
	Binary                // struct sock_filter, little-endian
)

var formatNames = [...]string{Auto: "auto", Decimal: "ddd", CArray: "dd", OneLine: "line", Asm: "asm", Binary: "raw"}

// String is the format's name.
func (f Format) String() string { return formatNames[f] }

// Formats returns the names of the formats.
func Formats() []string { return formatNames[1:] }

// ParseFormat returns the format of that name; "" is Auto.
func ParseFormat(name string) (Format, bool) {
	if name == "" {
		return Auto, true
	}
	i := slices.Index(formatNames[:], name)
	return Format(max(i, 0)), i >= 0
}

// Dialect is the one of filters in this format if nothing else tells: what libpcap has compiled follows its rules, all else
// those of Linux.
func (f Format) Dialect() Dialect {
	if f == Decimal || f == CArray {
		return Pcap
	}
	return Linux
}

// Detect recognises the format by the content. sure is false where bytes or text that are no filter may look the same: for
// Binary, and for text in which no line is one of classic assembly alone.
func Detect(b []byte) (f Format, sure bool) {
	text := bytes.TrimSpace(b)
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	second, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte("\n"))
	switch count, _, comma := bytes.Cut(first, []byte(",")); {
	case comma && isDecimal(count):
		return OneLine, true
	case isDecimal(first) && len(bytes.Fields(second)) == 4 && !slices.ContainsFunc(bytes.Fields(second), func(w []byte) bool { return !isDecimal(w) }):
		return Decimal, true
	case bytes.HasPrefix(text, []byte("{")):
		return CArray, true
	case isText(b):
		return Asm, looksClassic(string(b))
	}
	return Binary, false
}

func isDecimal(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && len(b) <= 10 && !bytes.ContainsFunc(b, func(r rune) bool { return r < '0' || r > '9' })
}

func isText(b []byte) bool {
	return len(b) > 0 && utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) })
}

// Parse reads a filter; name stands for it in messages. It checks the form alone: what a dialect demands, Filter.Check
// says. b is not kept. Errors are *Error.
func Parse(name string, b []byte, format Format) (*Filter, error) {
	if format == Auto {
		format, _ = Detect(b)
	}
	r := &reader{filter: Filter{Name: name}}
	var err *Error
	switch format {
	case Decimal:
		err = r.decimal(string(b))
	case CArray:
		err = r.array(string(b))
	case OneLine:
		err = r.line(string(b))
	case Asm:
		err = r.assemble(string(b))
	default:
		err = r.binary(b)
	}
	if err != nil {
		err.File = name
		return nil, err
	}
	return &r.filter, nil
}

// reader makes a filter.
type reader struct{ filter Filter }

// add appends an instruction from a line of the input.
func (r *reader) add(i Insn, line int) {
	r.filter.Insns, r.filter.Lines = append(r.filter.Insns, i), append(r.filter.Lines, line)
}

func misformed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Insn: -1, Rule: RuleForm, Text: fmt.Sprintf(format, args...)}
}

func (r *reader) binary(b []byte) *Error {
	if n := len(b) % InsnSize; n != 0 {
		return leftOver(b)
	}
	r.filter.Insns = decode(b)
	return nil
}

// decimal reads Decimal.
func (r *reader) decimal(text string) *Error {
	want, number := -1, 0
	for line := range strings.Lines(text) {
		number++
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case want < 0:
			n, err := strconv.ParseUint(words[0], 10, 31)
			if err != nil || len(words) != 1 {
				return misformed(number, "the first line is %q: it is the number of instructions", clip(line))
			}
			want = int(n)
		default:
			i, e := insnOf(words, number)
			if e != nil {
				return e
			}
			r.add(i, number)
		}
	}
	return r.counted(want)
}

// counted compares the number of instructions with the one that the input says.
func (r *reader) counted(want int) *Error {
	switch got := len(r.filter.Insns); {
	case want < 0:
		return misformed(0, "the number of instructions is missing")
	case got != want:
		return misformed(0, "the filter has %d instructions, and says that it has %d; is the file whole?", got, want)
	}
	return nil
}

// line reads OneLine.
func (r *reader) line(text string) *Error {
	count, rest, _ := strings.Cut(strings.TrimSpace(text), ",")
	want, err := strconv.ParseUint(strings.TrimSpace(count), 10, 31)
	if err != nil {
		return misformed(1, "it begins with %q: it is the number of instructions", clip(count))
	}
	if rest = strings.TrimSuffix(strings.TrimSpace(rest), ","); rest != "" {
		for part := range strings.SplitSeq(rest, ",") {
			i, e := insnOf(strings.Fields(part), 1)
			if e != nil {
				return e
			}
			r.add(i, 1)
		}
	}
	return r.counted(int(want))
}

// array reads CArray: rows of four numbers in braces, commas between them, and comments of C.
func (r *reader) array(text string) *Error {
	t, e := tokens(text)
	if e != nil {
		e.Rule = RuleForm
		return e
	}
	p := parser{reader: r, tokens: t}
	for p.now().kind != tokenEnd {
		line := p.now().line
		i, e := p.row()
		if e != nil {
			e.Rule = RuleForm
			return e
		}
		r.add(i, line)
		if !p.take(",") && p.now().kind != tokenEnd {
			return misformed(p.now().line, "a comma is missing before %q", clip(p.now().text))
		}
	}
	return nil
}

// row reads { code, jt, jf, k }.
func (p *parser) row() (i Insn, e *Error) {
	if e := p.expect("{"); e != nil {
		return i, e
	}
	if i, e = p.fields(); e != nil {
		return i, e
	}
	return i, p.expect("}")
}

// insnOf reads four numbers.
func insnOf(words []string, line int) (i Insn, e *Error) {
	if len(words) != 4 {
		return i, misformed(line, "an instruction has %d numbers: it is `code jt jf k`", len(words))
	}
	var numbers [4]uint32
	for n, bits := range fieldBits {
		v, err := strconv.ParseUint(words[n], 0, bits)
		if err != nil {
			return i, misformed(line, "%q is no number of %d bits: it is the %s of an instruction", clip(words[n]), bits, fieldNames[n])
		}
		numbers[n] = uint32(v)
	}
	return Insn{uint16(numbers[0]), uint8(numbers[1]), uint8(numbers[2]), numbers[3]}, nil
}

// The fields of an instruction in the order in which they are written.
var (
	fieldBits  = [4]int{16, 8, 8, 32}
	fieldNames = [4]string{"code", "jt", "jf", "k"}
)

// Write writes the filter in a format. Asm and CArray take comments; the result is read back as the same instructions.
func Write(insns []Insn, format Format) []byte {
	var b bytes.Buffer
	switch format {
	case Decimal:
		fmt.Fprintln(&b, len(insns))
		for _, i := range insns {
			fmt.Fprintln(&b, i.Code, i.Jt, i.Jf, i.K)
		}
	case CArray:
		for _, i := range insns {
			fmt.Fprintf(&b, "{ %#x, %d, %d, %#08x },\n", i.Code, i.Jt, i.Jf, i.K)
		}
	case OneLine:
		fmt.Fprintf(&b, "%d,", len(insns))
		for _, i := range insns {
			fmt.Fprintf(&b, "%d %d %d %d,", i.Code, i.Jt, i.Jf, i.K)
		}
		b.WriteByte('\n')
	case Binary:
		return Encode(insns)
	default:
		return []byte(Print(insns))
	}
	return b.Bytes()
}

// clip cuts a text for a message and replaces what is not printable.
func clip(s string) string {
	const most = 120
	if s = strings.TrimSpace(s); len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
