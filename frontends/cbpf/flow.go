package cbpf

import (
	"math"
	"slices"
)

// drop is the target that stands for the end of the filter with 0.
const drop = -1

// never is a length that no packet has: where every way ends with 0 whatever the packet is.
const never = int64(math.MaxInt64)

// farthest is the offset of the last byte of a packet that any filter can load. Go has no larger packets on 32-bit machines,
// libpcap and Linux have none at all.
const farthest = math.MaxInt32

// maxThread bounds, in instructions, how far jumps to jumps are followed: the offsets of eBPF's branches have 16 bits.
const maxThread = 512

// state is a set of what a filter keeps: A, X and the cells of M[].
type state uint32

const (
	stateA state = 1 << iota
	stateX
	stateM // of cell 0; the others follow
)

// flow is what is known of a filter before it is converted. Slices are by instruction.
type flow struct {
	insns   []Insn
	dialect Dialect
	to      [][2]int32 // where it leads: what follows, or the targets of a jump (if it holds, if not); both the same if there is one
	reached []bool
	follow  []int32 // the next that is reached; len(insns) if there is none
	head    []bool  // a jump leads back to it
	live    []state // what it or what follows reads
	// need and needX are the length that a packet must have for a result other than 0: without counting loads at X, and
	// beyond the value that X has, of loads at X before it changes.
	need, needX []int64
	raw         []uint8 // of A after this instruction, if it holds bytes of the packet in their order there: how many
	wraps       []bool  // the address X + k may be negative
	loops       bool
}

// analyse finds out where a valid filter leads.
func analyse(insns []Insn, d Dialect) *flow {
	n := len(insns)
	f := &flow{
		insns: insns, dialect: d, to: make([][2]int32, n), reached: make([]bool, n), follow: make([]int32, n), head: make([]bool, n),
		live: make([]state, n), need: make([]int64, n), needX: make([]int64, n), raw: make([]uint8, n), wraps: make([]bool, n),
	}
	for i := range insns {
		f.lead(i)
	}
	f.reach()
	if d == Linux {
		f.boundX()
	}
	return f
}

// prepare finds out what the conversion to a program needs that proves offsets up to a limit.
func (f *flow) prepare(limit int64) {
	if f.dialect != Seccomp {
		f.needs(limit)
		f.reach()
	}
	f.liveness()
	if f.dialect != Seccomp && !f.loops {
		f.orders()
	}
}

// lead finds where instruction i leads.
func (f *flow) lead(i int) {
	in := f.insns[i]
	r := in.Row()
	next := int32(i + 1)
	f.to[i] = [2]int32{next, next}
	switch {
	case r.Op == OpRet:
		f.to[i] = [2]int32{drop, drop}
	case r.Op == OpJump:
		t := f.jump(i)
		f.to[i] = [2]int32{t, t}
	case r.Op.Cond():
		f.to[i] = [2]int32{f.thread(i+1+int(in.Jt), i), f.thread(i+1+int(in.Jf), i)}
	case f.outside(in, r):
		f.to[i] = [2]int32{drop, drop}
	}
}

// jump is the target of the ja at i.
func (f *flow) jump(i int) int32 {
	t := i + 1 + int(f.insns[i].K)
	if t < len(f.insns) {
		return f.thread(t, i)
	}
	t = i + 1 + int(int32(f.insns[i].K))
	f.head[t], f.loops = true, true
	return int32(t)
}

// thread is where a jump from i to t ends up, past jumps that lead on.
func (f *flow) thread(t, i int) int32 {
	for t-i < maxThread {
		in := f.insns[t]
		if r := in.Row(); r.Op != OpJump || t+1+int(in.K) >= len(f.insns) || t+1+int(in.K)-i >= maxThread {
			break
		}
		t += 1 + int(in.K)
	}
	if in := f.insns[t]; in.Row().Op == OpRet && in.Row().Form == FormImm && in.K == 0 {
		return drop
	}
	return int32(t)
}

