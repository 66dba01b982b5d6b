package cbpf

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Decisions are a filter as a table: what it returns, and of which packets or system calls.
type Decisions struct {
	Dialect Dialect
	// Rows exclude each other. Those of seccomp are for every record; those of packets leave out the packets for which the result is 0.
	Rows []Decision
	// Cut says why rows are missing; "" if none is. What no row is about is not decided then.
	Cut string
}

// Decision is a row: where all conditions hold, the filter returns the result.
type Decision struct {
	Conditions []Condition
	Result     string // a number, or what it is computed from
	Constant   bool   // the result is the number Ret
	Ret        uint32
	result     *value
}

// Condition holds where a value is one of a set of numbers.
type Condition struct {
	Value string
	In    [][2]uint64 // from, to
	Text  string      // the condition as people read it
	of    operand
	set   spans
}

// operand is a value of 32 bits, or two of them as halves of one of 64. Of halves one may be missing, which counts as 0.
type operand struct{ lo, hi *value }

// What a walk does at most: so many instructions, ways to an end, conditions, and parts of a number.
const (
	maxSteps = 1 << 18
	maxWays  = 1 << 12
	maxConds = 1 << 14 // of all ways together
	maxNodes = 64
)

// Decide makes the table of a filter that Check has accepted in the dialect. It follows every way through the filter with what its values are computed
// from, leaves out ways that no input takes, and joins rows that differ in one condition.
func Decide(insns []Insn, d Dialect) *Decisions {
	w := &walk{insns: insns, dialect: d, values: newValues()}
	zero := w.number(0)
	first := &path{a: zero, x: zero}
	for k := range first.m {
		first.m[k] = zero
	}
	for w.push(first); len(w.work) > 0 && w.cut == ""; {
		p := w.work[len(w.work)-1]
		w.work = w.work[:len(w.work)-1]
		w.follow(p)
	}
	return w.table()
}

// String is the table as text: a row a line, the result before its conditions.
func (t *Decisions) String() string {
	var b strings.Builder
	width := 1
	for i := range t.Rows {
		width = max(width, min(len(t.Rows[i].Result), 20))
	}
	for i := range t.Rows {
		var words []string
		for _, c := range t.Rows[i].Conditions {
			words = append(words, c.Text)
		}
		if len(words) == 0 {
			words = []string{"always"}
		}
		fmt.Fprintf(&b, "%-*s  %s\n", width, t.Rows[i].Result, strings.Join(words, " and "))
	}
	switch {
	case t.Cut != "":
		fmt.Fprintf(&b, "The table is cut: %s. What no row names is not decided here.\n", t.Cut)
	case t.Dialect != Seccomp:
		fmt.Fprintf(&b, "%-*s  every other packet\n", width, "0")
	}
	return b.String()
}

// walk is how a filter is followed.
type walk struct {
	*values
	insns   []Insn
	dialect Dialect
	work    []*path
	ends    []way
	steps   int
	ways    int
	conds   int
	random  uint32 // numbers drawn
	cut     string
}

// path is a way from the start to an instruction: what it has computed, and what is known of the input.
type path struct {
	pc    int
	a, x  *value
	m     [Cells]*value
	facts []fact
}

// fact says that a value is in a set.
type fact struct {
	of  *value
	set spans
}

// way is a path to an end.
type way struct {
	conditions []Condition
	result     *value
}

func (w *walk) push(p *path) { w.work = append(w.work, p) }

// known is the set that a value is in on a path.
func (w *walk) known(p *path, v *value) spans {
	for i := range p.facts {
		if p.facts[i].of == v {
			return p.facts[i].set
		}
	}
	if v.kind == valueArith && v.b.kind == valueNumber {
		if n, ok := w.known(p, v.a).single(); ok {
			n = uint64(calculate(v.op, uint32(n), v.b.k))
			return spans{{n, n}}
		}
	}
	if v.kind == valueNumber {
		return spans{{uint64(v.k), uint64(v.k)}}
	}
	return spans{{0, uint64(w.nodes[v].max)}}
}

