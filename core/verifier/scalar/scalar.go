// Package scalar is the abstract domain of numbers: what the verifier knows of
// a register that holds no pointer.
//
// A Num is a set of 64-bit values, the meet of three kinds of knowledge:
//
//	bits   which bits are known (the kernel's tnum)
//	arc    one interval on the circle of the 2^64 values: it may pass from 2^64-1
//	       to 0, so signed and unsigned bounds are both read from it
//	arc32  the same for the low half, on the circle of 2^32
//
// Every function is sound: the result holds all values that the operation can
// give for values of the operands. All are pure, do not allocate and may be
// called concurrently.
//
// Everything is written over a geometry (the widths of a value and of its
// half), so that tests check each function for all values at 4 and 8 bits.
package scalar

// Num is a set of 64-bit values. It is never empty: functions that may leave
// nothing report it. Nums are comparable with ==; all that this package returns
// are reduced, so equal knowledge mostly gives equal Nums. The zero value is
// Const(0). Read it through its methods; the fields are there to be compared
// and hashed.
type Num struct {
	Value, Mask uint64 // the bits outside Mask are those of Value
	Lo, Size    uint64 // from Lo to Lo+Size modulo 2^64, both ends included
	Lo32        uint32 // the low half is between Lo32
	Size32      uint32 // and Lo32+Size32 modulo 2^32
}

// wide is the geometry of BPF: registers of 64 bits, subregisters of 32.
var wide = geometry{full: newRing(64), half: newRing(32), unit: 8, rows: &transfers, assume: &assumptions}

// Const is the set of one value.
func Const(v uint64) Num { return Num{Value: v, Lo: v, Lo32: uint32(v)} }

// Unknown is the set of all values.
func Unknown() Num { return wide.unknown() }

// Between is the set of all v with lo ≤ v ≤ hi, unsigned. With lo > hi it is the
// arc from lo upwards through 0 to hi.
func Between(lo, hi uint64) Num { return wide.between(lo, hi) }

// SBetween is the set of all v with lo ≤ v ≤ hi, signed. With lo > hi it is the
// arc from lo upwards through the least value to hi.
func SBetween(lo, hi int64) Num { return wide.between(uint64(lo), uint64(hi)) }

// Bytes is what a zero-extending load of n bytes (1 to 8) may give.
func Bytes(n uint8) Num { return wide.between(0, ^uint64(0)>>(64-8*min(max(n, 1), 8))) }

// SBytes is what a sign-extending load of n bytes (1 to 8) may give.
func SBytes(n uint8) Num {
	top := int64(^uint64(0) >> (65 - 8*min(max(n, 1), 8)))
	return SBetween(-top-1, top)
}

// Const returns the value if there is only one.
func (n Num) Const() (v uint64, ok bool) { return n.Value, n.Mask == 0 }

// IsUnknown reports whether n is the set of all values.
func (n Num) IsUnknown() bool {
	return n.Mask == wide.full.mask && n.Size == wide.full.mask && uint64(n.Size32) == wide.half.mask
}

// Contains reports whether v is in n.
func (n Num) Contains(v uint64) bool { return wide.contains(&n, v) }

// UMin is the least value, unsigned.
func (n Num) UMin() uint64 { return wide.full.umin(wide.whole(&n)) }

// UMax is the greatest value, unsigned.
func (n Num) UMax() uint64 { return wide.full.umax(wide.whole(&n)) }

// SMin is the least value, signed.
func (n Num) SMin() int64 { return wide.full.smin(wide.whole(&n)) }

// SMax is the greatest value, signed.
func (n Num) SMax() int64 { return wide.full.smax(wide.whole(&n)) }

// UMin32 is the least value of the low half, unsigned.
func (n Num) UMin32() uint32 { return uint32(wide.half.umin(wide.low(&n))) }

// UMax32 is the greatest value of the low half, unsigned.
func (n Num) UMax32() uint32 { return uint32(wide.half.umax(wide.low(&n))) }

// SMin32 is the least value of the low half, signed.
func (n Num) SMin32() int32 { return int32(wide.half.smin(wide.low(&n))) }

// SMax32 is the greatest value of the low half, signed.
func (n Num) SMax32() int32 { return int32(wide.half.smax(wide.low(&n))) }

// Meet is the set of values that are in both. ok is false if there is none.
// Where the two arcs overlap at both ends the smaller one is kept whole.
func Meet(a, b Num) (n Num, ok bool) {
	ok = wide.meet(&a, &b)
	return a, ok
}

// Join is a set that holds all values of a and of b.
func Join(a, b Num) Num {
	wide.join(&a, &b)
	return a
}

// Within reports whether all values of a are in b. It may say no where it
// cannot tell, which is rare; Join(a, b) always holds a and b in this sense.
func (a Num) Within(b Num) bool { return wide.within(&a, &b) }
