package cdiff

import (
	"fmt"
	"strings"
)

// expr is an expression of type t, without effects.
func (g *generator) expr(t ctype, depth int) string {
	if depth <= 0 || g.one(6) {
		return g.leaf(t)
	}
	switch g.IntN(14) {
	case 0, 1, 2, 3:
		return g.arithmetic(t, depth)
	case 4, 5:
		return g.shift(t, depth)
	case 6, 7:
		return g.division(t, depth)
	case 8:
		return fmt.Sprintf("(%s)(%s ? %s : %s)", t.name, g.condition(depth-1), g.expr(t, depth-1), g.expr(t, depth-1))
	case 9:
		return fmt.Sprintf("(%s)(%s)", t.name, g.condition(depth-1))
	case 10:
		return g.unary(t, depth)
	case 11:
		return g.bits(t, depth)
	case 12:
		if call, ok := g.pureCall(); ok {
			return fmt.Sprintf("(%s)%s", t.name, call)
		}
		return g.leaf(t)
	default:
		return fmt.Sprintf("(%s)%s", t.name, g.expr(g.ctype(), depth-1))
	}
}

// arithmetic is done in the unsigned type that is wide enough.
func (g *generator) arithmetic(t ctype, depth int) string {
	w := t.wide()
	return fmt.Sprintf("(%s)((%s)%s %s (%s)%s)", t.name, w.name, g.operand(t, depth-1),
		pick(g, []string{"+", "-", "*", "&", "|", "^"}), w.name, g.operand(t, depth-1))
}

// operand is an expression of t, or of a type of its own.
func (g *generator) operand(t ctype, depth int) string {
	if g.one(3) {
		t = g.ctype()
	}
	return g.expr(t, depth)
}

func (g *generator) shift(t ctype, depth int) string {
	w := t.wide()
	count := fmt.Sprintf("(%s & %d)", g.expr(u32type, depth-2), w.bits-1)
	if g.one(2) {
		count = fmt.Sprint(g.IntN(w.bits))
	}
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("(%s)((%s)%s << %s)", t.name, w.name, g.operand(t, depth-1), count)
	case 1:
		return fmt.Sprintf("(%s)((%s)%s >> %s)", t.name, w.name, g.operand(t, depth-1), count)
	case 2:
		return fmt.Sprintf("(%s)((%s)%s >> %s)", t.name, t.signedWide().name, g.operand(t, depth-1), count)
	default:
		return fmt.Sprintf("(%s)rotl%d(%s, %s)", t.name, w.bits, g.operand(t, depth-1), count)
	}
}

// division is by anything with a test for 0, or by a constant.
func (g *generator) division(t ctype, depth int) string {
	w := pick(g, []ctype{t.wide(), u32type, u64type})
	bits, sign := w.bits, "u"
	if g.one(2) {
		sign = "s"
	}
	op := pick(g, []string{"div", "mod"})
	if sign == "u" && g.one(2) {
		by := 1 + g.IntN(1<<g.IntN(20))
		return fmt.Sprintf("(%s)((%s)%s %s %du)", t.name, w.name, g.operand(w, depth-1), map[string]string{"div": "/", "mod": "%"}[op], by)
	}
	return fmt.Sprintf("(%s)%s%s%d(%s, %s)", t.name, sign, op, bits, g.magnitude(w, depth-1), g.magnitude(w, depth-1))
}

// magnitude is an operand that is often shifted down, so that small numbers and large ones meet.
func (g *generator) magnitude(t ctype, depth int) string {
	if g.one(2) {
		return g.operand(t, depth)
	}
	return fmt.Sprintf("((%s)%s >> (%s & %d))", t.name, g.operand(t, depth-1), g.leaf(u32type), t.bits-1)
}

func (g *generator) unary(t ctype, depth int) string {
	return fmt.Sprintf("(%s)(%s(%s)%s)", t.name, pick(g, []string{"~", "-"}), t.wide().name, g.operand(t, depth-1))
}

