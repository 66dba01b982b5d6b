package verifier

import (
	"github.com/bpfc/bpfc/core/ir"
)

// numSlots is the number of 8-byte slots of a frame; slot i is the bytes from R10-8(i+1) on.
const numSlots = ir.MaxStack / 8

// slot is what 8 bytes of the stack hold.
type slot struct {
	val  ref   // a value that was stored whole
	size uint8 // its bytes, from the lowest address on; 0 if there is none
	init uint8 // bytes that were written, one bit each
	zero uint8 // bytes that are 0
}

// stackBytes is a set of bytes of a frame: bit k of word j is byte j of slot k.
type stackBytes [8]uint64

// allOf are all bytes of a set of slots.
func allOf(slots uint64) (b stackBytes) {
	for j := range b {
		b[j] = slots
	}
	return b
}

// add adds bytes of slot k.
func (b *stackBytes) add(k int32, bytes uint8) {
	for j := range b {
		b[j] |= uint64(bytes>>j&1) << k
	}
}

// of are the bytes of slot k that are in b.
func (b *stackBytes) of(k int) (bytes uint8) {
	for j := range b {
		bytes |= uint8(b[j]>>k&1) << j
	}
	return bytes
}

// addAll adds what o has.
func (b *stackBytes) addAll(o *stackBytes) {
	for j := range b {
		b[j] |= o[j]
	}
}

// without is b but for what o has.
func (b *stackBytes) without(o *stackBytes) (out stackBytes) {
	for j := range b {
		out[j] = b[j] &^ o[j]
	}
	return out
}

// activation is one frame of a path. It is shared by the paths and marks that
// have it in common and copied before it is written.
type activation struct {
	regs   [11]ref
	shared bool
	fn     int32
	block  int32 // where the activation goes on
	index  int32
	call   int32   // index of the call in the caller's instructions, -1 for the first
	back   int32   // the helper that calls back this activation, counted from 1; 0 if it was called by the program
	slots  []slot  // those in use
	few    [6]slot // where they are, if they are few

	written stackBytes // since the mark
	mark    *mark      // before they were written
}

// span is what comparisons have shown about pointers of one identity: n bytes from
// its start on are inside the packet or memory; or, if it is short, fewer than n are.
type span struct {
	id    uint32
	need  uint32 // index into analysis.needs
	n     int64
	short bool
}

// relation says that x+c ≤ y, as numbers that do not wrap.
type relation struct {
	x, y ref // bases
	c    int64
	used uint32 // index into analysis.needs
	from [2]ref // values on whose ranges it relies
}

// hold is an acquired reference.
type hold struct {
	id  uint32
	pos ir.Pos
}

// path is a state of the program at one point of one way through it. Slices are
// replaced, never written, so that a copy of a path is a copy of the struct.
type path struct {
	frames    [ir.MaxFrames]*activation
	depth     int32 // active frames
	spans     []span
	relations []relation
	affine    []affine
	holds     []hold
	lock      uint32 // identity of the map value whose lock is held, 0 if none
	lockPos   ir.Pos
	ticks     uint32 // steps that bound a loop by themselves: may_goto, iterators, callbacks
	since     ref    // the first value that was made since the last mark: how those are computed is known here alone
	trail     int32  // the newest undecided branch, in analysis.trail
	parent    *mark  // the last mark on the way here
	steps     int32  // instructions since the last mark
	branches  int32  // branches since the last mark
	arrived   bool   // by an edge that closes a loop
	entered   bool   // the block at hand has been looked up
	root      *root
}

// top is the running activation, for reading.
func (p *path) top() *activation { return p.frames[p.depth-1] }

// own is activation i, for writing.
func (p *path) own(i int32) *activation {
	f := p.frames[i]
	if f.shared {
		f = f.copied()
		p.frames[i] = f
	}
	return f
}

