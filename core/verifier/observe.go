package verifier

import (
	"encoding/binary"
	"fmt"

	"github.com/bpfc/bpfc/core/ir"
)

// Area is what a pointer leads to, as far as a run can say where it begins.
type Area uint8

// The areas. Map values, maps, data sections and functions have an index.
const (
	AreaContext Area = iota
	AreaPacket
	AreaPacketEnd
	AreaPacketMeta
	AreaMemory
	AreaMemoryEnd
	AreaMapValue
	AreaMap
	AreaData
	AreaFunc
)

// Concrete is what a run finds before an instruction.
type Concrete struct {
	// Frames are the active functions: the program's first, the running one last.
	Frames []ConcreteFrame
	// Bases are the addresses at which an area begins: several if there are several
	// values of a map. Without any, pointers into the area are not compared.
	Bases func(area Area, index int) []uint64
}

// ConcreteFrame is one active function.
type ConcreteFrame struct {
	// Func, Block and Index say where the function is; a caller is at its call.
	Func  int
	Block ir.BlockID
	Index int
	Regs  [11]uint64 // R0 to R10
	Stack []byte     // the ir.MaxStack bytes below R10, the lowest first
}

// maxKept bounds the states that are kept for one program.
const maxKept = 50_000

// keeper keeps the states of an analysis.
type keeper struct {
	a      *analysis
	states [][]*path // by instruction, counted through all functions
	n      int
}

// record keeps the state before an instruction.
func (k *keeper) record(a *analysis, p *path, gi int32) {
	if k.states == nil {
		k.a, k.states = a, make([][]*path, len(a.marks))
	}
	if k.n++; k.n <= maxKept {
		k.states[gi] = append(k.states[gi], p.fork())
	}
}

// Kept is the number of states that the analysis went through, 0 without Options.Keep.
func (v *Verified) Kept() int {
	if v.kept == nil {
		return 0
	}
	return v.kept.n
}

// Holds reports whether one of the states that the analysis kept for an
// instruction describes what a run finds there: every register that is read
// later is in its range or inside of what it points to, and so is what the
// stack holds; what is known of packets and of differences between numbers is
// true. The error says what the last of the states got wrong. Holds is nil
// for programs that were verified without Options.Keep, or with more than
// 50,000 states. It may be called by one goroutine at a time.
func (v *Verified) Holds(c *Concrete) error {
	k := v.kept
	if k == nil || k.n > maxKept || k.states == nil {
		return nil
	}
	top := &c.Frames[len(c.Frames)-1]
	gi := k.a.first[top.Func] + k.a.facts[top.Func].Start[top.Block] + int32(top.Index)
	why := "no path leads there"
	for i, p := range k.states[gi] {
		m := matching{keeper: k, p: p, c: c}
		if why = m.frames(); why == "" {
			k.states[gi][0], k.states[gi][i] = p, k.states[gi][0] // runs take the same way often
			return nil
		}
	}
	return fmt.Errorf("none of %d states: %s", len(k.states[gi]), why)
}

// matching compares one state with what a run finds.
type matching struct {
	*keeper
	p     *path
	c     *Concrete
	bases []baseValue
}

// baseValue is a base of numbers and what it is in the run.
type baseValue struct {
	base  ref
	value uint64
}

// frames compares everything. It returns what does not fit, "" if all does.
func (m *matching) frames() string {
	skip := len(m.c.Frames) - int(m.p.depth)
	if skip < 0 || skip > 0 && m.p.root.callback == nil && !m.p.root.global {
		return "other callers"
	}
	frames := m.c.Frames[skip:]
	for i := range frames {
		f, g := m.p.frames[i], &frames[i]
		running := i == len(frames)-1
		if int(f.fn) != g.Func || !running && (ir.BlockID(f.block) != g.Block || int(f.index) != g.Index) {
			return "other callers"
		}
		if why := m.frame(f, g, running, frames); why != "" {
			return why
		}
	}
	return m.relations()
}

func (m *matching) frame(f *activation, g *ConcreteFrame, running bool, frames []ConcreteFrame) string {
	c := comparison{analysis: m.a}
	live := c.liveRegs(f, running || c.frameAbove(f)) // a call that calls back is made again: what it reads, and no more
	for r, v := range f.regs {
		if v != 0 && live&(1<<r) != 0 {
			if why := m.value(v, g.Regs[r], frames); why != "" {
				return fmt.Sprintf("R%d of %s is %#x, %s", r, m.a.program.Funcs[f.fn].Name, g.Regs[r], why)
			}
		}
	}
	for i := range f.slots {
		if why := m.slot(&f.slots[i], g.Stack[len(g.Stack)-8*(i+1):][:8], frames); why != "" {
			return fmt.Sprintf("R10-%d of %s, %s", 8*(i+1), m.a.program.Funcs[f.fn].Name, why)
		}
	}
	return ""
}

