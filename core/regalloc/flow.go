package regalloc

import "slices"

// state says, at one point of the code, which virtual registers' current values
// each location has for certain. Locations that were never written are empty.
type state struct {
	holds  [][]VReg // by Loc; the slices are reused
	used   []Loc    // locations that were ever written since load, ascending only after facts
	marked []bool   // by Loc: in used
	copies []int32  // by VReg: number of locations that have its value
}

func newState(vregs, slots int) *state {
	n := int(InSlot(slots))
	return &state{holds: make([][]VReg, n), marked: make([]bool, n), copies: make([]int32, vregs)}
}

func (s *state) has(l Loc, v VReg) bool { return slices.Contains(s.holds[l], v) }

// clear makes the content of l unknown.
func (s *state) clear(l Loc) {
	for _, v := range s.holds[l] {
		s.copies[v]--
	}
	s.holds[l] = s.holds[l][:0]
}

func (s *state) add(l Loc, v VReg) {
	if !s.marked[l] {
		s.marked[l] = true
		s.used = append(s.used, l)
	}
	s.holds[l] = append(s.holds[l], v)
	s.copies[v]++
}

// forget takes v out of all locations: its value is about to change. home is
// where it is likely to be, which is tried first.
func (s *state) forget(v VReg, home Loc) {
	s.drop(home, v)
	for _, l := range s.used {
		if s.copies[v] == 0 {
			return
		}
		s.drop(l, v)
	}
}

func (s *state) drop(l Loc, v VReg) {
	if i := slices.Index(s.holds[l], v); i >= 0 {
		s.holds[l] = slices.Delete(s.holds[l], i, i+1)
		s.copies[v]--
	}
}

// copy performs a machine move.
func (s *state) copy(to, from Loc) {
	if to == from {
		return
	}
	s.clear(to)
	for _, v := range s.holds[from] {
		s.add(to, v)
	}
}

// move performs a machine move that gives dst the value of src.
func (s *state) move(dst, src VReg, to, from Loc) {
	if dst != src {
		s.forget(dst, to)
	}
	s.copy(to, from)
	if dst == src || s.copies[src] == 0 {
		return
	}
	for _, l := range s.used {
		if s.has(l, src) {
			s.add(l, dst)
		}
	}
}

// fact is one pair of a state, location above virtual register, so that facts sort.
type fact uint64

func makeFact(l Loc, v VReg) fact { return fact(l)<<32 | fact(uint32(v)) }
func (f fact) loc() Loc           { return Loc(f >> 32) }
func (f fact) vreg() VReg         { return VReg(uint32(f)) }

// facts is the state as a sorted list, in buf.
func (s *state) facts(buf []fact) []fact {
	buf = buf[:0]
	for _, l := range s.used {
		for _, v := range s.holds[l] {
			buf = append(buf, makeFact(l, v))
		}
	}
	slices.Sort(buf)
	return buf
}

// load sets the state to a list of facts.
func (s *state) load(facts []fact) {
	for _, l := range s.used {
		s.clear(l)
		s.marked[l] = false
	}
	s.used = s.used[:0]
	for _, f := range facts {
		s.add(f.loc(), f.vreg())
	}
}

// renamed is what holds after an edge that gives args to params, all at once.
func renamed(facts []fact, params, args []VReg) []fact {
	var out []fact
	for _, f := range facts {
		if !slices.Contains(params, f.vreg()) {
			out = append(out, f)
		}
		for i, a := range args {
			if a == f.vreg() {
				out = append(out, makeFact(f.loc(), params[i]))
			}
		}
	}
	slices.Sort(out)
	return out
}

// meet keeps in a, in place, what is also in b. Both are sorted.
func meet(a, b []fact) []fact {
	out := a[:0]
	for _, f := range a {
		for len(b) > 0 && b[0] < f {
			b = b[1:]
		}
		if len(b) > 0 && b[0] == f {
			out = append(out, f)
		}
	}
	return out
}