// settled is the number that v must be on the path, else v.
func (w *walk) settled(p *path, v *value) *value {
	if n, ok := w.known(p, v).single(); ok {
		return w.number(uint32(n))
	}
	return v
}

// split divides a path in those where v is in a set and where it is not; nil stands for none. It may change p.
func (w *walk) split(p *path, v *value, set spans) (yes, no *path) {
	now := w.known(p, v)
	in, out := now.both(set), now.both(set.without(math.MaxUint32))
	switch {
	case len(out) == 0:
		return p, nil
	case len(in) == 0:
		return nil, p
	}
	other := *p
	other.facts = slices.Clone(p.facts)
	p.learn(v, in)
	other.learn(v, out)
	return p, &other
}

func (p *path) learn(v *value, set spans) {
	for i := range p.facts {
		if p.facts[i].of == v {
			p.facts[i].set = set
			return
		}
	}
	p.facts = append(p.facts, fact{v, set})
}

// require ends the paths where v is not in a set with a result. It reports whether p goes on.
func (w *walk) require(p *path, v *value, set spans, result *value) bool {
	yes, no := w.split(p, v, set)
	if no != nil {
		w.end(no, result)
	}
	return yes != nil
}

// end notes a way to an end.
func (w *walk) end(p *path, result *value) {
	if w.ways++; w.ways > maxWays {
		w.cut = fmt.Sprintf("the filter has more than %d ways to an end", maxWays)
		return
	}
	out := way{result: w.settled(p, result)}
	if w.dialect != Seccomp && out.result == w.number(0) {
		return
	}
	out.conditions = w.joined(p.facts)
	if w.conds += len(out.conditions); w.conds > maxConds {
		w.cut = fmt.Sprintf("the ways through the filter have more than %d conditions", maxConds)
		return
	}
	w.ends = append(w.ends, out)
}

// follow follows a path to its end, and leaves those that part from it to be followed later.
func (w *walk) follow(p *path) {
	for w.cut == "" {
		if w.steps++; w.steps > maxSteps {
			w.cut = fmt.Sprintf("the ways through the filter have more than %d instructions", maxSteps)
			return
		}
		in := w.insns[p.pc]
		r := in.Row()
		switch {
		case r.Op == OpJump:
			if p.pc += 1 + int(int32(in.K)); int32(in.K) < 0 && w.dialect == Pcap {
				w.cut = "the filter goes back, in a loop"
			}
			continue
		case r.Op == OpRet && r.Form == FormImm:
			w.end(p, w.number(in.K))
			return
		case r.Op == OpRet:
			w.end(p, p.a)
			return
		}
		v, ok := w.operand(p, in, r)
		if !ok {
			return
		}
		if r.Op.Cond() {
			if p = w.branch(p, in, r.Op, v); p == nil {
				return
			}
			continue
		}
		if !w.step(p, in, r, v) {
			return
		}
		p.pc++
	}
}

// operand is the value of an instruction's operand; ok is false if the path has ended.
func (w *walk) operand(p *path, in Insn, r *Row) (v *value, ok bool) {
	switch r.Form {
	case FormImm:
		return w.number(in.K), true
	case FormX:
		return w.settled(p, p.x), true
	case FormMem:
		return p.m[in.K], true
	case FormLen:
		if w.dialect == Seccomp {
			return w.number(DataSize), true
		}
		return w.of(value{kind: valueLength}), true
	case FormAbs:
		if anc, isAnc := in.Anc(); isAnc && w.dialect == Linux {
			return w.ancillary(p, anc)
		}
		return w.load(p, w.number(in.K), r.Size)
	case FormMsh:
		v, ok = w.load(p, w.number(in.K), 1)
		if !ok {
			return nil, false
		}
		return w.arith(OpMul, w.settled(p, w.arith(OpAnd, v, w.number(15))), w.number(4)), true
	case FormInd:
		return w.indirect(p, w.settled(p, p.x), in.K, r.Size)
	}
	return nil, true
}

