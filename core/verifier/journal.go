package verifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// journal prints the steps of an analysis, much as the log of Linux's verifier
// (log level 2, kernel/bpf/verifier.c, 6.18) does: an instruction, then what it changed;
// the whole state where a path begins or is taken up again.
type journal struct {
	line   func(string)
	path   *path // the path of the last step
	text   string
	fn     int32
	pos    ir.Pos
	ends   bool // the last step was an exit of the program
	before view
	origin map[*path]ir.Pos // where pending paths come from
	known  int              // pending paths at the last step
	branch map[int32]ir.Pos // the undecided branches, by their place in analysis.trail
	trails int
	source string
}

// view is the running activation as it is printed.
type view struct {
	depth int32
	regs  [11]ref
	slots []slot
}

func newJournal(line func(string)) *journal {
	if line == nil {
		return nil
	}
	return &journal{line: line, origin: map[*path]ir.Pos{}, branch: map[int32]ir.Pos{}, trails: 1}
}

// step is called before each instruction; what the one before has changed is known now.
func (j *journal) step(a *analysis, p *path, in *ir.Insn) {
	if in.Op == ir.OpJmp && p == j.path && in.Pos == j.pos { // the end of a block without a jump of its own
		return
	}
	if n := len(a.trail); n > j.trails {
		j.branch[int32(n-1)] = j.pos
	}
	j.trails = len(a.trail)
	for _, q := range a.pending[min(j.known, len(a.pending)):] {
		j.origin[q] = j.pos
	}
	f := p.top()
	switch {
	case p != j.path:
		j.flush("")
		j.begin(a, p, in)
	case p.depth != j.before.depth:
		j.flush("")
		j.frames(a, p, j.before.depth)
	default:
		widened := a.widenedAt(p, in.Pos)
		j.flush(a.changes(p, &j.before, widened))
		if len(widened) > 0 {
			j.line(fmt.Sprintf("%d: the loop that begins here, all turns: %s", in.Pos, strings.Join(a.texts(p, widened), " ")))
		}
	}
	if s := a.heading(in.Pos); s != j.source && a.inC(in.Pos) {
		j.source = s
		j.line("; " + s)
	}
	fn := a.program.Funcs[f.fn]
	j.path, j.fn, j.pos, j.known = p, f.fn, in.Pos, len(a.pending)
	j.text = fmt.Sprintf("%d: %s", in.Pos, a.spelled(fn, in))
	j.ends = in.Op == ir.OpExit && p.depth == 1
	j.before = viewOf(p)
}

// heading is the source line of an instruction as it stands above it.
func (w *walk) heading(pos ir.Pos) string {
	text, at := w.trimmed(pos), w.sourceAt(pos)
	if text == "" {
		return at
	}
	return text + " @ " + at
}

// flush prints the last instruction with what it has changed.
func (j *journal) flush(changes string) {
	if j.text == "" {
		return
	}
	if changes != "" {
		j.text = fmt.Sprintf("%-40s ; %s", j.text, changes)
	}
	j.line(j.text)
	j.text = ""
}

// begin prints the state in which a path is taken up.
func (j *journal) begin(a *analysis, p *path, in *ir.Insn) {
	from, pending := j.origin[p]
	delete(j.origin, p)
	waits := slices.Contains(a.pending, j.path) // the last step was a branch, of which the other side is followed first
	if j.path != nil && !j.ends && !waits {
		j.line(fmt.Sprintf("from %d: safe", j.pos))
	}
	switch {
	case j.path == nil:
		j.line(fmt.Sprintf("func %s:", a.program.Funcs[p.top().fn].Name))
		j.line(fmt.Sprintf("%d: %s", in.Pos, a.state(p)))
		return
	case pending || p.trail > 0:
		if !pending {
			from = j.branch[p.trail]
		}
		j.line(fmt.Sprintf("\nfrom %d to %d: %s", from, in.Pos, a.state(p)))
	default:
		j.line(fmt.Sprintf("\nagain from %d: %s", in.Pos, a.state(p)))
	}
}

// frames prints caller and callee where a call begins or ends.
func (j *journal) frames(a *analysis, p *path, before int32) {
	what := "returning to "
	if p.depth > before {
		what = "func "
	}
	j.line(fmt.Sprintf("%s%s: frame%d: %s", what, a.program.Funcs[p.top().fn].Name, p.depth-1, a.state(p)))
}

