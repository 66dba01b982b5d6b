package ir

import "math/bits"

// Worklist is a set of numbers below n, from which the numbers are taken in
// ascending order, beginning again with the lowest after the highest. Data flow
// that takes blocks from it visits only what changed, in the order of the numbers.
type Worklist struct {
	bits []uint64
	at   int // the word in which the last number taken lies
	mask uint64
}

// NewWorklist makes an empty Worklist for numbers below n.
func NewWorklist(n int) *Worklist { return &Worklist{bits: make([]uint64, n/64+1), mask: ^uint64(0)} }

// Add puts i into the set.
func (w *Worklist) Add(i int) { w.bits[i/64] |= 1 << (i % 64) }

// AddAll puts all numbers below n into the set.
func (w *Worklist) AddAll(n int) {
	for i := range n {
		w.Add(i)
	}
}

// Take takes the next number, -1 if the set is empty.
func (w *Worklist) Take() int {
	for range len(w.bits) + 1 {
		if word := w.bits[w.at] & w.mask; word != 0 {
			bit := bits.TrailingZeros64(word)
			w.bits[w.at] &^= 1 << bit
			w.mask = ^uint64(0) << bit
			return w.at*64 + bit
		}
		w.at, w.mask = (w.at+1)%len(w.bits), ^uint64(0)
	}
	w.at, w.mask = 0, ^uint64(0)
	return -1
}