// indirect loads at x + k. In the dialect Pcap the sum does not wrap.
func (w *walk) indirect(p *path, x *value, k uint32, size uint8) (*value, bool) {
	if w.dialect == Pcap && uint64(w.nodes[x].max)+uint64(k) > math.MaxUint32 {
		if !w.require(p, x, spans{{0, math.MaxUint32 - uint64(k)}}, w.number(0)) {
			return nil, false
		}
	}
	return w.load(p, w.arith(OpAdd, w.settled(p, x), w.number(k)), size)
}

// load is a load at an address; where there is nothing to load, the filter ends with 0.
func (w *walk) load(p *path, at *value, size uint8) (*value, bool) {
	v := value{kind: valueLoad, a: at, size: size}
	switch {
	case w.dialect == Seccomp:
		return w.settled(p, w.of(v)), true
	case at.kind != valueNumber:
		return w.loadInside(p, v)
	case w.dialect == Linux && at.k >= NetBase:
		v.a, v.k = w.number(at.k-NetBase), NetBase
		return w.loadInside(p, v)
	case w.dialect == Linux && at.k >= LinkBase:
		v.a, v.k = w.number(at.k-LinkBase), LinkBase
		return w.loadInside(p, v)
	case w.dialect == Linux && at.k >= 1<<31, uint64(at.k)+uint64(size) > math.MaxUint32:
		w.end(p, w.number(0))
		return nil, false
	}
	captured := w.of(value{kind: valueCaptured})
	if !w.require(p, captured, spans{{uint64(at.k) + uint64(size), math.MaxUint32}}, w.number(0)) {
		return nil, false
	}
	return w.settled(p, w.of(v)), true
}

// loadInside is a load of which no plain length says whether it is possible.
func (w *walk) loadInside(p *path, v value) (*value, bool) {
	inside := v
	inside.kind = valueInside
	if !w.require(p, w.of(inside), spans{{1, 1}}, w.number(0)) {
		return nil, false
	}
	return w.settled(p, w.of(v)), true
}

// ancillary is an ancillary load. Where a device is asked for and there is none, the filter ends with A.
func (w *walk) ancillary(p *path, anc Anc) (*value, bool) {
	v := value{kind: valueAnc, k: uint32(anc)}
	switch anc {
	case AncXorX:
		return w.arith(OpXor, w.settled(p, p.a), w.settled(p, p.x)), true
	case AncIfindex, AncHatype:
		if !w.require(p, w.of(value{kind: valueDevice}), spans{{1, math.MaxUint32}}, p.a) {
			return nil, false
		}
	case AncNlattr, AncNlattrNest:
		v.a, v.b = w.settled(p, p.a), w.settled(p, p.x)
	case AncRandom:
		w.random++
		v.k |= w.random << 8
	}
	return w.settled(p, w.of(v)), true
}

// step does what an instruction does to A, X and M[]. It reports whether the path goes on.
func (w *walk) step(p *path, in Insn, r *Row, v *value) bool {
	switch {
	case r.Op == OpStore && r.Reads == PlaceA:
		p.m[in.K] = p.a
		return true
	case r.Op == OpStore:
		p.m[in.K] = p.x
		return true
	case r.Op == OpMove && r.Writes == PlaceA:
		v = p.x
	case r.Op == OpMove:
		v = p.a
	case r.Op == OpNeg:
		v = w.arith(OpNeg, w.settled(p, p.a), w.number(0))
	case r.Op.Arith():
		a := w.settled(p, p.a)
		if (r.Op == OpDiv || r.Op == OpMod) && !w.require(p, v, spans{{1, math.MaxUint32}}, w.number(0)) {
			return false
		}
		v = w.settled(p, v)
		if (r.Op == OpLsh || r.Op == OpRsh) && w.dialect != Pcap {
			v = w.arith(OpAnd, v, w.number(31))
		}
		v = w.arith(r.Op, a, v)
	}
	if w.nodes[v].nodes > maxNodes {
		w.cut = fmt.Sprintf("instruction %d computes a number from more than %d parts", p.pc, maxNodes)
		return false
	}
	if r.Writes == PlaceX {
		p.x = v
	} else {
		p.a = v
	}
	return true
}

