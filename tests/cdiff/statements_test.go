package cdiff

import (
	"fmt"
	"strings"
)

// kind is a kind of statement.
type kind struct {
	weight int
	draw   func(*generator) bool // false if it does not fit here
}

// statementKinds are drawn by weight.
func statementKinds() []kind {
	return []kind{
		{10, (*generator).assign},
		{8, (*generator).observe},
		{4, (*generator).update},
		{4, (*generator).ifElse},
		{4, (*generator).loop},
		{2, (*generator).switchOf},
		{5, (*generator).call},
		{2, (*generator).memory},
		{2, (*generator).copyStruct},
		{3, (*generator).atomic},
		{1, (*generator).leave},
		{1, (*generator).indirect},
		{1, (*generator).declare},
	}
}

func (g *generator) statement() {
	total, kinds := 0, statementKinds()
	for _, k := range kinds {
		total += k.weight
	}
	for range 8 {
		n := g.IntN(total)
		for _, k := range kinds {
			if n -= k.weight; n < 0 {
				if k.draw(g) {
					g.cost += 5 * g.times
					return
				}
				break
			}
		}
	}
}

// target draws something to assign to; false if there is nothing.
func (g *generator) target() (place, bool) {
	scopes := []*scope{&g.local}
	if !g.pure {
		scopes = append(scopes, &g.globals)
	}
	for range 6 {
		s := pick(g, scopes)
		switch k := g.IntN(4); {
		case k == 0 && len(s.arrays) > 0:
			if a := pick(g, s.arrays); !a.constant {
				return place{text: g.element(a), typ: a.typ}, true
			}
		case k == 1 && len(s.objects) > 0:
			return g.member(pick(g, s.objects)), true
		case k == 2 && s.mem:
			return g.inMemory(), true
		case len(s.places) > 0:
			if p := pick(g, s.places); !p.constant {
				return p, true
			}
		}
	}
	return place{}, false
}

func (g *generator) element(a array) string {
	return fmt.Sprintf("%s[(%s) & %d]", a.text, g.expr(u32type, 1), a.length-1)
}

func (g *generator) member(o object) place {
	f := pick(g, o.typ.fields)
	f.text = o.text + f.text
	return f
}

// inMemory is a number in the memory of the program, at its alignment or at any address.
func (g *generator) inMemory() place {
	t := g.ctype()
	bytes := t.bits / 8
	index := g.expr(u32type, 1)
	if bytes > 1 && g.one(2) {
		return place{text: fmt.Sprintf("((struct packed%d *)(mem + (u8)(%s) %% %d))->v", t.bits, index, memSize-bytes+1),
			typ: ctype{fmt.Sprintf("u%d", t.bits), t.bits, false}, bitfield: true}
	}
	return place{text: fmt.Sprintf("(*(%s *)(mem + ((%s) & %#x)))", t.name, index, memSize-bytes), typ: t}
}

func (g *generator) assign() bool {
	p, ok := g.target()
	if ok {
		g.line("%s = %s;", p.text, g.expr(p.typ, 4))
	}
	return ok
}

// observe keeps all of a value, so that a wrong bit of it is not lost.
func (g *generator) observe() bool {
	if g.pure {
		return false
	}
	g.line("FOLD(seen, %s);", g.expr(g.ctype(), 4))
	return true
}

// update is a compound assignment that no promotion can make overflow.
func (g *generator) update() bool {
	p, ok := g.target()
	switch {
	case !ok || p.typ == boolType:
		return false
	case g.one(3) && p.typ.bits < 32 || g.one(3) && !p.typ.signed:
		g.line("%s%s;", p.text, pick(g, []string{"++", "--"}))
	case g.one(2) && !p.typ.signed && p.typ.bits >= 32:
		g.line("%s %s %s;", p.text, pick(g, []string{"+=", "-=", "*="}), g.expr(p.typ, 3))
	case g.one(3) && !p.typ.signed && p.typ.bits >= 32:
		g.line("%s %s (%s) & %d;", p.text, pick(g, []string{"<<=", ">>="}), g.expr(u32type, 2), p.typ.bits-1)
	default:
		g.line("%s %s %s;", p.text, pick(g, []string{"&=", "|=", "^="}), g.expr(p.typ, 3))
	}
	return true
}

