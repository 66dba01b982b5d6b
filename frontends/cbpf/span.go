package cbpf

import (
	"cmp"
	"slices"
)

// span is the numbers from lo to hi.
type span struct{ lo, hi uint64 }

// spans is a set of numbers: ascending spans that do not touch.
type spans []span

// both is the numbers in s and t.
func (s spans) both(t spans) (out spans) {
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if lo, hi := max(s[i].lo, t[j].lo), min(s[i].hi, t[j].hi); lo <= hi {
			out = append(out, span{lo, hi})
		}
		if s[i].hi < t[j].hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// without is the numbers up to most that are not in s.
func (s spans) without(most uint64) (out spans) {
	next := uint64(0)
	for _, x := range s {
		if x.lo > next {
			out = append(out, span{next, x.lo - 1})
		}
		if x.hi >= most {
			return out
		}
		next = x.hi + 1
	}
	return append(out, span{next, most})
}

// union makes a set of spans in any order.
func union(all spans) (out spans) {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	for _, x := range all {
		if n := len(out) - 1; n >= 0 && (out[n].hi == 1<<64-1 || x.lo <= out[n].hi+1) {
			out[n].hi = max(out[n].hi, x.hi)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// count is how many numbers are in s, no more than 1<<32.
func (s spans) count() (n uint64) {
	for _, x := range s {
		n += min(x.hi-x.lo, 1<<32-1) + 1
	}
	return min(n, 1<<32)
}

// single reports whether s is one number, and which.
func (s spans) single() (uint64, bool) {
	if len(s) != 1 || s[0].lo != s[0].hi {
		return 0, false
	}
	return s[0].lo, true
}

// has reports whether n is in s.
func (s spans) has(n uint64) bool {
	return slices.ContainsFunc(s, func(x span) bool { return x.lo <= n && n <= x.hi })
}
