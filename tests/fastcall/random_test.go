package fastcall

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

// maker makes programs that spill and fill at random, right and wrong. They are accepted under strict: what they read
// has a value. R8 counts loops, R9 is an address of the stack.
type maker struct {
	*rand.Rand
	strings.Builder
	defined []bool
	labels  int
	fuel    int
	loops   bool
}

const slots = 4

func (m *maker) emit(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *maker) label() string {
	m.labels++
	return fmt.Sprintf("L%d", m.labels)
}

func (m *maker) slot() int { return -8 * (1 + m.IntN(slots)) }

// some is a register that has a value, R1 to R5 mostly; it is given one if none has.
func (m *maker) some() int {
	for range 8 {
		if r := m.IntN(8); m.defined[r] && (r != 0 && r < 6 || m.IntN(3) == 0) {
			return r
		}
	}
	r := 1 + m.IntN(5)
	m.emit("r%d = %d", r, m.IntN(1000))
	m.defined[r] = true
	return r
}

func (m *maker) program() string {
	m.defined = make([]bool, 8)
	m.emit("r6 = *(u8 *)(r1 + 0)")
	m.emit("r7 = *(u8 *)(r1 + 1)")
	m.emit("r9 = r10")
	m.emit("r9 += %d", m.slot())
	m.defined[6], m.defined[7] = true, true
	m.body(0)
	m.emit("r8 = 1")
	for r := range m.defined {
		if m.defined[r] {
			m.emit("r8 *= 31")
			m.emit("r8 += r%d", r)
		}
	}
	m.emit("r0 = r8")
	m.emit("exit")
	return m.String()
}

func (m *maker) body(depth int) {
	for n := 2 + m.IntN(5); n > 0 && m.fuel > 0; n-- {
		m.fuel--
		m.statement(depth)
	}
}

func (m *maker) statement(depth int) {
	switch k := m.IntN(21); {
	case k < 6:
		m.pairs()
	case k < 8:
		m.emit("*(u64 *)(r10 - %d) = r%d", -m.slot(), m.some())
	case k < 10:
		m.fill(m.slot(), m.IntN(8))
	case k < 12:
		m.call()
	case k == 12:
		r := m.some()
		m.emit("r%d += %d", r, m.IntN(9))
	case k == 13:
		m.emit("r0 = *(u%d *)(r10 - %d)", 8<<m.IntN(3), -m.slot())
		m.defined[0] = true
	case k == 14:
		m.emit("*(u%d *)(r10 - %d) = %d", 8<<m.IntN(4), -m.slot(), m.IntN(9))
	case k == 15:
		m.emit("*(u64 *)(r9 + 0) = r%d", m.some())
	case k == 16:
		m.emit("r7 = *(u64 *)(r9 + 0)")
	case k == 17:
		m.emit("r1 = r10")
		m.emit("r1 += %d", m.slot())
		m.emit("r2 = 8")
		m.emit("call %s", [...]string{"6", "7"}[m.IntN(2)])
		m.clobber()
	case k < 20 && depth < 3:
		m.branch(depth)
	case depth < 2 && m.loops:
		m.loop(depth)
	}
}

func (m *maker) fill(slot, r int) {
	m.emit("r%d = *(u64 *)(r10 - %d)", r, -slot)
	m.defined[r] = true
}

// pairs is what a compiler makes, or nearly.
func (m *maker) pairs() {
	n := 1 + m.IntN(3)
	var list [][2]int
	for range n {
		list = append(list, [2]int{m.some(), m.slot()})
	}
	for _, p := range list {
		m.emit("*(u64 *)(r10 - %d) = r%d", -p[1], p[0])
	}
	m.call()
	for _, p := range slices.Backward(list) {
		if m.IntN(8) == 0 {
			continue
		}
		r := p[0]
		if m.IntN(12) == 0 {
			r = m.IntN(8)
		}
		m.fill(p[1], r)
	}
}

func (m *maker) call() {
	callee := [...]int{1, 1, 1, 1, 1, 2, 3, 4, 5}[m.IntN(9)]
	if callee == 2 {
		for r := 1; r <= 2; r++ {
			if !m.defined[r] {
				m.emit("r%d = %d", r, r)
			}
		}
	}
	m.emit("call %d", callee)
	m.clobber()
}

