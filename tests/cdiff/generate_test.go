package cdiff

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The generator draws C programs without undefined behaviour and without anything
// that two compilers may do differently: signed arithmetic goes through unsigned
// types, shifts are masked, indexes wrap, every variable has a value, and what has
// effects is called in statements of its own. They are within the limits of BPF:
// five arguments, no recursion, little stack, and a bounded number of steps.

// ctype is a type of numbers.
type ctype struct {
	name   string
	bits   int
	signed bool
}

var ctypes = []ctype{
	{"u8", 8, false}, {"u16", 16, false}, {"u32", 32, false}, {"u64", 64, false},
	{"i8", 8, true}, {"i16", 16, true}, {"i32", 32, true}, {"i64", 64, true},
}

var (
	u32type, u64type = ctypes[2], ctypes[3]
	i32type, i64type = ctypes[6], ctypes[7]
	boolType         = ctype{"bool", 8, false} // not drawn for memory, where it has values of its own
)

// wide is the unsigned type in which arithmetic of t is done.
func (t ctype) wide() ctype {
	if t.bits == 64 {
		return u64type
	}
	return u32type
}

// signedWide is the signed type of the same width.
func (t ctype) signedWide() ctype {
	if t.bits == 64 {
		return i64type
	}
	return i32type
}

// place is something that can be read, and assigned unless it is constant.
type place struct {
	text     string
	typ      ctype
	constant bool
	bitfield bool // has no address
}

// array is an array of a power of two of elements.
type array struct {
	text     string
	typ      ctype
	length   int
	constant bool
}

// structure is a struct type: the paths of its numbers.
type structure struct {
	name   string
	fields []place // text is the path, as ".a" or ".c[2]"
	size   int     // at most, in bytes
}

// object is a variable of struct type, or a pointer's target.
type object struct {
	text string // an lvalue
	typ  *structure
}

// function can be called by those generated after it.
type function struct {
	name   string
	result ctype
	params []param
	pure   bool // has no effects and reads its arguments alone
	depth  int  // of calls, itself included
	cost   int  // steps, about
}

// param is a parameter: a number, or a pointer.
type param struct {
	typ  ctype
	kind paramKind
	of   *structure
	n    int // elements of an array
}

type paramKind int

const (
	paramNumber  paramKind = iota
	paramMem               // u8 *mem
	paramPointer           // T *, to one number
	paramArray             // T *, to the start of n numbers
	paramStruct            // struct T *
)

// scope is what statements and expressions may name.
type scope struct {
	places  []place
	arrays  []array
	objects []object
	mem     bool
}

// generator draws one file. The same seed gives the same file.
type generator struct {
	*rand.Rand
	out     strings.Builder
	indent  int
	structs []*structure
	funcs   []*function
	globals scope
	local   scope
	pure    bool // within a pure function
	loops   int  // depth
	labels  int
	names   int
	times   int // how often the current statement runs
	cost    int // of the current function
	depth   int // of calls of the current function
	result  ctype
}

// Bounds of what is generated.
const (
	memSize     = 256    // bytes of memory, a power of two
	maxCost     = 60_000 // steps of a program, about
	maxCalls    = 6      // depth of calls below a program; eight frames are the limit
	maxLoops    = 3      // depth
	maxTrips    = 16     // of one loop
	programsPer = 4      // in a file
)

// generate draws a file of programs and returns it with their names.
func generate(seed uint64) (string, []string) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x5eed))}
	g.line("#include \"prelude.h\"")
	g.line("static u64 seen; /* all that statements let see */")
	for range 1 + g.IntN(3) {
		g.structure()
	}
	g.globalVariables()
	for i := range 3 + g.IntN(6) {
		g.function(fmt.Sprintf("f%d", i))
	}
	var programs []string
	for i := range programsPer {
		name := fmt.Sprintf("p%d", i)
		g.program(name)
		programs = append(programs, name)
	}
	return g.out.String(), programs
}

func (g *generator) line(format string, args ...any) {
	g.out.WriteString(strings.Repeat("\t", g.indent))
	fmt.Fprintf(&g.out, format, args...)
	g.out.WriteByte('\n')
}

func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

// one reports true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, all []T) T { return all[g.IntN(len(all))] }

// ctype draws a type: more of the wide ones, which hide less.
func (g *generator) ctype() ctype {
	if g.one(2) {
		return pick(g, []ctype{u32type, u64type, i32type, i64type, u64type})
	}
	return pick(g, ctypes)
}