func (g *generator) ifElse() bool {
	if g.indent > 6 {
		return false
	}
	g.line("if (%s)", g.condition(3))
	g.block(1 + g.IntN(3))
	if g.one(2) {
		g.line("else")
		g.block(1 + g.IntN(3))
	}
	return true
}

// loop is a loop of one of the forms that C has, with a bound.
func (g *generator) loop() bool {
	trips := 1 + g.IntN(maxTrips)
	if g.loops == maxLoops || g.cost+trips*g.times*20 > maxCost/4 || g.indent > 6 {
		return false
	}
	i := g.name("k")
	bound := fmt.Sprint(trips)
	if g.one(2) {
		bound = fmt.Sprintf("((%s) & %d)", g.expr(u32type, 2), maxTrips-1)
		trips = maxTrips
	}
	saved, times := g.local, g.times
	g.times *= trips
	g.loops++
	t := pick(g, []ctype{ctypes[0], ctypes[1], u32type, u64type, i32type, i64type})
	switch g.IntN(4) {
	case 0:
		g.line("%s %s = 0;", t.name, i)
		g.line("do")
		g.loopBody(place{text: i, typ: t, constant: true}, i+"++;")
		g.line("while (%s < %s);", i, fmt.Sprint(trips))
	case 1:
		g.line("%s %s = %s;", t.name, i, bound)
		g.line("while (%s-- > 0)", i)
		g.loopBody(place{text: i, typ: t, constant: true}, "")
	case 2:
		g.line("for (i32 %s = (i32)%s - 1; %s >= 0; %s--)", i, bound, i, i)
		g.loopBody(place{text: i, typ: i32type, constant: true}, "")
	default:
		g.line("for (%s %s = 0, n%s = %s; %s < n%s; %s += %d)", t.name, i, i, bound, i, i, i, 1+g.IntN(2))
		g.loopBody(place{text: i, typ: t, constant: true}, "")
	}
	g.loops--
	g.local, g.times = saved, times
	return true
}

// loopBody may leave the loop early, by break, continue or goto, if it has nothing to do at its end.
func (g *generator) loopBody(counter place, last string) {
	g.local.places = append(g.local.places[:len(g.local.places):len(g.local.places)], counter)
	g.line("{")
	g.indent++
	if last == "" && g.one(3) {
		g.line("if (%s) %s;", g.condition(2), pick(g, []string{"break", "continue"}))
	}
	g.statements(1 + g.IntN(3))
	if g.one(4) {
		g.line("if (%s) break;", g.condition(2))
	}
	if last != "" {
		g.line("%s", last)
	}
	g.indent--
	g.line("}")
}

// switchOf has cases that are dense or far apart; some fall through.
func (g *generator) switchOf() bool {
	if g.indent > 5 {
		return false
	}
	cases := 2 + g.IntN(7)
	step := uint32(1)
	if g.one(2) { // far apart
		step = 0x10000001 * uint32(1+g.IntN(12))
	}
	g.line("switch (((%s) & %d) * %#xu) {", g.expr(u32type, 3), pick(g, []int{3, 7, 15}), step)
	for i := range cases {
		g.line("case %#xu:", uint32(i)*step)
		g.indent++
		g.block(1 + g.IntN(2))
		if !g.one(4) {
			g.line("break;")
		}
		g.indent--
	}
	if g.one(2) {
		g.line("default:")
		g.indent++
		g.block(1)
		g.indent--
	}
	g.line("}")
	return true
}

// callable draws a function that fits into the budget; a pure one if effects are not allowed.
func (g *generator) callable(pure bool) *function {
	for range 4 {
		if len(g.funcs) == 0 {
			return nil
		}
		f := pick(g, g.funcs)
		if (f.pure || !pure) && g.cost+f.cost*g.times < maxCost && f.depth < maxCalls {
			return f
		}
	}
	return nil
}

func (g *generator) call() bool {
	f := g.callable(g.pure)
	if f == nil {
		return false
	}
	args, ok := g.arguments(f)
	if !ok {
		return false
	}
	g.calls(f)
	if p, ok := g.target(); ok && !g.one(4) {
		// The place is worked out before the call or after it: it must not depend on what the call changes.
		if !strings.Contains(p.text, "[(") && !strings.Contains(p.text, "mem") {
			g.line("%s = (%s)%s;", p.text, p.typ.name, args)
			return true
		}
	}
	g.line("(void)%s;", args)
	return true
}