// branch follows a conditional jump, and returns one of the paths that go on.
func (w *walk) branch(p *path, in Insn, op Op, b *value) *path {
	v, set := w.asked(op, w.settled(p, p.a), b)
	yes, no := w.split(p, v, set)
	if no != nil {
		no.pc += 1 + int(in.Jf)
	}
	if yes == nil {
		return no
	}
	yes.pc += 1 + int(in.Jt)
	if no != nil {
		w.push(no)
	}
	return yes
}

// asked is a condition as a value and the set that it must be in.
func (w *walk) asked(op Op, a, b *value) (*value, spans) {
	if op == OpJset {
		if a.kind == valueNumber {
			a, b = b, a
		}
		return w.arith(OpAnd, a, b), spans{{1, math.MaxUint32}}
	}
	if b.kind != valueNumber {
		if a.kind == valueNumber && op == OpJeq {
			return b, spans{{uint64(a.k), uint64(a.k)}}
		}
		return w.of(value{kind: valueCompare, op: op, a: a, b: b}), spans{{1, 1}}
	}
	k := uint64(b.k)
	switch op {
	case OpJeq:
		return a, spans{{k, k}}
	case OpJge:
		return a, spans{{k, math.MaxUint32}}
	}
	if k == math.MaxUint32 {
		return a, nil
	}
	return a, spans{{k + 1, math.MaxUint32}}
}

// joined are the facts as conditions, in the order of their values; those on both halves of a number of 64 bits are one.
func (w *walk) joined(facts []fact) (out []Condition) {
	halves := map[uint32][2][]fact{} // of numbers of 64 bits, by their offset
	for _, f := range facts {
		at, ok := half(f.of)
		if !ok || w.dialect != Seccomp {
			out = append(out, Condition{of: operand{lo: f.of}, set: f.set})
			continue
		}
		h := halves[at&^7]
		h[at%8/4] = append(h[at%8/4], f)
		halves[at&^7] = h
	}
	for at, h := range halves {
		out = append(out, w.pair(at, h[0], h[1])...)
	}
	slices.SortFunc(out, func(a, b Condition) int { return w.order(a.of) - w.order(b.of) })
	return out
}

// half is the offset of the word of a number of 64 bits that v is, or is bits of.
func half(v *value) (at uint32, ok bool) {
	if v.kind == valueArith && v.op == OpAnd && v.b.kind == valueNumber {
		v = v.a
	}
	return v.offset()
}

func (v *value) offset() (at uint32, ok bool) {
	if v.kind != valueLoad || v.a.kind != valueNumber || v.a.k < dataIP {
		return 0, false
	}
	return v.a.k, true
}

// maxJoined is how many values of the upper half a condition on both halves has at most.
const maxJoined = 8

// pair joins what is known of both halves of the number at an offset.
func (w *walk) pair(at uint32, lo, hi []fact) (out []Condition) {
	switch {
	case len(lo) == 1 && len(hi) == 1 && hi[0].set.count() <= maxJoined:
		var set spans
		for _, x := range hi[0].set {
			for h := x.lo; h <= x.hi; h++ {
				for _, y := range lo[0].set {
					set = append(set, span{h<<32 | y.lo, h<<32 | y.hi})
				}
			}
		}
		return []Condition{{of: operand{lo[0].of, hi[0].of}, set: union(set)}}
	case len(lo) == 0 && len(hi) == 1:
		var set spans
		for _, x := range hi[0].set {
			set = append(set, span{x.lo << 32, x.hi<<32 | math.MaxUint32})
		}
		of := operand{hi: hi[0].of}
		if _, whole := hi[0].of.offset(); whole {
			of.lo = w.of(value{kind: valueLoad, a: w.number(at), size: 4})
		}
		return []Condition{{of: of, set: set}}
	}
	for _, f := range append(lo, hi...) {
		out = append(out, Condition{of: operand{lo: f.of}, set: f.set})
	}
	return out
}

// order is the place of an operand among the conditions of a row.
func (w *walk) order(o operand) int {
	if o.lo == nil {
		return 2 * w.nodes[o.hi].id
	}
	n := 2 * w.nodes[o.lo].id
	if o.hi != nil {
		n++
	}
	return n
}

