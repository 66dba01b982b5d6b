package scalar

import (
	"math/rand"
	"testing"
)

// At 8 bits, with halves of 4, there are too many sets for all pairs. Each test
// takes pairs of random sets, of which it tries all values; BPFC_LONG tries fifty
// times as many.

// eightBits draws sets of 8 bits and their values.
type eightBits struct {
	*geometry
	rng *rand.Rand
}

func newEightBits() *eightBits { return &eightBits{small(8), rand.New(rand.NewSource(8))} }

func (e *eightBits) rounds(n int) int {
	if long() {
		return 50 * n
	}
	return n
}

// draw returns a set of random arcs and bits, each left out at times.
func (e *eightBits) draw() (Num, []uint64) {
	for {
		n := e.unknown()
		if e.rng.Intn(3) != 0 {
			n.setFull(word{n.bits(), arc{e.rng.Uint64() & 255, e.rng.Uint64() & 255 >> e.rng.Intn(8)}.normal(&e.full)})
		}
		if e.rng.Intn(3) == 0 {
			n.setLow(arc{e.rng.Uint64() & 15, e.rng.Uint64() & 15}.normal(&e.half))
		}
		if e.rng.Intn(3) == 0 {
			n.Mask = (e.rng.Uint64() | e.rng.Uint64()) & 255
			n.Value = e.rng.Uint64() & 255 &^ n.Mask
		}
		before := n
		if e.sync(&n) {
			return n, e.values(&before)
		}
	}
}

// values are those of n.
func (e *eightBits) values(n *Num) (list []uint64) {
	for v := range uint64(256) {
		if e.contains(n, v) {
			list = append(list, v)
		}
	}
	return list
}

func TestBinaryAt8Bits(t *testing.T) {
	t.Parallel()
	e := newEightBits()
	for range e.rounds(400) {
		a, x := e.draw()
		b, y := e.draw()
		for _, op := range binaryOps {
			full, half := e.binaryOf(op, false, a, b), e.binaryOf(op, true, a, b)
			for _, v := range x {
				for k := e.rng.Intn(1 + len(x)/16); k < len(y); k += 1 + len(x)/16 { // of many pairs a part
					w := y[k]
					if !e.contains(&full, run(op, 8, v, w)) || !e.contains(&half, run(op, 4, v, w)) {
						t.Fatalf("%v: %#v, %#v → %#v, %#v: %d, %d", op, a, b, full, half, v, w)
					}
				}
			}
		}
	}
}

func TestUnaryAt8Bits(t *testing.T) {
	t.Parallel()
	e := newEightBits()
	for range e.rounds(600) {
		a, x := e.draw()
		for _, op := range unaryOps {
			for size := uint8(1); size <= 8; size++ {
				full, half := e.unaryOf(op, false, size, a), e.unaryOf(op, true, size, a)
				for _, v := range x {
					if !e.contains(&full, runUnary(op, 8, 8, 1, size, v)) || size <= 4 && !e.contains(&half, runUnary(op, 8, 4, 1, size, v)) {
						t.Fatalf("%v %d: %#v → %#v, %#v: %d", op, size, a, full, half, v)
					}
				}
			}
		}
	}
}

func TestConditionsAt8Bits(t *testing.T) {
	t.Parallel()
	e := newEightBits()
	for round := range e.rounds(600) {
		a, x := e.draw()
		b, y := e.draw()
		half, width := round%2 == 0, uint64(8)
		if half {
			width = 4
		}
		for _, cond := range conds {
			taken, known := e.decide(cond, half, &a, &b)
			ra, rb, ok := e.refineOf(read(cond, true), half, a, b)
			na, nb, nok := e.refineOf(read(cond, false), half, a, b)
			for i := 0; i < len(x); i += 1 + len(x)/40 {
				for j := 0; j < len(y); j += 1 + len(y)/40 {
					v, w := x[i], y[j]
					want := holds(cond, width, v, w)
					good := ok && e.contains(&ra, v) && e.contains(&rb, w)
					if !want {
						good = nok && e.contains(&na, v) && e.contains(&nb, w)
					}
					if !good || known && taken != want {
						t.Fatalf("%s at %d: %#v, %#v: %d, %d", condNames[cond], width, a, b, v, w)
					}
				}
			}
		}
	}
}

func TestLatticeAt8Bits(t *testing.T) {
	t.Parallel()
	e := newEightBits()
	for range e.rounds(6000) {
		a, x := e.draw()
		b, y := e.draw()
		join, wide := e.joinOf(a, b), e.widenOf(a, b, []uint64{20, 200})
		meet, ok := e.meetOf(a, b)
		for _, v := range x {
			good := e.contains(&join, v) && e.contains(&wide, v)
			if e.contains(&b, v) {
				good = good && ok && e.contains(&meet, v)
			} else {
				good = good && !e.within(&a, &b)
			}
			if !good {
				t.Fatalf("%#v, %#v → join %#v, widen %#v, meet %#v: %d", a, b, join, wide, meet, v)
			}
		}
		for _, v := range y {
			if !e.contains(&join, v) || !e.contains(&wide, v) {
				t.Fatalf("%#v, %#v → join %#v, widen %#v: %d", a, b, join, wide, v)
			}
		}
		if !e.within(&a, &join) || !e.within(&b, &join) || !e.within(&a, &wide) || !e.within(&b, &wide) {
			t.Fatalf("%#v, %#v → join %#v, widen %#v", a, b, join, wide)
		}
	}
}