func (g *generator) calls(f *function) {
	g.cost += f.cost * g.times
	g.depth = max(g.depth, f.depth)
}

// arguments is the call of f, if there is something for each pointer.
func (g *generator) arguments(f *function) (string, bool) {
	args := make([]string, len(f.params))
	for i, p := range f.params {
		if args[i] = g.argument(p); args[i] == "" {
			return "", false
		}
	}
	return fmt.Sprintf("%s(%s)", f.name, strings.Join(args, ", ")), true
}

func (g *generator) argument(p param) string {
	switch p.kind {
	case paramNumber:
		return g.expr(p.typ, 2)
	case paramMem:
		if g.local.mem {
			return "mem"
		}
		return ""
	}
	for _, s := range g.shuffledScopes() {
		switch p.kind {
		case paramPointer:
			for _, v := range s.places {
				if v.typ == p.typ && !v.constant && !v.bitfield {
					return "&" + v.text
				}
			}
		case paramArray:
			for _, a := range s.arrays {
				if a.typ == p.typ && !a.constant && a.length >= p.n {
					return a.text
				}
			}
		case paramStruct:
			for _, o := range s.objects {
				if o.typ == p.of {
					return "&" + o.text
				}
			}
		}
	}
	if p.kind != paramStruct && g.local.mem {
		return fmt.Sprintf("(%s *)(mem + %d)", p.typ.name, 8*g.IntN(memSize/8-4))
	}
	return ""
}

func (g *generator) shuffledScopes() []*scope {
	if g.one(2) {
		return []*scope{&g.local, &g.globals}
	}
	return []*scope{&g.globals, &g.local}
}

// memory copies, sets or compares bytes of the program's memory: with lengths that clang knows, and by calls.
func (g *generator) memory() bool {
	if !g.local.mem {
		return false
	}
	constant, variable := 1+g.IntN(40), fmt.Sprintf("(%s) & 63", g.expr(u32type, 2))
	low, high := fmt.Sprintf("mem + ((%s) & 63)", g.expr(u32type, 1)), fmt.Sprintf("mem + 128 + ((%s) & 63)", g.expr(u32type, 1))
	anywhere := fmt.Sprintf("mem + ((%s) & 127)", g.expr(u32type, 1))
	if g.one(2) {
		low, high = high, low
	}
	switch g.IntN(7) {
	case 0:
		g.line("__builtin_memcpy(%s, %s, %d);", low, high, constant)
	case 1:
		g.line("__builtin_memset(%s, %s, %d);", anywhere, fmt.Sprintf("(u8)(%s)", g.expr(u32type, 1)), constant)
	case 2:
		g.line("memcpy(%s, %s, %s);", low, high, variable)
	case 3:
		g.line("memset(%s, (%s) & 255, %s);", anywhere, g.expr(u32type, 1), variable)
	case 4:
		g.line("memmove(%s, %s, %s);", low, anywhere, variable)
	case 5:
		g.line("memmove(%s, %s, %d);", anywhere, low, constant)
	default:
		return g.compareMemory(low, anywhere, variable)
	}
	g.cost += 64 * g.times
	return true
}

// compareMemory keeps the sign of memcmp, which is all that C promises.
func (g *generator) compareMemory(a, b, n string) bool {
	p, ok := g.target()
	if !ok {
		return false
	}
	r := g.name("r")
	g.line("{ int %s = memcmp(%s, %s, %s); %s = (%s)((%s > 0) - (%s < 0)); }", r, a, b, n, p.text, p.typ.name, r, r)
	g.cost += 64 * g.times
	return true
}

// copyStruct assigns a struct as a whole, from another or from memory.
func (g *generator) copyStruct() bool {
	if g.pure {
		return false
	}
	objects := append(append([]object{}, g.local.objects...), g.globals.objects...)
	to, from := pick(g, objects), pick(g, objects)
	switch {
	case to.typ == from.typ && to.text != from.text && g.one(2):
		// Through a copy: pointers may name the same struct.
		c := g.name("c")
		g.line("{ struct %s %s = %s; %s = %s; }", to.typ.name, c, from.text, to.text, c)
	case g.local.mem:
		g.line("__builtin_memcpy(&%s, mem + ((%s) & 127), sizeof %s);", to.text, g.expr(u32type, 1), to.text)
	default:
		return false
	}
	return true
}

