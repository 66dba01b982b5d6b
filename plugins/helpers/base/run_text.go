package base

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) textTable() table {
	return table{"bpf_trace_printk": s.tracePrintk, "bpf_trace_vprintk": s.traceVprintk, "bpf_snprintf": s.snprintf}
}

// Limits of formatting: arguments, bytes of what they are packed into, bytes of a line
// (MAX_BPRINTF_VARARGS and MAX_BPRINTF_BIN_ARGS and MAX_BPRINTF_BUF, include/linux/bpf.h, Linux 6.18).
const (
	maxArguments = 12
	maxPacked    = 512
	maxLine      = 1024
)

// text is the string at an address, without its zero, as far as max bytes; whole says whether the zero was found.
func (s *session) text(c codegen.Call, addr uint64, max int) (b []byte, whole bool) {
	const piece = 64
	for len(b) < max {
		p := s.see(c, kernel, addr+uint64(len(b)), min(piece, max-len(b)))
		if len(p) == 0 {
			return b, false
		}
		if end := bytes.IndexByte(p, 0); end >= 0 {
			return append(b, p[:end]...), true
		}
		b = append(b, p...)
	}
	return b, false
}

// arguments is the numbers in memory that a helper was given for its format.
func arguments(c codegen.Call, data, size uint64) ([]uint64, codegen.Errno) {
	size = uint64(uint32(size))
	if size%8 != 0 || size > maxArguments*8 || size != 0 && data == 0 {
		return nil, codegen.EINVAL
	}
	b, err := bytesAt(c, data, size)
	args := make([]uint64, len(b)/8)
	for i := range args {
		args[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return args, err
}

// tracePrintk is bpf_trace_printk (kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) tracePrintk(c codegen.Call, format, size, a, b, d uint64) uint64 {
	return s.trace(c, "bpf_trace_printk", format, size, []uint64{a, b, d})
}

// traceVprintk is bpf_trace_vprintk (kernel/trace/bpf_trace.c, Linux 6.18).
func (s *session) traceVprintk(c codegen.Call, format, size, data, n, _ uint64) uint64 {
	args, err := arguments(c, data, n)
	if err != codegen.OK {
		return err.Ret()
	}
	return s.trace(c, "bpf_trace_vprintk", format, size, args)
}

// trace leaves a line of the trace.
func (s *session) trace(c codegen.Call, helper string, format, size uint64, args []uint64) uint64 {
	b, err := bytesAt(c, format, uint64(uint32(size)))
	end := bytes.IndexByte(b, 0)
	if err != codegen.OK || end < 0 {
		return codegen.EINVAL.Ret()
	}
	packed, err := s.pack(c, b[:end], args)
	if err != codegen.OK {
		return err.Ret()
	}
	line := out{buf: make([]byte, maxLine)}
	line.print(b[:end], packed)
	c.Record(codegen.Record{Helper: helper, Data: line.buf[:line.end()], CPU: c.CPU()})
	return uint64(line.n)
}

// snprintf is bpf_snprintf (kernel/trace/bpf_trace.c, Linux 6.18): the length counts the zero at the end, and what did not fit.
func (s *session) snprintf(c codegen.Call, str, size, format, data, n uint64) uint64 {
	args, err := arguments(c, data, n)
	if err != codegen.OK {
		return err.Ret()
	}
	const longest = 1 << 16 // more than any format in read-only data that a person writes
	f, whole := s.text(c, format, longest)
	if !whole {
		return codegen.EINVAL.Ret()
	}
	packed, err := s.pack(c, f, args)
	if err != codegen.OK {
		return err.Ret()
	}
	o := out{}
	if size = uint64(uint32(size)); size != 0 {
		b := c.Bytes(str, size, true)
		if b == nil {
			return codegen.EFAULT.Ret()
		}
		o.buf = b
	}
	o.print(f, packed)
	o.end()
	return uint64(o.n) + 1
}

// packed is the arguments of a format one behind the other: numbers of 4 or 8 bytes at multiples of 4, strings with
// their zeros. (So the kernel has them between bpf_bprintf_prepare and bstr_printf; their limits are the helpers'.)
type packed struct {
	buf [maxPacked]byte
	n   int
}

func (p *packed) align() { p.n = (p.n + 3) &^ 3 }

// number takes n bytes at a multiple of 4.
func (p *packed) number(v uint64, n int) codegen.Errno {
	p.align()
	if maxPacked-p.n < n {
		return codegen.ENOSPC
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	p.n += copy(p.buf[p.n:], b[:n])
	return codegen.OK
}

// text takes a string and a zero, cut off if there is no room.
func (p *packed) text(b []byte) codegen.Errno {
	if p.n >= maxPacked {
		return codegen.ENOSPC
	}
	n := copy(p.buf[p.n:maxPacked-1], b)
	p.n += n + 1 // a zero lies there
	return codegen.OK
}

// pack checks a format (without its zero) and packs its arguments.
func (s *session) pack(c codegen.Call, format []byte, args []uint64) (*packed, codegen.Errno) {
	p := &packed{}
	for len(format) > 0 {
		b := format[0]
		format = format[1:]
		switch {
		case b < 0x80 && !isPrint(b) && !isSpace(b):
			return nil, codegen.EINVAL
		case b != '%':
			continue
		case len(format) > 0 && format[0] == '%':
			format = format[1:]
			continue
		case len(args) == 0:
			return nil, codegen.EINVAL
		}
		sp, rest, valid := parseSpec(format)
		if !valid {
			return nil, codegen.EINVAL
		}
		if err := s.packOne(c, p, &sp, args[0]); err != codegen.OK {
			return nil, err
		}
		format, args = rest, args[1:]
	}
	return p, codegen.OK
}

// packOne packs the argument of a conversion.
func (s *session) packOne(c codegen.Call, p *packed, sp *spec, arg uint64) codegen.Errno {
	switch sp.verb {
	case character:
		if p.n >= maxPacked {
			return codegen.ENOSPC
		}
		p.buf[p.n] = byte(arg)
		p.n++
		return codegen.OK
	case textAny:
		return p.text(s.argument(c, either, arg, maxPacked-p.n))
	case textFrom:
		return p.text(s.argument(c, kernel, arg, maxPacked-p.n))
	case textUser:
		return p.text(s.argument(c, user, arg, maxPacked-p.n))
	case backtrace:
		return p.text(symbolOf(arg))
	case ip4, ip4Zeros, ip6, ip6Plain:
		return s.packIP(c, p, sp.verb, arg)
	}
	if sp.wide {
		return p.number(arg, 8)
	}
	return p.number(arg, 4)
}

// argument is a string of at most n bytes with its zero, empty if it cannot be read.
func (s *session) argument(c codegen.Call, sp space, addr uint64, n int) []byte {
	b := make([]byte, max(n, 0))
	length, err := s.copyText(c, sp, b, addr)
	if err != codegen.OK || length == 0 {
		return nil
	}
	return b[:length-1]
}

// addresses is how IP addresses are written.
var addresses = map[verb]struct {
	bytes int
	text  func(b []byte) string
}{
	ip4:      {4, func(b []byte) string { return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3]) }},
	ip4Zeros: {4, func(b []byte) string { return fmt.Sprintf("%03d.%03d.%03d.%03d", b[0], b[1], b[2], b[3]) }},
	ip6:      {16, groups},
	ip6Plain: {16, func(b []byte) string { return string(hex(b)) }},
}