func (m *maker) clobber() {
	m.defined[0] = true
	for r := 1; r <= 5; r++ {
		m.defined[r] = false
	}
}

func (m *maker) branch(depth int) {
	other, out := m.label(), m.label()
	m.emit("if r%d > %d goto %s", 6+m.IntN(2), m.IntN(64), other)
	before := slices.Clone(m.defined)
	m.body(depth + 1)
	m.emit("goto %s", out)
	m.emit("%s:", other)
	then := m.defined
	m.defined = before
	if m.IntN(3) > 0 {
		m.body(depth + 1)
	}
	m.emit("r%d = 1", 6+m.IntN(2)) // the arm is not empty
	for r := range m.defined {
		m.defined[r] = m.defined[r] && then[r]
	}
	m.emit("%s:", out)
}

func (m *maker) loop(depth int) {
	head := m.label()
	m.loops = false // R8 is taken
	for r := range 6 {
		m.defined[r] = false
	}
	m.emit("r8 = 0")
	m.emit("%s:", head)
	m.body(depth + 1)
	m.emit("r8 += 1")
	m.emit("if r8 < %d goto %s", 2+m.IntN(3), head)
	m.loops = true
}

func made(seed uint64, loops bool) string {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 7)), fuel: 30, loops: loops}
	return m.program()
}

// TestRandom: on programs without loops the pass removes what the definition says, followed along every way; on all,
// no less than the coarse rule, and they do what they did, on every engine.
func TestRandom(t *testing.T) {
	programs := uint64(150)
	if os.Getenv("BPFC_LONG") != "" {
		programs = 3000
	}
	engines := open(t)
	gone, most := 0, uint64(0)
	for seed := range programs {
		for _, loops := range []bool{false, true} {
			text := made(seed, loops)
			policy := []verifier.Policy{verifier.Strict, verifier.Guard}[seed%2]
			got, _ := removed(t, assemble(t, text), policy)
			if !loops {
				if want, ok := byDefinition(t, assemble(t, text)); ok {
					require.Equal(t, want, got, "seed %d\n%s", seed, numbered(text))
					most++
				}
			}
			require.Subset(t, got, coarse(t, assemble(t, text), policy), "seed %d\n%s", seed, numbered(text))
			agree(t, engines, assemble(t, text), policy)
			gone += len(got)
		}
	}
	t.Logf("%d instructions removed; %d programs followed along every way", gone, most)
	require.Greater(t, gone, int(programs), "the programs are to have something to remove")
	require.Greater(t, most, programs*3/4)
}

// numbered is a program with the places of its instructions.
func numbered(text string) (out string) {
	at := 0
	for _, line := range strings.Split(text, "\n") {
		if strings.HasSuffix(line, ":") {
			out += line + "\n"
			continue
		}
		out += fmt.Sprintf("%3d %s\n", at, line)
		at++
	}
	return out
}

// definition follows the ways through a program to find what may go, as it is defined: a spill only if every fill that
// can read it goes, a fill only if all that reaches it are spills that go, of its register, with no other write to the
// register and no call that is not marked and expanded in between.
type definition struct {
	p     *ir.Program
	f     *ir.Func
	facts *verifier.FuncFacts
	stays map[ir.Pos]bool
	used  map[ir.Pos]bool // spills that a fill reads
	again bool
}

// known is what is in a slot: definitions, of which the newest is whole unless there are several.
type known struct {
	by     []ir.Pos
	reg    ir.Reg
	intact bool
}

// maxWays bounds the ways that are followed.
const maxWays = 3000

func byDefinition(t *testing.T, o *obj.Object) (gone []ir.Pos, ok bool) {
	typ, _ := set().Type("mem/64")
	l := ir.NewLifter(o, set())
	p, err := l.Lift(&o.Programs[0], typ)
	require.NoError(t, err)
	p.Helpers = l.Helpers()
	v, err := verifier.Verify(p, set(), verifier.Strict)
	require.NoError(t, err)
	f := p.Funcs[0]
	ways := waysOf(f, v.Func(0), 0, map[ir.BlockID][][]ir.BlockID{})
	if ways == nil {
		return nil, false
	}
	d := &definition{p: p, f: f, facts: v.Func(0), stays: map[ir.Pos]bool{}}
	for d.again = true; d.again; {
		d.again, d.used = false, map[ir.Pos]bool{}
		for _, w := range ways {
			d.follow(w)
		}
	}
	gone = []ir.Pos{}
	for at := range d.used {
		if !d.stays[at] {
			gone = append(gone, at)
		}
	}
	slices.Sort(gone)
	return gone, true
}