// bits are byte swaps and counts of bits.
func (g *generator) bits(t ctype, depth int) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("(%s)__builtin_bswap16(%s)", t.name, g.expr(ctypes[1], depth-1))
	case 1:
		return fmt.Sprintf("(%s)__builtin_bswap32(%s)", t.name, g.expr(u32type, depth-1))
	case 2:
		return fmt.Sprintf("(%s)__builtin_bswap64(%s)", t.name, g.expr(u64type, depth-1))
	case 3:
		return fmt.Sprintf("(%s)__builtin_popcountll(%s)", t.name, g.expr(u64type, depth-1))
	case 4:
		return fmt.Sprintf("(%s)__builtin_clz(%s | 1u)", t.name, g.expr(u32type, depth-1))
	default:
		return fmt.Sprintf("(%s)__builtin_ctzll(%s | 1ull << 63)", t.name, g.expr(u64type, depth-1))
	}
}

// pureCall calls a function that only computes.
func (g *generator) pureCall() (string, bool) {
	f := g.callable(true)
	if f == nil {
		return "", false
	}
	args := make([]string, len(f.params))
	for i, p := range f.params {
		args[i] = g.expr(p.typ, 1)
	}
	g.calls(f)
	return fmt.Sprintf("%s(%s)", f.name, strings.Join(args, ", ")), true
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

// condition is an expression that is 0 or 1.
func (g *generator) condition(depth int) string {
	t := g.ctype()
	switch k := g.IntN(8); {
	case depth > 0 && k == 0:
		return fmt.Sprintf("(%s %s %s)", g.condition(depth-1), pick(g, []string{"&&", "||"}), g.condition(depth-1))
	case depth > 0 && k == 1:
		return fmt.Sprintf("!%s", g.condition(depth-1))
	case k == 2:
		return fmt.Sprintf("((%s & %s) != 0)", g.expr(t, depth-1), g.expr(t, depth-1))
	case k <= 4: // true as often as not
		bit := g.IntN(16)
		return fmt.Sprintf("((%s & %#x) %s %#x)", g.expr(u32type, depth-1), 1<<bit-1, pick(g, []string{"<", ">="}), 1<<bit/2)
	case k == 5:
		return fmt.Sprintf("(%s %s %s)", g.expr(t, depth-1), pick(g, comparisons), g.constant(t))
	default:
		return fmt.Sprintf("(%s %s %s)", g.expr(t, depth-1), pick(g, comparisons), g.expr(t, depth-1))
	}
}

// leaf is a constant, or something that can be read, of type t.
func (g *generator) leaf(t ctype) string {
	if g.one(4) {
		return g.constant(t)
	}
	scopes := []*scope{&g.local}
	if !g.pure {
		scopes = append(scopes, &g.globals)
	}
	for range 3 {
		s := pick(g, scopes)
		switch k := g.IntN(5); {
		case k == 0 && len(s.arrays) > 0:
			a := pick(g, s.arrays)
			return fmt.Sprintf("(%s)%s[(%s) & %d]", t.name, a.text, g.index(), a.length-1)
		case k == 1 && len(s.objects) > 0:
			return fmt.Sprintf("(%s)%s", t.name, g.member(pick(g, s.objects)).text)
		case k == 2 && s.mem:
			return fmt.Sprintf("(%s)%s", t.name, g.memoryLeaf())
		case len(s.places) > 0:
			return fmt.Sprintf("(%s)%s", t.name, pick(g, s.places).text)
		}
	}
	return g.constant(t)
}

// index is a simple number.
func (g *generator) index() string {
	if len(g.local.places) > 0 && !g.one(4) {
		return "(u32)" + pick(g, g.local.places).text
	}
	return fmt.Sprint(g.IntN(64))
}

func (g *generator) memoryLeaf() string {
	t := g.ctype()
	bytes := t.bits / 8
	if bytes > 1 && g.one(3) {
		return fmt.Sprintf("LOAD%d(mem + (%s) %% %d)", t.bits, g.index(), memSize-bytes+1)
	}
	return fmt.Sprintf("*(%s *)(mem + ((%s) & %#x))", t.name, g.index(), memSize-bytes)
}