// groups is the groups of an IPv6 address, none of them left out.
func groups(b []byte) string {
	out := make([]string, 0, 8)
	for pair := range slices.Chunk(b, 2) {
		out = append(out, string(hex(pair)))
	}
	return strings.Join(out, ":")
}

func hex(b []byte) []byte { return fmt.Appendf(nil, "%x", b) }

// packIP packs the text of the IP address at arg; one that cannot be read is all zero.
func (s *session) packIP(c codegen.Call, p *packed, v verb, arg uint64) codegen.Errno {
	a := addresses[v]
	if maxPacked-p.n < a.bytes {
		return codegen.ENOSPC
	}
	b := make([]byte, a.bytes)
	if _, err := s.copyBytes(c, kernel, b, arg); err != codegen.OK {
		clear(b)
	}
	return p.text([]byte(a.text(b)))
}

// symbolOf is an address as it is written when no symbol is known for it (sprint_symbol, kernel/kallsyms.c, Linux 6.18).
func symbolOf(addr uint64) []byte { return fmt.Appendf(nil, "%#x", addr) }

// print writes a format that pack has let through, with its arguments (bstr_printf, lib/vsprintf.c, Linux 6.18).
func (o *out) print(format []byte, p *packed) {
	p.n = 0
	for len(format) > 0 {
		plain := bytes.IndexByte(format, '%')
		if plain < 0 {
			plain = len(format)
		}
		o.bytes(format[:plain])
		if format = format[plain:]; len(format) == 0 {
			return
		}
		if format = format[1:]; format[0] == '%' {
			o.bytes(format[:1])
			format = format[1:]
			continue
		}
		sp, rest, _ := parseSpec(format)
		o.convert(&sp, p)
		for sp.verb >= textFrom && len(rest) > 0 && isAlnum(rest[0]) {
			rest = rest[1:] // the kernel takes what follows %p for more of it
		}
		format = rest
	}
}