func (m *matching) slot(s *slot, b []byte, frames []ConcreteFrame) string {
	for i, x := range b {
		if s.zero&^(1<<s.size-1)&(1<<i) != 0 && x != 0 {
			return fmt.Sprintf("byte %d is %d, not 0", i, x)
		}
	}
	if s.size == 0 {
		return ""
	}
	var whole [8]byte
	copy(whole[:], b[:s.size])
	v := binary.LittleEndian.Uint64(whole[:])
	if why := m.value(s.val, v, frames); why != "" {
		return fmt.Sprintf("which is %#x, %s", v, why)
	}
	return ""
}

// value compares a value of the state with that of the run.
func (m *matching) value(r ref, v uint64, frames []ConcreteFrame) string {
	n := m.a.at(r)
	switch {
	case n.kind == isScalar:
		if !n.num.Contains(v) {
			return "not in " + n.num.String()
		}
		return m.base(n.base, v-uint64(n.off))
	case v == 0 && n.flags&orNull != 0:
		return ""
	}
	starts := m.starts(n, frames)
	for _, b := range starts {
		if n.num.Contains(v - b - uint64(n.off)) {
			return m.span(n, v)
		}
	}
	if len(starts) == 0 {
		return ""
	}
	return fmt.Sprintf("not %s at offset %s%+d (which begins at %#x)", kindNames[n.kind], n.num, n.off, starts)
}

// areas are those of the kinds of values.
var areas = map[nodeKind]Area{isCtx: AreaContext, isPacket: AreaPacket, isPacketEnd: AreaPacketEnd, isPacketMeta: AreaPacketMeta, isMemory: AreaMemory,
	isMemoryEnd: AreaMemoryEnd, isMapValue: AreaMapValue, isMap: AreaMap, isData: AreaData, isFunc: AreaFunc}

// starts is where what n leads to may begin in the run.
func (m *matching) starts(n *node, frames []ConcreteFrame) []uint64 {
	if n.kind == isStack {
		return []uint64{frames[n.obj].Regs[10]}
	}
	area, ok := areas[n.kind]
	if !ok || n.obj < 0 {
		return nil
	}
	return m.c.Bases(area, int(n.obj))
}

// span checks what is known of the bytes behind a pointer at v.
func (m *matching) span(n *node, v uint64) string {
	ends := map[nodeKind]Area{isPacket: AreaPacketEnd, isPacketMeta: AreaPacket, isMemory: AreaMemoryEnd}
	end, ok := ends[n.kind]
	if !ok {
		return ""
	}
	ends1 := m.c.Bases(end, 0)
	if len(ends1) == 0 {
		return ""
	}
	there := int64(ends1[0] - (v - uint64(n.off)))
	if s := m.p.span(n.id); s != nil && s.n > 0 && there < s.n {
		return fmt.Sprintf("of which %d bytes are said to be there: there are %d", s.n, there)
	}
	if s := m.p.bound(n.id, true); s != nil && there >= s.n {
		return fmt.Sprintf("of which fewer than %d bytes are said to be there: there are %d", s.n, there)
	}
	return ""
}

// base checks that all numbers of a base agree about it.
func (m *matching) base(base ref, v uint64) string {
	for _, b := range m.bases {
		if b.base == base {
			if b.value != v {
				return fmt.Sprintf("at another distance from the numbers it is said to be near to: %#x, not %#x", v, b.value)
			}
			return ""
		}
	}
	m.bases = append(m.bases, baseValue{base, v})
	return ""
}

// relations checks that what is said about pairs of numbers is true.
func (m *matching) relations() string {
	for _, r := range m.p.relations {
		x, xok := m.baseOf(r.x)
		y, yok := m.baseOf(r.y)
		if xok && yok && !atMost(x, r.c, y) {
			return fmt.Sprintf("%d%+d ≤ %d is said", x, r.c, y)
		}
	}
	return ""
}

// atMost reports whether x + c ≤ y as numbers that do not wrap.
func atMost(x uint64, c int64, y uint64) bool {
	if c >= 0 {
		return y >= uint64(c) && x <= y-uint64(c)
	}
	return x <= y || x-y <= -uint64(c)
}

func (m *matching) baseOf(r ref) (uint64, bool) {
	for _, b := range m.bases {
		if b.base == r {
			return b.value, true
		}
	}
	return 0, false
}