// finish prints the last step, why the program is refused, and what the analysis cost.
func (j *journal) finish(a *analysis, err *Error) {
	if j == nil {
		return
	}
	j.flush("")
	if err != nil {
		j.line(err.Msg + " [" + string(err.Code) + "]")
	}
	j.line(fmt.Sprintf("processed %d insns, peak states %d", a.steps, a.peak))
	for _, h := range a.heat() {
		j.line(h.String())
	}
}

func viewOf(p *path) view {
	f := p.top()
	return view{p.depth, f.regs, slices.Clone(f.slots)}
}

// widenedAt lists the registers and slots that the loop head at pos has widened.
func (a *analysis) widenedAt(p *path, pos ir.Pos) (list []int) {
	f := p.top()
	is := func(r ref) bool { n := a.at(r); return r != 0 && n.cause == byLoop && n.pos == pos }
	for r, v := range f.regs {
		if is(v) {
			list = append(list, r)
		}
	}
	for k := range f.slots {
		if s := &f.slots[k]; s.size != 0 && is(s.val) {
			list = append(list, numRegs+k)
		}
	}
	return list
}

// texts are registers (below numRegs) and slots of the running activation as text.
func (a *analysis) texts(p *path, list []int) (out []string) {
	f := p.top()
	for _, i := range list {
		if i < numRegs {
			out = append(out, fmt.Sprintf("R%d=%s", i, a.show(p, f.regs[i])))
			continue
		}
		k := i - numRegs
		out = append(out, fmt.Sprintf("fp-%d=%s", 8*(k+1), a.showSlot(p, &f.slots[k])))
	}
	return out
}

// state is all that is known in the running activation.
func (a *analysis) state(p *path) string {
	f := p.top()
	var list []int
	for r, v := range f.regs {
		if v != 0 {
			list = append(list, r)
		}
	}
	for k := range f.slots {
		if f.slots[k].init != 0 || f.slots[k].size != 0 {
			list = append(list, numRegs+k)
		}
	}
	out := a.texts(p, list)
	for _, h := range p.holds {
		out = append(out, fmt.Sprintf("ref(insn=%d)", h.pos))
	}
	if p.lock != 0 {
		out = append(out, fmt.Sprintf("lock(insn=%d)", p.lockPos))
	}
	return strings.Join(out, " ")
}

// changes is what differs from before, but for what a loop head has widened.
func (a *analysis) changes(p *path, before *view, widened []int) string {
	f := p.top()
	var list []int
	for r, v := range f.regs {
		if v != before.regs[r] && v != 0 && !slices.Contains(widened, r) {
			list = append(list, r)
		}
	}
	for k := range f.slots {
		if (k >= len(before.slots) || f.slots[k] != before.slots[k]) && !slices.Contains(widened, numRegs+k) {
			list = append(list, numRegs+k)
		}
	}
	return strings.Join(a.texts(p, list), " ")
}

// showSlot is a slot in the log: a value, or 8 bytes, each written (m), 0 or neither (?).
func (a *analysis) showSlot(p *path, s *slot) string {
	if s.size == 8 {
		return a.show(p, s.val)
	}
	var b strings.Builder
	for i := 7; i >= 0; i-- {
		switch {
		case s.zero>>i&1 != 0:
			b.WriteByte('0')
		case s.init>>i&1 != 0:
			b.WriteByte('m')
		default:
			b.WriteByte('?')
		}
	}
	if s.size != 0 {
		fmt.Fprintf(&b, "(%d bytes: %s)", s.size, a.show(p, s.val))
	}
	return b.String()
}

// shortNames are the kinds in the log, as in the kernel's.
var shortNames = [...]string{isNothing: "?", isScalar: "scalar", isCtx: "ctx", isStack: "fp", isPacket: "pkt", isPacketEnd: "pkt_end", isPacketMeta: "pkt_meta",
	isMemory: "memory", isMemoryEnd: "memory_end", isMapValue: "map_value", isMap: "map_ptr", isData: "data", isMem: "mem", isStruct: "ptr", isFunc: "func", isDynptr: "dynptr", isIter: "iter"}

// show is a value in the log.
func (a *analysis) show(p *path, r ref) string {
	n := a.at(r)
	mark := ""
	if n.flags&precise != 0 {
		mark = "P"
	}
	switch n.kind {
	case isScalar:
		return mark + scalarText(n.num)
	case isStack:
		if w := a.whole(n); w.Mask == 0 {
			return "fp" + stackText(w)
		}
	}
	name := shortNames[n.kind]
	if n.flags&orNull != 0 {
		name += "_or_null"
	}
	return name + "(" + strings.Join(a.attributes(p, n), ",") + ")"
}