// convert writes the next argument.
func (o *out) convert(sp *spec, p *packed) {
	switch sp.verb {
	case character:
		o.padded(sp, p.take(1))
	case textAny:
		o.padded(sp, p.string())
	case textFrom, textUser, backtrace, ip4, ip4Zeros, ip6, ip6Plain:
		if !o.full() { // as in the kernel, where arguments are then mistaken for one another
			o.bytes(p.string())
		}
	case symbol:
		o.padded(sp, symbolOf(p.value(8)))
	case pointer:
		o.pointer(sp, p.value(8))
	default:
		o.integer(sp, p)
	}
}

// pointer writes an address as it is. (The kernel writes a hash of it for %p and %pK, which nobody can know in advance.)
func (o *out) pointer(sp *spec, addr uint64) {
	const digits = 16
	if sp.width == 0 {
		sp.width, sp.zero = digits, true
	}
	o.number(sp, nil, strconv.AppendUint(nil, addr, 16))
}

func (o *out) integer(sp *spec, p *packed) {
	size := 4
	if sp.wide {
		size = 8
	}
	v := p.value(size)
	var sign []byte
	if sp.verb == decimal {
		if size == 4 {
			v = uint64(int64(int32(v)))
		}
		switch {
		case int64(v) < 0:
			sign, v = []byte("-"), -v
		case sp.plus:
			sign = []byte("+")
		case sp.blank:
			sign = []byte(" ")
		}
	}
	o.number(sp, sign, digitsIn(sp.verb, v))
}

func digitsIn(v verb, n uint64) []byte {
	switch v {
	case hexLower:
		return strconv.AppendUint(nil, n, 16)
	case hexUpper:
		return bytes.ToUpper(strconv.AppendUint(nil, n, 16))
	}
	return strconv.AppendUint(nil, n, 10)
}

// take is the next n bytes, zeros beyond the end.
func (p *packed) take(n int) []byte {
	b := make([]byte, n)
	if p.n < maxPacked {
		copy(b, p.buf[p.n:])
	}
	p.n += n
	return b
}

// value is the next number of 4 or 8 bytes.
func (p *packed) value(n int) uint64 {
	p.align()
	var b [8]byte
	copy(b[:], p.take(n))
	return binary.LittleEndian.Uint64(b[:])
}

// string is the next string.
func (p *packed) string() []byte {
	if p.n >= maxPacked {
		return nil
	}
	b := p.buf[p.n:]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	p.n += len(b) + 1
	return b
}