// most is the largest number that an operand can be.
func (w *walk) most(o operand) (n uint64) {
	if o.lo != nil {
		n = uint64(w.nodes[o.lo].max)
	}
	if o.hi != nil {
		n |= uint64(w.nodes[o.hi].max) << 32
		if o.lo == nil {
			n |= math.MaxUint32
		}
	}
	return n
}

// table joins the ways to rows and writes them.
func (w *walk) table() *Decisions {
	t := &Decisions{Dialect: w.dialect, Cut: w.cut}
	for w.join() {
	}
	slices.SortStableFunc(w.ends, func(a, b way) int { return w.nodes[a.result].id - w.nodes[b.result].id })
	for _, e := range w.ends {
		row := Decision{result: e.result, Result: e.result.text(w.dialect), Conditions: e.conditions}
		if row.Constant = e.result.kind == valueNumber; row.Constant {
			row.Ret = e.result.k
		}
		if row.Constant && w.dialect == Seccomp {
			row.Result = Action(row.Ret)
		}
		w.write(row.Conditions)
		t.Rows = append(t.Rows, row)
	}
	return t
}

// join joins ways with the same result that differ in the set of one operand. It reports whether there were any.
func (w *walk) join() (changed bool) {
	var operands []operand
	seen := map[operand]bool{}
	for _, e := range w.ends {
		for _, c := range e.conditions {
			if !seen[c.of] {
				seen[c.of] = true
				operands = append(operands, c.of)
			}
		}
	}
	slices.SortFunc(operands, func(a, b operand) int { return w.order(b) - w.order(a) })
	for _, o := range operands {
		changed = w.joinBy(o) || changed
	}
	return changed
}

func (w *walk) joinBy(o operand) bool {
	first := map[string]int{}
	rest := w.ends[:0]
	before := len(w.ends)
	for _, e := range w.ends {
		at := slices.IndexFunc(e.conditions, func(c Condition) bool { return c.of == o })
		if at < 0 {
			rest = append(rest, e)
			continue
		}
		key := w.key(e, at)
		n, again := first[key]
		if !again {
			first[key] = len(rest)
			rest = append(rest, e)
			continue
		}
		c := &rest[n].conditions[at]
		c.set = union(append(slices.Clone(c.set), e.conditions[at].set...))
	}
	w.ends = rest
	for i := range w.ends {
		w.ends[i].conditions = slices.DeleteFunc(w.ends[i].conditions, func(c Condition) bool { return c.of == o && len(c.set.without(w.most(o))) == 0 })
	}
	return len(w.ends) < before
}

// key is a way without the set of one of its conditions.
func (w *walk) key(e way, without int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%p", e.result)
	for i, c := range e.conditions {
		fmt.Fprintf(&b, " %p %p", c.of.lo, c.of.hi)
		if i != without {
			fmt.Fprint(&b, c.set)
		}
	}
	return b.String()
}

// write writes the texts of conditions.
func (w *walk) write(list []Condition) {
	amd64 := slices.ContainsFunc(list, func(c Condition) bool {
		n, one := c.set.single()
		at, arch := c.of.word()
		return one && arch && at == dataArch && n == archAMD64
	})
	for i := range list {
		c := &list[i]
		c.Value = c.of.text(w.dialect)
		for _, x := range c.set {
			c.In = append(c.In, [2]uint64{x.lo, x.hi})
		}
		name := numberText
		if at, ok := c.of.word(); ok && w.dialect == Seccomp {
			name = namer(at, amd64)
		}
		c.Text = c.words(w.most(c.of), name, w.dialect)
	}
}

// word is the offset of the word that an operand of 32 bits is.
func (o operand) word() (at uint32, ok bool) {
	if o.hi != nil || o.lo.kind != valueLoad || o.lo.a.kind != valueNumber {
		return 0, false
	}
	return o.lo.a.k, true
}