// waysOf are the ways from block b to an exit that are possible, nil if they are too many. There is no loop.
func waysOf(f *ir.Func, facts *verifier.FuncFacts, b ir.BlockID, known map[ir.BlockID][][]ir.BlockID) (ways [][]ir.BlockID) {
	if w, ok := known[b]; ok {
		return w
	}
	block := f.Blocks[b]
	succs, n := block.Succs()
	if n == 0 {
		ways = [][]ir.BlockID{{b}}
	}
	sides := facts.Insns[int(facts.Start[b])+len(block.Insns)-1].Sides
	for i, s := range succs[:n] {
		if n == 2 && (sides == 1 && i == 1 || sides == 2 && i == 0) {
			continue
		}
		rest := waysOf(f, facts, s, known)
		if rest == nil || len(ways)+len(rest) > maxWays {
			return nil
		}
		for _, r := range rest {
			ways = append(ways, append([]ir.BlockID{b}, r...))
		}
	}
	known[b] = ways
	return ways
}

func (d *definition) keep(list ...ir.Pos) {
	for _, at := range list {
		d.again = d.again || !d.stays[at]
		d.stays[at] = true
	}
}

const nobody = ir.Pos(-5)

// follow follows one way.
func (d *definition) follow(way []ir.BlockID) {
	var in [64]known
	for i := range in {
		in[i] = known{by: []ir.Pos{nobody}}
	}
	for _, b := range way {
		for i := range d.f.Blocks[b].Insns {
			d.step(&d.f.Blocks[b].Insns[i], d.facts.Insns[int(d.facts.Start[b])+i].Slots, &in)
		}
	}
}

func (d *definition) step(in *ir.Insn, touched uint64, now *[64]known) {
	whole := in.Base == ir.R10 && in.Size == 8 && in.Disp%8 == 0 && in.Order == ir.Plain
	slot := -in.Disp/8 - 1
	switch {
	case in.Op == ir.OpStore && whole && in.A != ir.None:
		now[slot] = known{[]ir.Pos{in.Pos}, in.A, true}
		return
	case in.Op == ir.OpStore && whole:
		now[slot] = known{by: []ir.Pos{nobody}}
		return
	case in.Op == ir.OpLoad && whole:
		k := &now[slot]
		for _, at := range k.by {
			if at != nobody {
				d.used[at] = true
			}
		}
		d.used[in.Pos] = true
		if !k.intact || k.reg != in.Dst || d.stays[in.Pos] || slices.ContainsFunc(k.by, func(at ir.Pos) bool { return d.stays[at] || at == nobody }) {
			d.keep(append(slices.Clone(k.by), in.Pos)...)
			d.writes(1<<(in.Dst-ir.R0), now)
		}
		return
	}
	for s := range now {
		if touched>>s&1 == 0 {
			continue
		}
		if in.Op != ir.OpStore {
			d.keep(now[s].by...)
		}
		if in.Op != ir.OpLoad {
			now[s] = known{by: append(slices.Clone(now[s].by), nobody)}
		}
	}
	if in.Op == ir.OpCallHelper {
		if h := &d.p.Helpers[in.Ref.Index]; h.Flags&abi.FlagFastcall == 0 || h.Intrinsic == abi.IntrinsicNone {
			d.writes(^ir.RegSet(0), now)
		} else {
			d.writes(ir.Bit(ir.R0), now)
		}
		return
	}
	_, def := in.UseDef()
	d.writes(def, now)
}

// writes ends what registers hold.
func (d *definition) writes(regs ir.RegSet, now *[64]known) {
	for s := range now {
		if now[s].intact && regs.Has(now[s].reg) {
			now[s].intact = false
		}
	}
}
