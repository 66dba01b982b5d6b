package base

import (
	"encoding/binary"
	"math"

	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) numberTable() table {
	return table{"bpf_strtol": strtol, "bpf_strtoul": strtoul, "bpf_strncmp": s.strncmp}
}

// strtol is bpf_strtol (kernel/bpf/helpers.c, Linux 6.18).
func strtol(c codegen.Call, buf, n, flags, result, _ uint64) uint64 {
	return parse(c, buf, n, flags, result, func(v uint64, negative bool) (uint64, codegen.Errno) {
		const smallest = 1 << 63
		switch {
		case negative && v > smallest || !negative && v >= smallest:
			return 0, codegen.ERANGE
		case negative:
			v = -v
		}
		return v, codegen.OK
	})
}

// strtoul is bpf_strtoul (kernel/bpf/helpers.c, Linux 6.18).
func strtoul(c codegen.Call, buf, n, flags, result, _ uint64) uint64 {
	return parse(c, buf, n, flags, result, func(v uint64, negative bool) (uint64, codegen.Errno) {
		if negative {
			return 0, codegen.EINVAL
		}
		return v, codegen.OK
	})
}

// parse reads a number, makes of it what the helper gives, and returns the length of what it has read. The result is 0 if it fails.
func parse(c codegen.Call, buf, n, flags, result uint64, give func(v uint64, negative bool) (uint64, codegen.Errno)) uint64 {
	out, text := c.Bytes(result, 8, true), c.Bytes(buf, n, false)
	if out == nil || text == nil {
		return codegen.EINVAL.Ret()
	}
	clear(out)
	v, negative, length, err := parseNumber(text, flags)
	if err == codegen.OK {
		v, err = give(v, negative)
	}
	if err != codegen.OK {
		return err.Ret()
	}
	binary.LittleEndian.PutUint64(out, v)
	return uint64(length)
}

// parseNumber is __bpf_strtoull (kernel/bpf/helpers.c, Linux 6.18): blanks, a sign, a number in the base that the flags say.
func parseNumber(text []byte, flags uint64) (v uint64, negative bool, length int, err codegen.Errno) {
	const looksAt = 63 // characters from the number's beginning
	base := flags
	if base != 0 && base != 8 && base != 10 && base != 16 {
		return 0, false, 0, codegen.EINVAL
	}
	rest := text
	for len(rest) > 0 && isSpace(rest[0]) {
		rest = rest[1:]
	}
	if negative = len(rest) > 0 && rest[0] == '-'; negative {
		rest = rest[1:]
	}
	before := len(text) - len(rest)
	rest = rest[:min(len(rest), looksAt)]
	base, prefix := radix(rest, base)
	v, digits, fits := digitsOf(rest[prefix:], base)
	switch {
	case !fits:
		return 0, negative, 0, codegen.ERANGE
	case digits == 0:
		return 0, negative, 0, codegen.EINVAL
	}
	return v, negative, before + prefix + digits, codegen.OK
}

// radix is the base that a number's beginning says if none is given, and the length of a prefix "0x"
// (_parse_integer_fixup_radix, lib/kstrtox.c, Linux 6.18).
func radix(s []byte, base uint64) (uint64, int) {
	zero := len(s) > 0 && s[0] == '0'
	hex := zero && len(s) > 1 && s[1]|0x20 == 'x'
	if base == 0 {
		switch {
		case hex && len(s) > 2 && digit(s[2]) < 16:
			base = 16
		case zero:
			base = 8
		default:
			base = 10
		}
	}
	if base == 16 && hex {
		return base, len("0x")
	}
	return base, 0
}

// digitsOf is the value and the number of the digits that begin s (_parse_integer, lib/kstrtox.c, Linux 6.18).
func digitsOf(s []byte, base uint64) (v uint64, n int, fits bool) {
	fits = true
	for ; n < len(s) && digit(s[n]) < base; n++ {
		d := digit(s[n])
		fits = fits && v <= (math.MaxUint64-d)/base
		v = v*base + d
	}
	return v, n, fits
}

// digit is the value of a digit, more than any base for what is none.
func digit(b byte) uint64 {
	switch {
	case b >= '0' && b <= '9':
		return uint64(b - '0')
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return uint64(b|0x20-'a') + 10
	}
	return math.MaxUint8
}

// strncmp compares memory that need not end in a zero with a string (strncmp, lib/string.c, Linux 6.18).
func (s *session) strncmp(c codegen.Call, s1, n, s2, _, _ uint64) uint64 {
	a, err := bytesAt(c, s1, uint64(uint32(n)))
	if err != codegen.OK {
		return err.Ret()
	}
	b, whole := s.text(c, s2, len(a))
	if !whole && len(b) < len(a) {
		return codegen.EFAULT.Ret()
	}
	for i, x := range a {
		y := byte(0)
		if i < len(b) {
			y = b[i]
		}
		switch {
		case x < y:
			return math.MaxUint64
		case x > y:
			return 1
		case x == 0:
			return 0
		}
	}
	return 0
}