// structure declares a struct type: numbers, bit fields, an array, one inside another.
func (g *generator) structure() {
	s := &structure{name: fmt.Sprintf("s%d", len(g.structs))}
	packed := ""
	if g.one(3) {
		packed = "__attribute__((packed)) "
	}
	g.line("struct %s%s {", packed, s.name)
	g.indent++
	for i := range 2 + g.IntN(4) {
		g.field(s, fmt.Sprintf("m%d", i), packed != "")
	}
	g.indent--
	g.line("};")
	g.structs = append(g.structs, s)
}

func (g *generator) field(s *structure, name string, packed bool) {
	t := g.ctype()
	switch k := g.IntN(8); {
	case k == 0 && !packed:
		width := 1 + g.IntN(t.bits)
		g.line("%s %s : %d;", t.name, name, width)
		s.fields = append(s.fields, place{text: "." + name, typ: t, bitfield: true})
		s.size += 8
	case k == 1:
		g.line("%s %s[4];", t.name, name)
		for i := range 4 {
			s.fields = append(s.fields, place{text: fmt.Sprintf(".%s[%d]", name, i), typ: t, bitfield: packed})
		}
		s.size += 4 * max(t.bits/8, 8)
	case k == 2 && len(g.structs) > 0:
		inner := pick(g, g.structs)
		if s.size+inner.size > 64 {
			return
		}
		g.line("struct %s %s;", inner.name, name)
		for _, f := range inner.fields {
			f.text, f.bitfield = "."+name+f.text, f.bitfield || packed
			s.fields = append(s.fields, f)
		}
		s.size += inner.size
	default:
		g.line("%s %s;", t.name, name)
		s.fields = append(s.fields, place{text: "." + name, typ: t, bitfield: packed})
		s.size += 8
	}
}

// globalVariables declares variables of .data, .bss and .rodata.
func (g *generator) globalVariables() {
	for range 2 + g.IntN(4) {
		t, name := g.ctype(), g.name("g")
		initial := ""
		if g.one(2) {
			initial = " = " + g.constant(t)
		}
		volatile := ""
		if g.one(4) {
			volatile = "volatile "
		}
		g.line("static %s%s %s%s;", volatile, t.name, name, initial)
		g.globals.places = append(g.globals.places, place{text: name, typ: t, bitfield: volatile != ""})
	}
	for i := range 2 + g.IntN(3) {
		a := array{text: g.name("t"), typ: g.ctype(), length: 4 << g.IntN(4), constant: i%2 == 0}
		switch {
		case a.constant:
			g.line("static const %s %s[%d] = %s;", a.typ.name, a.text, a.length, g.initializer(a))
		case g.one(2):
			g.line("static %s %s[%d] = %s;", a.typ.name, a.text, a.length, g.initializer(a))
		default:
			g.line("static %s %s[%d];", a.typ.name, a.text, a.length)
		}
		g.globals.arrays = append(g.globals.arrays, a)
	}
	for _, s := range g.structs {
		name := g.name("o")
		g.line("static struct %s %s;", s.name, name)
		g.globals.objects = append(g.globals.objects, object{name, s})
	}
}

func (g *generator) initializer(a array) string {
	values := make([]string, a.length)
	for i := range values {
		values[i] = g.constant(a.typ)
	}
	return "{" + strings.Join(values, ", ") + "}"
}

// constant is a number that is likely to matter: small, or near a border.
func (g *generator) constant(t ctype) string {
	var v uint64
	switch g.IntN(5) {
	case 0:
		v = uint64(g.IntN(10))
	case 1:
		v = 1<<g.IntN(64) - uint64(g.IntN(3))
	case 2:
		v = -uint64(g.IntN(200))
	case 3:
		v = g.Uint64() >> g.IntN(64)
	default:
		v = g.Uint64()
	}
	return fmt.Sprintf("(%s)%#xull", t.name, v)
}

// function declares one function that may call those before it.
func (g *generator) function(name string) {
	f := &function{name: name, result: g.ctype(), pure: g.one(3)}
	g.begin(f.pure)
	var params []string
	for i := range g.IntN(6) {
		params = append(params, g.param(f, fmt.Sprintf("a%d", i)))
	}
	if len(params) == 0 {
		params = []string{"void"}
	}
	attribute := "NOINLINE"
	if g.one(5) {
		attribute = "INLINE"
	}
	g.result = f.result
	g.line("%s %s %s(%s)", attribute, f.result.name, name, strings.Join(params, ", "))
	g.line("{")
	g.indent++
	g.body(3+g.IntN(5), 40)
	g.line("return %s;", g.expr(f.result, 3))
	g.indent--
	g.line("}")
	f.cost, f.depth = g.cost+10, g.depth+1
	g.funcs = append(g.funcs, f)
}