// relative reports whether a load at a constant offset reads something else than the packet from its start on. The kernel
// takes MSH for a load of a byte at any such offset (bpf_convert_filter, net/core/filter.c, Linux 6.18).
func (f *flow) relative(in Insn, r *Row) bool {
	return f.dialect == Linux && in.K >= LinkBase && (r.Form == FormAbs || r.Form == FormMsh)
}

// outside reports whether a load fails whatever the packet is.
func (f *flow) outside(in Insn, r *Row) bool {
	switch {
	case f.dialect == Seccomp, f.relative(in, r), r.Form == FormInd && f.dialect == Linux:
		return false
	case r.Form == FormAbs, r.Form == FormInd, r.Form == FormMsh:
		return int64(in.K)+int64(r.Size) > farthest
	}
	return false
}

// reach finds what is reached.
func (f *flow) reach() {
	clear(f.reached)
	work := []int32{0}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		if i == drop || f.reached[i] {
			continue
		}
		f.reached[i] = true
		work = append(work, f.to[i][1], f.to[i][0])
	}
	next := int32(len(f.insns))
	for i := len(f.insns) - 1; i >= 0; i-- {
		if f.follow[i] = next; f.reached[i] {
			next = int32(i)
		}
	}
}

// out is what is live after i.
func (f *flow) out(i int) (s state) {
	for _, t := range f.to[i] {
		if t != drop {
			s |= f.live[t]
		}
	}
	return s
}

// effect is what an instruction reads and writes of the state; loads that may fail read their address even if nobody reads
// what they load: then only stays, without the rest.
func (f *flow) effect(i int) (reads, writes, stays state) {
	in := f.insns[i]
	r := in.Row()
	reads, writes = placed(r.Reads, in.K), placed(r.Writes, in.K)
	if a, ok := in.Anc(); ok && f.dialect == Linux {
		switch a {
		case AncXorX, AncNlattr, AncNlattrNest:
			reads |= stateA | stateX
		case AncIfindex, AncHatype:
			reads, stays = stateA, stateA
		}
	}
	if r.Form == FormInd || (r.Op == OpDiv || r.Op == OpMod) && r.Form == FormX {
		stays = stateX
	}
	return reads, writes, stays
}

func placed(p Place, k uint32) (s state) {
	s = state(p & (PlaceA | PlaceX)) // the same bits
	if p&PlaceM != 0 {
		s |= stateM << k
	}
	return s
}

// liveness finds what is read later. Jumps that lead back are followed until nothing changes.
func (f *flow) liveness() {
	for changed := true; changed; {
		changed = false
		for i := len(f.insns) - 1; i >= 0; i-- {
			if !f.reached[i] {
				continue
			}
			out := f.out(i)
			reads, writes, stays := f.effect(i)
			if writes != 0 && out&writes == 0 {
				reads = stays
			}
			s := out&^writes | reads
			changed = changed || f.loops && s != f.live[i]
			f.live[i] = s
		}
	}
}

// packetLoad reports whether in loads bytes of the packet at a constant offset from its start, and how far they reach.
func (f *flow) packetLoad(in Insn, r *Row) (end int64, ok bool) {
	if f.dialect == Seccomp || r.Form != FormAbs && r.Form != FormMsh || f.relative(in, r) {
		return 0, false
	}
	return int64(in.K) + int64(r.Size), true
}

// mayEnd reports whether the filter may end at the load, with the A that it has: where Linux asks a device that is not there
// (bpf_convert_filter, net/core/filter.c, Linux 6.18).
func (f *flow) mayEnd(in Insn) bool {
	a, ok := in.Anc()
	return ok && f.dialect == Linux && (a == AncIfindex || a == AncHatype)
}

