package scalar

import (
	"fmt"
	"math/bits"
	"strings"
)

// String writes what is known, briefly:
//
//	42                        a constant
//	?                         nothing is known
//	[0,255]  [-4,7]           between two bounds, signed if one is negative
//	[0,65528] & 0xfff8        and only these bits may be set
//	? & (0x1; 0xfe)           the known bits (kernel's tnum): value; bits that may be anything
//	!=0  ![51,99]             all but these
//	[0,0x1ffffffff] low [1,5] what the low half tells beyond that
func (n Num) String() string {
	if v, ok := n.Const(); ok {
		return number(v)
	}
	if n.IsUnknown() {
		return "?"
	}
	var b strings.Builder
	b.WriteString(wide.full.text(n.full()))
	if n.Mask != wide.full.varying(n.full()) {
		b.WriteString(bitsText(n))
	}
	if lowAlone(n) {
		b.WriteString(" low " + wide.half.text(n.low()))
	}
	return b.String()
}

// lowAlone reports whether the low arc tells more than the rest.
func lowAlone(n Num) bool {
	without := n
	without.setLow(wide.half.all())
	wide.must(&without)
	return without.Size32 != n.Size32
}

func (r *ring) text(a arc) string {
	lo, hi := a.lo, r.hi(a)
	switch {
	case a.size == r.mask:
		return "?"
	case !r.wraps(a) && (r.swraps(a) || lo < r.sign):
		return "[" + unsigned(lo) + "," + unsigned(hi) + "]"
	case !r.swraps(a):
		return "[" + number(uint64(r.signed(lo))) + "," + number(uint64(r.signed(hi))) + "]"
	case a.size == r.mask-1:
		return "!=" + number(uint64(r.signed(hi+1)))
	}
	return "![" + number(uint64(r.signed(hi+1))) + "," + number(uint64(r.signed(lo-1))) + "]"
}

// bitsText are the known bits: as a mask if the others are all 0 and the bits that may be set are few enough to read.
func bitsText(n Num) string {
	fixed := n.Value &^ (wide.full.mask << bits.Len64(n.Mask)) // below the highest unknown bit
	if fixed == 0 {
		return fmt.Sprintf(" & %#x", n.Value|n.Mask)
	}
	return fmt.Sprintf(" & (%#x; %#x)", n.Value, n.Mask)
}

// hexFrom is the magnitude from which numbers are written in hex.
const hexFrom = 1 << 20

func unsigned(v uint64) string {
	if v < hexFrom {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

// number writes v as a signed number.
func number(v uint64) string {
	switch s := int64(v); {
	case s >= hexFrom:
		return fmt.Sprintf("%#x", v)
	case s <= -hexFrom:
		return fmt.Sprintf("-%#x", -v)
	default:
		return fmt.Sprint(s)
	}
}