// namer says how numbers at an offset of the data of seccomp are written.
func namer(at uint32, amd64 bool) func(uint64) string {
	switch {
	case at == dataArch:
		return func(n uint64) string {
			if name, ok := archNames[n]; ok {
				return name
			}
			return numberText(n)
		}
	case at == dataNr && amd64:
		return syscallText
	case at == dataNr:
		return func(n uint64) string { return fmt.Sprint(n) }
	}
	return numberText
}

// text writes an operand.
func (o operand) text(d Dialect) string {
	at, ok := uint32(0), false
	if o.lo != nil {
		at, ok = half(o.lo)
	} else {
		at, ok = half(o.hi)
	}
	if d != Seccomp || !ok {
		return o.lo.text(d)
	}
	mask := uint64(0)
	for shift, v := range [2]*value{o.lo, o.hi} {
		switch {
		case v == nil:
		case v.kind == valueLoad:
			mask |= math.MaxUint32 << (32 * shift)
		default:
			mask |= uint64(v.b.k) << (32 * shift)
		}
	}
	switch name := pairName(at); {
	case mask == math.MaxUint64:
		return name
	case o.hi == nil && at%8 != 0 && mask == math.MaxUint32:
		return name + " >> 32"
	case o.hi == nil && at%8 != 0:
		return fmt.Sprintf("(%s >> 32) & %#x", name, mask)
	default:
		return fmt.Sprintf("%s & %#x", name, mask)
	}
}

// words is the condition as a sentence; most is the largest number that its value can be.
func (c *Condition) words(most uint64, name func(uint64) string, d Dialect) string {
	if v := c.of.lo; v != nil && c.of.hi == nil && (v.kind == valueInside || v.kind == valueCompare) {
		return v.sentence(c.set.has(1), d)
	}
	if n, ok := c.set.single(); ok {
		return fmt.Sprintf("%s == %s", c.Value, name(n))
	}
	rest := c.set.without(most)
	if n, ok := rest.single(); ok {
		return fmt.Sprintf("%s != %s", c.Value, name(n))
	}
	if len(c.set) == 1 {
		switch x := c.set[0]; {
		case named(x, name):
			return fmt.Sprintf("%s in {%s}", c.Value, list(c.set, name))
		case len(rest) == 1 && named(rest[0], name):
			return fmt.Sprintf("%s not in {%s}", c.Value, list(rest, name))
		case x.lo == 0:
			return fmt.Sprintf("%s <= %s", c.Value, numberText(x.hi))
		case x.hi == most:
			return fmt.Sprintf("%s >= %s", c.Value, numberText(x.lo))
		}
	}
	if len(rest) > 0 && (rest.count() < c.set.count() && c.set[len(c.set)-1].hi == most) {
		return fmt.Sprintf("%s not in {%s}", c.Value, list(rest, name))
	}
	return fmt.Sprintf("%s in {%s}", c.Value, list(c.set, name))
}

// sentence is a value that is 1 or 0.
func (v *value) sentence(holds bool, d Dialect) string {
	switch {
	case holds:
		return v.text(d)
	case v.kind == valueInside:
		return v.loadText(d) + " is not in the packet"
	}
	return fmt.Sprintf("%s %s %s", v.a.operandText(d), opposite[v.op], v.b.operandText(d))
}

// maxListed is up to how many numbers of a span are listed one by one if they have names.
const maxListed = 512

// list writes the numbers of a set: names one by one, else spans from..to.
func list(s spans, name func(uint64) string) string {
	var words []string
	for _, x := range s {
		switch {
		case x.lo == x.hi:
			words = append(words, name(x.lo))
		case x.hi == x.lo+1, named(x, name):
			for n := x.lo; n <= x.hi; n++ {
				words = append(words, name(n))
			}
		default:
			words = append(words, numberText(x.lo)+".."+numberText(x.hi))
		}
	}
	return strings.Join(words, ", ")
}

// named reports whether all numbers of a span have names, and can be listed.
func named(x span, name func(uint64) string) bool {
	if x.hi-x.lo > maxListed {
		return false
	}
	for n := x.lo; n <= x.hi; n++ {
		if c := name(n)[0]; c >= '0' && c <= '9' {
			return false
		}
	}
	return true
}