// needs finds the lengths that packets must have. At a jump that leads back nothing is known of what follows. Ways that
// end with 0 in any case become ways to the end with 0.
func (f *flow) needs(limit int64) {
	for i := len(f.insns) - 1; i >= 0; i-- {
		if !f.reached[i] {
			continue
		}
		in := f.insns[i]
		r := in.Row()
		if r.Op == OpRet {
			f.need[i], f.needX[i] = 0, 0
			if r.Form == FormImm && in.K == 0 {
				f.need[i], f.needX[i] = never, never
			}
			continue
		}
		end, constant := f.packetLoad(in, r)
		variable := r.Form == FormInd && !f.wraps[i]
		if variable {
			end = int64(in.K) + int64(r.Size)
		}
		if (constant || variable) && end > limit {
			f.to[i] = [2]int32{drop, drop}
		}
		need, needX := never, never
		for n, t := range f.to[i] {
			switch {
			case t == drop:
			case int(t) <= i:
				need, needX = 0, 0
			case f.need[t] == never:
				f.to[i][n] = drop
			default:
				need, needX = min(need, f.need[t]), min(needX, f.needX[t])
			}
		}
		if f.mayEnd(in) {
			need, needX = 0, 0
		}
		if needX != never && r.Writes&PlaceX != 0 {
			needX = 0
		}
		if need != never && constant {
			need = max(need, end)
		}
		if needX != never && variable {
			needX = max(needX, end)
		}
		f.need[i], f.needX[i] = need, needX
	}
}

// bounds are upper bounds of what a filter keeps: A, X and the cells.
type bounds [2 + Cells]uint32

// The indexes of bounds.
const (
	boundOfA = iota
	boundOfX
	boundOfM
)

// boundX finds the loads whose address X + k may have the sign bit. Bounds are carried along, which jumps of the dialect
// Linux allow in one walk.
func (f *flow) boundX() {
	if !slices.ContainsFunc(f.insns, func(in Insn) bool { return in.Row().Form == FormInd }) {
		return
	}
	at := make(boundsAt, len(f.insns))
	at[0] = &bounds{}
	for i, in := range f.insns {
		if !f.reached[i] {
			continue
		}
		now := at[i]
		r := in.Row()
		f.wraps[i] = r.Form == FormInd && uint64(now[boundOfX])+uint64(in.K)+uint64(r.Size) > farthest
		now.step(in, r)
		first, second := f.to[i][0], f.to[i][1]
		if first != second {
			copied := *now
			at.join(first, &copied)
		}
		at.join(second, now)
	}
}

// boundsAt are bounds by instruction.
type boundsAt []*bounds

// join adds a way to instruction t, with bounds that become its own.
func (at boundsAt) join(t int32, b *bounds) {
	switch {
	case t == drop:
	case at[t] == nil:
		at[t] = b
	default:
		for n := range b {
			at[t][n] = max(at[t][n], b[n])
		}
	}
}

// step follows the effect of an instruction.
func (b *bounds) step(in Insn, r *Row) {
	to, x := boundOfA, b[boundOfX]
	if r.Writes&PlaceX != 0 {
		to = boundOfX
	}
	switch {
	case r.Op == OpStore && r.Reads&PlaceX != 0:
		b[boundOfM+in.K] = x
	case r.Op == OpStore:
		b[boundOfM+in.K] = b[boundOfA]
	case r.Op == OpMove:
		b[to] = b[boundOfA+boundOfX-to]
	case r.Op == OpLoad && r.Form == FormMem:
		b[to] = b[boundOfM+in.K]
	case r.Op == OpLoad:
		b[to] = loadBound(in, r)
	case r.Op.Arith() && r.Form == FormX:
		b[boundOfA] = arithBound(r.Op, b[boundOfA], x, false)
	case r.Op.Arith():
		b[boundOfA] = arithBound(r.Op, b[boundOfA], in.K, r.Form == FormImm)
	}
}

// loadBound is the largest number that a load gives.
func loadBound(in Insn, r *Row) uint32 {
	switch {
	case r.Form == FormImm:
		return in.K
	case r.Form == FormMsh:
		return 60
	case r.Form == FormAbs && in.K >= AncBase, r.Size == 0 || r.Size == 4:
		return math.MaxUint32
	}
	return 1<<(8*r.Size) - 1
}

