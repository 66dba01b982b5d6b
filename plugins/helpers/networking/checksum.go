package networking

import "github.com/bpfc/bpfc/core/codegen"

// Flags of bpf_l3_csum_replace and bpf_l4_csum_replace (include/uapi/linux/bpf.h).
const (
	sumFieldMask = 0xf
	sumPseudo    = 1 << 4 // BPF_F_PSEUDO_HDR
	sumMangled0  = 1 << 5 // BPF_F_MARK_MANGLED_0
	sumEnforce   = 1 << 6 // BPF_F_MARK_ENFORCE
	sumIPv6      = 1 << 7 // BPF_F_IPV6
)

// maxLevel is SKB_MAX_CSUM_LEVEL.
const maxLevel = 3

// checksumGo keep checksums right (net/core/filter.c, Linux 6.18).
func checksumGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_l3_csum_replace": replaceL3,
		"bpf_l4_csum_replace": replaceL4,
		"bpf_csum_diff":       sumDiff,
		"bpf_csum_update":     sumUpdate,
		"bpf_csum_level":      sumLevel,
	}
}

// add32 adds with the carry coming back in at the low end (csum_add).
func add32(a, b uint32) uint32 {
	s := a + b
	if s < a {
		s++
	}
	return s
}

// sub32 subtracts so (csum_sub).
func sub32(a, b uint32) uint32 { return add32(a, ^b) }

// add16 is add32 in 16 bits (csum16_add).
func add16(a, b uint16) uint16 {
	s := a + b
	if s < a {
		s++
	}
	return s
}

// partial adds memory to a sum, as numbers of 16 bits in the host's order; a last
// odd byte counts as the low one (csum_partial).
func partial(b []byte, s uint32) uint32 {
	total := uint64(s)
	for ; len(b) >= 4; b = b[4:] {
		total += uint64(little.Uint32(b))
	}
	if len(b) >= 2 {
		total += uint64(little.Uint16(b))
		b = b[2:]
	}
	if len(b) > 0 {
		total += uint64(b[0])
	}
	total = total&0xffffffff + total>>32
	return add32(uint32(total), uint32(total>>32))
}

// to16 brings a sum to 16 bits (csum_from32to16).
func to16(s uint32) uint16 { return add16(uint16(s), uint16(s>>16)) }

// fold brings a sum to 16 bits and turns it round, as headers hold it (csum_fold).
func fold(s uint32) uint16 { return ^to16(s) }

// sum and setSum are the checksum in a header.
func sum(b []byte) uint16       { return little.Uint16(b) }
func setSum(b []byte, s uint16) { little.PutUint16(b, s) }

// byDiff puts a difference into a checksum (csum_replace_by_diff).
func byDiff(b []byte, diff uint32) { setSum(b, fold(add32(diff, ^uint32(sum(b))))) }

// by4 replaces 4 bytes under a checksum (csum_replace4).
func by4(b []byte, from, to uint32) {
	setSum(b, fold(add32(sub32(^uint32(sum(b)), from), to)))
}

// by2 replaces 2 bytes under one (csum_replace2).
func by2(b []byte, from, to uint16) {
	setSum(b, ^add16(add16(^sum(b), ^from), to))
}

// sumAt is the checksum at an offset of the packet that a helper may change, or the error.
func sumAt(c codegen.Call, offset uint64) ([]byte, codegen.Errno) {
	b, off := c.Packet().Bytes(), uint64(uint32(offset))
	if off > 0xffff || off&1 != 0 || off+2 > uint64(len(b)) {
		return nil, codegen.EFAULT
	}
	return b[off:], codegen.OK
}