// atomic is an operation on a word of memory or a global.
func (g *generator) atomic() bool {
	p, ok := g.word()
	if !ok {
		return false
	}
	to, ok := g.target()
	operand := g.expr(p.typ, 2)
	if !ok || g.one(3) || strings.Contains(to.text, "[(") || strings.Contains(to.text, "mem") {
		g.line("ATOMIC_ADD(&%s, %s | 1);", p.text, operand) // clang makes an addition of 0 something that -mcpu=v1 lacks
		return true
	}
	if g.one(5) {
		g.line("%s = (%s)COMPARE_AND_SWAP(&%s, %s, %s);", to.text, to.typ.name, p.text, pick(g, []string{p.text, g.expr(p.typ, 1)}), operand)
		return true
	}
	op := pick(g, []string{"FETCH_ADD", "FETCH_AND", "FETCH_OR", "FETCH_XOR", "EXCHANGE"})
	g.line("%s = (%s)%s(&%s, %s);", to.text, to.typ.name, op, p.text, operand)
	return true
}

// word is an aligned number of 32 or 64 bits outside this function's own variables.
func (g *generator) word() (place, bool) {
	if g.pure {
		return place{}, false
	}
	if g.local.mem && g.one(2) {
		t := pick(g, []ctype{u32type, u64type, i32type, i64type})
		return place{text: fmt.Sprintf("*(%s *)(mem + %d)", t.name, 8*g.IntN(memSize/8)), typ: t}, true
	}
	for _, s := range g.shuffledScopes() {
		for _, p := range s.places {
			if p.typ.bits >= 32 && !p.constant && !p.bitfield {
				return p, true
			}
		}
	}
	return place{}, false
}

// leave returns early, or goes out of all loops.
func (g *generator) leave() bool {
	if g.loops > 0 || g.indent < 1 {
		return false
	}
	if g.one(2) {
		g.line("if (%s) return %s;", g.condition(3), g.expr(g.result, 2))
		return true
	}
	g.labels++
	label := fmt.Sprintf("out%d", g.labels)
	i, j := g.name("k"), g.name("k")
	g.line("for (u32 %s = 0; %s < 5; %s++) for (u32 %s = %s; %s < 7; %s++) {", i, i, i, j, i, j, j)
	g.indent++
	saved := g.local
	g.local.places = append(g.local.places[:len(g.local.places):len(g.local.places)],
		place{text: i, typ: u32type, constant: true}, place{text: j, typ: u32type, constant: true})
	g.loops++
	g.times *= 35
	g.statements(1)
	g.times /= 35
	g.loops--
	g.line("if (%s) goto %s;", g.condition(2), label)
	g.local = saved
	g.indent--
	g.line("}")
	g.line("%s:;", label)
	return true
}

// indirect calls one of two functions of one type through a pointer.
func (g *generator) indirect() bool {
	f, h := g.callable(g.pure), g.callable(g.pure)
	if f == nil || h == nil || f == h || signature(f) != signature(h) || len(f.params) == 0 {
		return false
	}
	call, ok := g.arguments(f)
	if !ok {
		return false
	}
	pointer := g.name("fp")
	g.line("{ %s (*%s)(%s) = (%s) ? %s : %s;", f.result.name, pointer, signature(f), g.condition(2), f.name, h.name)
	g.line("  (void)%s; }", strings.Replace(call, f.name, pointer, 1))
	g.calls(f)
	g.calls(h)
	return true
}

// signature is the list of a function's parameters, as C writes it.
func signature(f *function) string {
	params := make([]string, len(f.params))
	for i, p := range f.params {
		switch p.kind {
		case paramNumber:
			params[i] = p.typ.name
		case paramMem:
			params[i] = "u8 *"
		case paramStruct:
			params[i] = "struct " + p.of.name + " *"
		default:
			params[i] = p.typ.name + " *"
		}
	}
	return strings.Join(params, ", ")
}

// declare is a variable of the block.
func (g *generator) declare() bool {
	t, name := g.ctype(), g.name("v")
	g.line("%s %s = %s;", t.name, name, g.expr(t, 3))
	g.local.places = append(g.local.places[:len(g.local.places):len(g.local.places)], place{text: name, typ: t})
	return true
}