// arithBound is the largest result of an operation on numbers up to a and b; exact says that b is the number itself.
func arithBound(op Op, a, b uint32, exact bool) uint32 {
	wide := func(v uint64) uint32 {
		if v > math.MaxUint32 {
			return math.MaxUint32
		}
		return uint32(v)
	}
	switch {
	case op == OpAdd:
		return wide(uint64(a) + uint64(b))
	case op == OpMul:
		return wide(uint64(a) * uint64(b))
	case op == OpAnd:
		return min(a, b)
	case op == OpDiv && exact && b > 0:
		return a / b
	case op == OpMod && b > 0:
		return min(a, b-1)
	case op == OpDiv, op == OpRsh && !exact:
		return a
	case op == OpRsh && b < 32:
		return a >> b
	case op == OpLsh && exact && b < 32:
		return wide(uint64(a) << b)
	}
	return math.MaxUint32
}

// orders finds where A may stay in the order of the machine: numbers that are loaded from the packet, perhaps masked, and
// then only compared for equality, or bits of them tested. Definitions of A that reach one reader belong together.
func (f *flow) orders() {
	n := len(f.insns)
	parent := make([]int32, n+1) // definitions, by instruction; n is A at the start
	size := make([]uint8, n+1)   // bytes of the loads; 0: none yet
	bad := make([]bool, n+1)
	in := make([]int32, n) // the definition that reaches the instruction
	for i := range parent {
		parent[i] = int32(i)
	}
	for i := range in {
		in[i] = -1
	}
	bad[n] = true
	find := func(d int32) int32 {
		for parent[d] != d {
			parent[d] = parent[parent[d]]
			d = parent[d]
		}
		return d
	}
	union := func(d, e int32) int32 {
		d, e = find(d), find(e)
		if d != e {
			bad[d] = bad[d] || bad[e] || size[d] != 0 && size[e] != 0 && size[d] != size[e]
			size[d] = max(size[d], size[e])
			parent[e] = d
		}
		return d
	}
	if f.live[0]&stateA != 0 {
		in[0] = int32(n)
	}
	for i := range f.insns {
		if !f.reached[i] {
			continue
		}
		insn := f.insns[i]
		r := insn.Row()
		reads, writes, _ := f.effect(i)
		def := in[i]
		if writes&stateA != 0 {
			def = int32(i)
			switch _, anc := f.packetLoad(insn, r); {
			case r.Op == OpLoad && (anc && r.Form == FormAbs || r.Form == FormInd) && r.Size > 1:
				size[i] = r.Size
			case keepsOrder(r):
			default:
				bad[i] = true
			}
		}
		if reads&stateA != 0 && in[i] >= 0 {
			if keepsOrder(r) && r.Op.Arith() {
				union(in[i], int32(i))
			} else if !keepsOrder(r) {
				bad[find(in[i])] = true
			}
		}
		for _, t := range f.to[i] {
			if t != drop && f.live[t]&stateA != 0 && def >= 0 {
				if in[t] < 0 {
					in[t] = def
				} else {
					in[t] = union(in[t], def)
				}
			}
		}
	}
	// A constant that is too large for the loads has no form in the other order.
	for i, insn := range f.insns {
		if r := insn.Row(); f.reached[i] && keepsOrder(r) && r.Op != OpAnd && r.Op != OpJset && in[i] >= 0 && insn.K > 0xffff {
			if d := find(in[i]); size[d] == 2 {
				bad[d] = true
			}
		}
	}
	for i := range f.insns {
		d := in[i]
		if _, writes, _ := f.effect(i); writes&stateA != 0 {
			d = int32(i)
		}
		if d >= 0 {
			d = find(d)
			if !bad[d] {
				f.raw[i] = size[d]
			}
		}
	}
}

// keepsOrder reports whether the instruction does the same to numbers in any order of bytes, if its constant has that order too.
func keepsOrder(r *Row) bool {
	if r.Form != FormImm {
		return false
	}
	switch r.Op {
	case OpAnd, OpOr, OpXor, OpJeq, OpJset:
		return true
	}
	return false
}