// begin forgets the last function.
func (g *generator) begin(pure bool) {
	g.local, g.pure, g.loops, g.times, g.cost, g.depth = scope{}, pure, 0, 1, 0, 0
}

func (g *generator) param(f *function, name string) string {
	p := param{typ: g.ctype()}
	if !f.pure && g.one(2) {
		p.kind = paramKind(1 + g.IntN(4))
	}
	var declared string
	switch p.kind {
	case paramNumber:
		declared = p.typ.name + " " + name
		g.local.places = append(g.local.places, place{text: name, typ: p.typ})
	case paramMem:
		if g.local.mem {
			p.kind = paramNumber
			declared = p.typ.name + " " + name
			g.local.places = append(g.local.places, place{text: name, typ: p.typ})
			break
		}
		declared, g.local.mem = "u8 *mem", true
	case paramPointer:
		declared = p.typ.name + " *" + name
		g.local.places = append(g.local.places, place{text: "(*" + name + ")", typ: p.typ})
	case paramArray:
		p.n = 4
		declared = p.typ.name + " *" + name
		g.local.arrays = append(g.local.arrays, array{text: name, typ: p.typ, length: p.n})
	case paramStruct:
		p.of = pick(g, g.structs)
		declared = "struct " + p.of.name + " *" + name
		g.local.objects = append(g.local.objects, object{"(*" + name + ")", p.of})
	}
	f.params = append(f.params, p)
	return declared
}

// program declares one entry: it ends by folding all that it could have changed into the result.
func (g *generator) program(name string) {
	g.begin(false)
	g.local.mem, g.result = true, u64type
	g.local.places = append(g.local.places, place{text: "len", typ: u64type, constant: true})
	g.line("PROGRAM(%s)", name)
	g.line("{")
	g.indent++
	g.line("u64 h = 0;")
	g.body(6+g.IntN(8), 96)
	for _, s := range []scope{g.local, g.globals} {
		for _, p := range s.places {
			g.line("FOLD(h, %s);", p.text)
		}
		for _, a := range s.arrays {
			g.line("for (u32 i = 0; i < %d; i++) FOLD(h, %s[i]);", a.length, a.text)
		}
		for _, o := range s.objects {
			for _, f := range o.typ.fields {
				g.line("FOLD(h, %s%s);", o.text, f.text)
			}
		}
	}
	g.line("return h ^ seen;")
	g.indent--
	g.line("}")
}

// body declares variables in so many bytes of stack, then n statements.
func (g *generator) body(n, stack int) {
	for range 1 + g.IntN(3) {
		t, name := g.ctype(), g.name("x")
		if g.one(8) {
			t = boolType
		}
		volatile := ""
		if g.one(6) {
			volatile = "volatile "
		}
		g.line("%s%s %s = %s;", volatile, t.name, name, g.expr(t, 2))
		g.local.places = append(g.local.places, place{text: name, typ: t, bitfield: volatile != "" || t == boolType})
	}
	if t := g.ctype(); g.one(2) && t.bits <= stack {
		a := array{text: g.name("y"), typ: t, length: 4}
		if 8*t.bits/8 <= stack {
			a.length = 8
		}
		if g.one(2) {
			g.line("%s %s[%d] = %s;", t.name, a.text, a.length, g.initializer(a))
		} else {
			g.line("%s %s[%d] = {0};", t.name, a.text, a.length)
		}
		g.local.arrays = append(g.local.arrays, a)
		stack -= a.length * t.bits / 8
	}
	if s := pick(g, g.structs); g.one(2) && s.size <= stack {
		name := g.name("z")
		g.line("struct %s %s = {%s};", s.name, name, "0")
		g.local.objects = append(g.local.objects, object{name, s})
	}
	g.statements(n)
}

func (g *generator) statements(n int) {
	for range n {
		g.statement()
	}
}

// block is statements in braces of their own; what they declare ends with them.
func (g *generator) block(n int) {
	saved := g.local
	g.line("{")
	g.indent++
	g.statements(n)
	g.indent--
	g.line("}")
	g.local = saved
}