// copied is a copy that nobody shares.
func (f *activation) copied() *activation {
	c := &activation{regs: f.regs, fn: f.fn, block: f.block, index: f.index, call: f.call, back: f.back, written: f.written, mark: f.mark}
	c.slots = append(c.few[:0], f.slots...)
	return c
}

// written are the bytes of frame i that were written since the last mark.
func (p *path) written(i int32) *stackBytes {
	if f := p.frames[i]; f.mark == p.parent {
		return &f.written
	}
	return &stackBytes{}
}

// writing is written, to be added to.
func (p *path) writing(i int32) *stackBytes {
	f := p.own(i)
	if f.mark != p.parent {
		f.mark, f.written = p.parent, stackBytes{}
	}
	return &f.written
}

// fork is a copy that can go its own way.
func (p *path) fork() *path {
	for _, f := range p.frames[:p.depth] {
		f.shared = true
	}
	c := *p
	return &c
}

// split is fork where both go on at once: the running activation is copied, if it will be anyway.
func (p *path) split() *path {
	f := p.top()
	shared := f.shared
	c := p.fork()
	if f.shared = shared; !shared {
		c.frames[c.depth-1] = f.copied()
	}
	return c
}

// extend makes at least n slots of the stack be in use.
func (f *activation) extend(n int) {
	if f.slots == nil {
		f.slots = f.few[:0]
	}
	for len(f.slots) < n {
		f.slots = append(f.slots, slot{})
	}
}

// at is slot k, one of nothing if it is not in use.
func (f *activation) at(k int32) slot {
	if int(k) < len(f.slots) {
		return f.slots[k]
	}
	return slot{}
}

func (p *path) reg(r ir.Reg) ref { return p.top().regs[r-ir.R0] }

func (p *path) set(r ir.Reg, v ref) { p.own(p.depth - 1).regs[r-ir.R0] = v }

// each calls visit with every register and every whole value on the stack, of all activations.
func (p *path) each(visit func(v ref)) {
	for _, f := range p.frames[:p.depth] {
		for _, v := range f.regs {
			if v != 0 {
				visit(v)
			}
		}
		for i := range f.slots {
			if s := &f.slots[i]; s.size != 0 {
				visit(s.val)
			}
		}
	}
}

// replace puts what change returns in the place of every value; a change to 0 forgets the value.
func (p *path) replace(change func(v ref) ref) {
	for i := range p.frames[:p.depth] {
		f := p.frames[i]
		for r, v := range f.regs {
			if v == 0 {
				continue
			}
			if n := change(v); n != v {
				f = p.own(int32(i))
				f.regs[r] = n
			}
		}
		for k := range f.slots {
			s := &f.slots[k]
			if s.size == 0 {
				continue
			}
			if n := change(s.val); n != s.val {
				f = p.own(int32(i))
				f.slots[k].val = n
				if n == 0 {
					f.slots[k].size = 0
				}
			}
		}
	}
}

// span is how many bytes from the start of identity id are known to be inside.
func (p *path) span(id uint32) *span { return p.bound(id, false) }

// bound is what is known of the bytes behind pointers of identity id, from below or from above.
func (p *path) bound(id uint32, short bool) *span {
	for i := range p.spans {
		if s := &p.spans[i]; s.id == id && s.short == short {
			return s
		}
	}
	return nil
}

// setSpan records that n bytes are inside.
func (p *path) setSpan(id uint32, n int64, need uint32) { p.setBound(span{id: id, need: need, n: n}) }

// setBound records one bound of a span.
func (p *path) setBound(b span) {
	out := make([]span, 0, len(p.spans)+1)
	for _, s := range p.spans {
		if s.id != b.id || s.short != b.short {
			out = append(out, s)
		}
	}
	p.spans = append(out, b)
}

// release forgets a reference that is held.
func (p *path) release(id uint32) bool {
	out := make([]hold, 0, len(p.holds))
	for _, h := range p.holds {
		if h.id != id {
			out = append(out, h)
		}
	}
	found := len(out) != len(p.holds)
	p.holds = out
	return found
}