// replaceL3 is bpf_l3_csum_replace.
func replaceL3(c codegen.Call, _, offset, from, to, flags uint64) uint64 {
	if flags&^sumFieldMask != 0 {
		return codegen.EINVAL.Ret()
	}
	b, e := sumAt(c, offset)
	if e != codegen.OK {
		return e.Ret()
	}
	switch {
	case flags == 0 && from == 0:
		byDiff(b, uint32(to))
	case flags == 2:
		by2(b, uint16(from), uint16(to))
	case flags == 4:
		by4(b, uint32(from), uint32(to))
	default:
		return codegen.EINVAL.Ret()
	}
	return 0
}

// replaceL4 is bpf_l4_csum_replace of a packet that carries no checksum of its
// own: whether the field is of the pseudo header makes no difference then.
func replaceL4(c codegen.Call, _, offset, from, to, flags uint64) uint64 {
	if flags&^(sumFieldMask|sumPseudo|sumMangled0|sumEnforce|sumIPv6) != 0 {
		return codegen.EINVAL.Ret()
	}
	b, e := sumAt(c, offset)
	if e != codegen.OK {
		return e.Ret()
	}
	if flags&(sumMangled0|sumEnforce) == sumMangled0 && sum(b) == 0 {
		return 0 // UDP without a checksum
	}
	switch size := flags & sumFieldMask; {
	case size == 0 && from == 0:
		byDiff(b, uint32(to))
	case size == 2:
		by4(b, uint32(uint16(from)), uint32(uint16(to)))
	case size == 4:
		by4(b, uint32(from), uint32(to))
	default:
		return codegen.EINVAL.Ret()
	}
	if flags&sumMangled0 != 0 && sum(b) == 0 {
		setSum(b, 0xffff)
	}
	return 0
}

// sumDiff is bpf_csum_diff. Linux 6.18 takes sizes that are no multiple of 4, too.
func sumDiff(c codegen.Call, from, fromSize, to, toSize, seed uint64) uint64 {
	old, fresh := c.Bytes(from, uint64(uint32(fromSize)), false), c.Bytes(to, uint64(uint32(toSize)), false)
	s := uint32(seed)
	switch {
	case len(old) > 0 && len(fresh) > 0:
		s = sub32(partial(fresh, s), partial(old, 0))
	case len(fresh) > 0:
		s = partial(fresh, s)
	case len(old) > 0:
		s = ^partial(old, ^s)
	}
	return uint64(to16(s))
}

// sumUpdate is bpf_csum_update of a packet that carries no checksum of its own.
func sumUpdate(codegen.Call, uint64, uint64, uint64, uint64, uint64) uint64 {
	return codegen.ENOTSUPP.Ret()
}

// sumLevel is bpf_csum_level.
func sumLevel(c codegen.Call, _, level, _, _, _ uint64) uint64 {
	const query, inc, dec, reset = 0, 1, 2, 3
	s := bufferOf(c)
	switch level {
	case query:
		if !s.has(flagSummed) {
			return codegen.EACCES.Ret()
		}
		return uint64(s.place(atLevel))
	case inc:
		s.moreSummed()
	case dec:
		s.lessSummed()
	case reset:
		s.resetSummed()
	default:
		return codegen.EINVAL.Ret()
	}
	return 0
}

// moreSummed says that one checksum more is right (__skb_incr_checksum_unnecessary).
func (s buffer) moreSummed() {
	switch level := s.place(atLevel); {
	case !s.has(flagSummed):
		s.set(flagSummed)
		s.setPlace(atLevel, 0)
	case level < maxLevel:
		s.setPlace(atLevel, level+1)
	}
}

// lessSummed says that it is one less (__skb_decr_checksum_unnecessary).
func (s buffer) lessSummed() {
	switch level := s.place(atLevel); {
	case !s.has(flagSummed):
	case level == 0:
		s.drop(flagSummed)
	default:
		s.setPlace(atLevel, level-1)
	}
}

// resetSummed says that none is known to be right (__skb_reset_checksum_unnecessary).
func (s buffer) resetSummed() {
	s.drop(flagSummed)
	s.setPlace(atLevel, 0)
}