func stackText(w scalar.Num) string {
	v, _ := w.Const()
	if v == 0 {
		return "0"
	}
	return signed(int64(v))
}

// attributes describe a pointer.
func (a *analysis) attributes(p *path, n *node) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch n.kind {
	case isMapValue, isMap:
		if n.obj >= 0 {
			m := &a.program.Maps[n.obj]
			add("map=%s", m.Name)
			add("ks=%d", m.KeySize)
			add("vs=%d", m.ValueSize)
		}
	case isData:
		add("%s", a.program.Data[n.obj].Name)
	case isFunc:
		add("%s", a.program.Funcs[n.obj].Name)
	case isStruct:
		if n.obj >= 0 {
			add("%s", a.set.Structs[n.obj].Name)
		}
	case isMem:
		add("sz=%d", n.size)
	}
	if isSpan(n.kind) && !isEnd(n.kind) || n.flags&orNull != 0 || n.held != 0 {
		add("id=%d", n.id)
	}
	if n.held != 0 {
		add("ref=%d", n.held)
	}
	if n.off != 0 || isSpan(n.kind) && !isEnd(n.kind) {
		add("off=%d", n.off)
	}
	if s := p.span(n.id); s != nil && isSpan(n.kind) && !isEnd(n.kind) {
		add("r=%d", s.n)
	}
	if v, constant := n.num.Const(); !constant || v != 0 {
		add("%s", bounds(n.num))
	}
	return out
}

// scalarText is a number in the log.
func scalarText(n scalar.Num) string {
	if v, ok := n.Const(); ok {
		return fmt.Sprint(int64(v))
	}
	return "scalar(" + bounds(n) + ")"
}

// bounds are the limits of a number that say something.
func bounds(n scalar.Num) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	smin, smax, umin, umax := n.SMin(), n.SMax(), n.UMin(), n.UMax()
	if smin != -1<<63 && smin != int64(umin) {
		add("smin=%d", smin)
	}
	switch same := smax >= 0 && uint64(smax) == umax; {
	case same:
		add("smin=%d", smin)
		add("smax=umax=%d", umax)
		out = dedupe(out)
	case smax != 1<<63-1:
		add("smax=%d", smax)
	}
	if umin != 0 {
		add("umin=%d", umin)
	}
	if umax != 1<<64-1 && uint64(smax) != umax {
		add("umax=%d", umax)
	}
	if n.Mask != 1<<64-1 {
		add("var_off=(%#x; %#x)", n.Value, n.Mask)
	}
	return strings.Join(out, ",")
}

func dedupe(list []string) []string { return slices.Compact(list) }

// Heat is how often the instructions of a source line were looked at.
type Heat struct {
	Visits int
	Func   string
	Slot   int    // the first instruction of the line
	File   string // "" without source lines: then every basic block counts as one
	Line   int
	Text   string
}

// String is a row of the heat map.
func (h *Heat) String() string {
	if h.File == "" {
		return fmt.Sprintf("%8d  insn %d of %s", h.Visits, h.Slot, h.Func)
	}
	return fmt.Sprintf("%8d  %s:%d: %s", h.Visits, h.File, h.Line, h.Text)
}

// heat counts the visits of each source line, most first; of each block where there are no lines.
func (a *analysis) heat() []Heat {
	type key struct {
		file     string
		line, at int
	}
	index := map[key]int{}
	var out []Heat
	for fi, f := range a.program.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				pos := b.Insns[i].Pos
				n := int(a.visits[a.first[fi]+a.facts[fi].Start[b.ID]+int32(i)])
				if n == 0 || pos == ir.NoPos {
					continue
				}
				h := Heat{Func: f.Name, Slot: int(pos)}
				k := key{at: int(b.Insns[0].Pos)}
				if l := a.program.Source(pos); l != nil && l.File != "" {
					k = key{file: l.File, line: l.Line}
					h.File, h.Line, h.Text = l.File, l.Line, a.trimmed(pos)
				}
				j, ok := index[k]
				if !ok {
					j = len(out)
					index[k] = j
					out = append(out, h)
				}
				out[j].Visits += n
			}
		}
	}
	slices.SortStableFunc(out, func(x, y Heat) int { return y.Visits - x.Visits })
	return out
}
