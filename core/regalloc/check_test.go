package regalloc

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func code(t require.TestingT, err error) Code {
	if err == nil {
		return 0
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

// clone copies what mutations change.
func (r *Result) clone() *Result {
	c := *r
	c.Table, c.Locs, c.Edits = slices.Clone(r.Table), slices.Clone(r.Locs), slices.Clone(r.Edits)
	return &c
}

func (m *model) clone() *model {
	c := *m
	c.insts = slices.Clone(m.insts)
	c.blocks = slices.Clone(m.blocks)
	return &c
}

type mutation struct {
	name  string
	apply func(m *model, r *Result, pick func(int) int)
}

// mutations change a result or its view in one place; some do nothing where there is nothing to change.
var mutations = []mutation{
	{"swap locations", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Locs); n > 0 {
			i, j := pick(n), pick(n)
			r.Locs[i], r.Locs[j] = r.Locs[j], r.Locs[i]
		}
	}},
	{"change a location", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Locs); n > 0 {
			r.Locs[pick(n)] = anyLoc(r, pick)
		}
	}},
	{"drop an edit", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Edits); n > 0 {
			i := pick(n)
			r.Edits = slices.Delete(r.Edits, i, i+1)
		}
	}},
	{"redirect an edit", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Edits); n > 0 {
			e := &r.Edits[pick(n)]
			if pick(2) == 0 {
				e.From = anyLoc(r, pick)
			} else {
				e.To = anyLoc(r, pick)
			}
		}
	}},
	{"swap edits", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Edits) - 1; n > 0 {
			i := pick(n)
			a, b := &r.Edits[i], &r.Edits[i+1]
			a.From, a.To, b.From, b.To = b.From, b.To, a.From, a.To
		}
	}},
	{"extend a clobber", func(m *model, r *Result, pick func(int) int) {
		if i := pick(len(m.insts)); !m.insts[i].move {
			m.insts[i].clobbers |= SetOf(PReg(pick(6)))
		}
	}},
	{"an early clobber", func(m *model, r *Result, pick func(int) int) {
		in := &m.insts[pick(len(m.insts))]
		if n := len(in.ops); n > 0 && !in.move {
			k := pick(n)
			in.ops = slices.Clone(in.ops)
			in.ops[k].Away = !in.ops[k].Away
		}
	}},
	{"swap homes", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Table); n > 0 {
			i, j := pick(n), pick(n)
			r.Table[i], r.Table[j] = r.Table[j], r.Table[i]
		}
	}},
	{"share a home", func(m *model, r *Result, pick func(int) int) {
		if n := len(r.Table); n > 0 {
			r.Table[pick(n)] = r.Table[pick(n)]
		}
	}},
	{"use another register", func(m *model, r *Result, pick func(int) int) {
		in := &m.insts[pick(len(m.insts))]
		if n := len(in.ops); n > 0 {
			in.ops = slices.Clone(in.ops)
			in.ops[pick(n)].VReg = VReg(pick(m.vregs))
		}
	}},
	{"drop an entry", func(m *model, r *Result, pick func(int) int) {
		i := pick(len(m.entries))
		m.entries = slices.Delete(slices.Clone(m.entries), i, i+1)
	}},
	{"swap arguments", func(m *model, r *Result, pick func(int) int) {
		b := &m.blocks[pick(len(m.blocks))]
		if len(b.args) > 0 && len(b.args[0]) > 1 {
			args := slices.Clone(b.args[0])
			args[0], args[1] = args[1], args[0]
			b.args = [][]VReg{args}
		}
	}},
}

func anyLoc(r *Result, pick func(int) int) Loc {
	return 1 + Loc(pick(int(InSlot(min(r.NumSlots, 4)))-1))
}

// candidate is a function with an assignment that is often right: by slots, or by a table.
func candidate(pick func(int) int) (*model, *Result) {
	m := generate(pick)
	if r, ok := m.spillEverywhere(); ok && pick(3) > 0 {
		return m, r
	}
	table := make([]PReg, m.vregs)
	for v := range table {
		table[v] = PReg((v + 2) % 4)
	}
	table[m.vregs-1] = genPin
	return m, Fixed(table)
}

// agree requires that Check and the execution of all paths say the same, unless
// Check complains of something that execution cannot show. It returns Check's code.
func agree(t require.TestingT, m *model, r *Result) Code {
	err := Check(m, r)
	got := code(t, err)
	switch got {
	case 0, WrongValue, Overlap:
		if right, known := allPathsRight(m, r); known {
			require.Equal(t, right, err == nil, "%v\n%+v\n%+v", err, m, r)
		}
	}
	return got
}

func TestSpillEverywhereIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := generate(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") })
		// Every virtual register has a value from the start, so that no use is of none.
		for v := range m.vregs - 1 {
			if v >= len(m.entries)-1 {
				m.entries = append(m.entries, Entry{VReg(v), PReg(10 + v)})
			}
		}
		if r, ok := m.spillEverywhere(); ok {
			require.NoError(t, Check(m, r))
		}
	})
}

func TestCheckAgreesWithExecution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") }
		m, r := candidate(pick)
		agree(t, m, r)
		mutations[pick(len(mutations))].apply(m, r, pick)
		agree(t, m, r)
	})
}

// TestEveryMutationIsFound requires of each kind of mutation that Check refuses
// it where execution goes wrong (by agree), that this happens, and that
// harmless ones are accepted.
func TestEveryMutationIsFound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, mu := range mutations {
		t.Run(mu.name, func(t *testing.T) {
			found := map[Code]int{}
			for range 1500 {
				m, r := candidate(rnd.IntN)
				if agree(t, m, r) != 0 {
					continue
				}
				m, r = m.clone(), r.clone()
				mu.apply(m, r, rnd.IntN)
				found[agree(t, m, r)]++
			}
			require.Greater(t, len(found), 1, "%v", found)
			require.Greater(t, found[0], 0, "%v", found)
			require.Greater(t, found[WrongValue]+found[Overlap], 3, "%v", found)
		})
	}
}

// diamond is: v0 enters in p0; v1 = f(v0); if v1 then v0 = g(); exit v0.
func diamond() *model {
	m := &model{vregs: 2, allocatable: SetOf(0, 1), entries: []Entry{{0, 0}}}
	m.block([]Block{1, 2}, inst(use(0), def(1)), inst(use(1)))
	m.block([]Block{2}, inst(def(0)), inst())
	m.block(nil, inst(useIn(0, 0)))
	return m.link()
}

func TestCheckErrors(t *testing.T) {
	table := []PReg{0, 1}
	perOperand := func(m *model, locs ...Loc) *Result {
		r := &Result{NumSlots: 1, Locs: locs}
		n := 0
		for _, in := range m.insts {
			r.First = append(r.First, int32(n))
			n += len(in.ops)
		}
		return r
	}
	p0, p1, s0 := InPReg(0), InPReg(1), InSlot(0)
	straight := func(insts ...modelInst) *model {
		m := &model{vregs: 3, allocatable: SetOf(0, 1), entries: []Entry{{0, 0}}}
		m.block(nil, insts...)
		return m
	}
	edited := func(m *model, e Edit) (*model, *Result) {
		r := perOperand(m, p0, p1, p1, p0, p0)
		r.Edits = []Edit{e}
		return m, r
	}
	for _, c := range []struct {
		name string
		make func() (*model, *Result)
		want string
	}{
		{"right", func() (*model, *Result) { return diamond(), Fixed(table) }, ""},
		{"wrong on one path", func() (*model, *Result) { return diamond(), perOperand(diamond(), p0, p1, p1, p1, p0) },
			"regalloc: inst 4, operand 0: v0 is not in p0, which holds no value"},
		{"register of another", func() (*model, *Result) { return diamond(), perOperand(diamond(), p0, p1, p0, p0, p0) },
			"regalloc: inst 1, operand 0: v1 is not in p0, which holds v0"},
		{"not in its fixed register", func() (*model, *Result) { return diamond(), Fixed([]PReg{1, 0}) },
			"regalloc: inst 4, operand 0: v0 needs its fixed register, not p1"},
		{"table too short", func() (*model, *Result) { return diamond(), Fixed([]PReg{0}) },
			"regalloc: inst 0, operand 1: v1 has no location but nowhere"},
		{"no such slot", func() (*model, *Result) { return diamond(), perOperand(diamond(), p0, InSlot(1), p1, p0, p0) },
			"regalloc: inst 0, operand 1: v1 has no location but slot 1"},
		{"not allocatable", func() (*model, *Result) { return diamond(), Fixed([]PReg{0, 2}) },
			"regalloc: inst 0, operand 1: v1 may not live in p2"},
		{"pinned elsewhere", func() (*model, *Result) { m := diamond(); m.pinned = map[VReg]PReg{1: 3}; return m, Fixed(table) },
			"regalloc: inst 0, operand 1: v1 may not live in p1"},
		{"slot for a register", func() (*model, *Result) {
			m := straight(inst(Operand{VReg: 0, Kind: Def, Constraint: AnyReg}))
			return m, perOperand(m, s0)
		}, "regalloc: inst 0, operand 0: v0 needs a register, not slot 0"},
		{"not tied", func() (*model, *Result) { m := straight(inst(use(0), tied(1, 0))); return m, Fixed([]PReg{0, 1, 1}) },
			"regalloc: inst 0, operand 1: v1 must be where the use is that it is tied to, not in p1"},
		{"tied to a definition", func() (*model, *Result) { m := straight(inst(tied(1, 1), def(0))); return m, Fixed([]PReg{0, 0, 1}) },
			"regalloc: inst 0, operand 0: v1 breaks a rule of views; it is in p0"},
		{"early clobber of a use", func() (*model, *Result) { m := straight(inst(use(0), away(def(1)))); return m, Fixed([]PReg{0, 0, 1}) },
			"regalloc: inst 0, operand 1: v1 may not share, with another operand or a clobber, p0"},
		{"late use under a definition", func() (*model, *Result) { m := straight(inst(away(use(0)), def(1))); return m, Fixed([]PReg{0, 0, 1}) },
			"regalloc: inst 0, operand 1: v1 may not share, with another operand or a clobber, p0"},
		{"definition under a clobber", func() (*model, *Result) {
			in := inst(use(0), def(1))
			in.clobbers = SetOf(1)
			return straight(in), Fixed(table)
		}, "regalloc: inst 0, operand 1: v1 may not share, with another operand or a clobber, p1"},
		{"use after a clobber", func() (*model, *Result) {
			in := inst()
			in.clobbers = SetOf(0)
			return straight(in, inst(use(0))), Fixed(table)
		}, "regalloc: inst 1, operand 0: v0 is not in p0, which holds no value"},
		{"use after move and change", func() (*model, *Result) {
			return straight(move(1, 0), inst(def(0)), inst(use(1))), Fixed([]PReg{0, 0, 1})
		}, "regalloc: inst 2, operand 0: v1 is not in p0, which holds v0"},
		{"coalesced move", func() (*model, *Result) {
			return straight(move(1, 0), inst(use(1)), inst(use(0))), Fixed([]PReg{0, 0, 1})
		}, ""},
		{"edit after the last", func() (*model, *Result) { return edited(diamond(), Edit{Inst: 1, After: true, From: p0, To: p1}) },
			"regalloc: inst 1: bad edit: p0 to p1: after the last instruction of a block"},
		{"edit from slot to slot", func() (*model, *Result) { return edited(diamond(), Edit{From: s0, To: s0}) },
			"regalloc: inst 0: bad edit: slot 0 to slot 0: slot to slot"},
		{"edit of a register not to be written", func() (*model, *Result) { return edited(diamond(), Edit{From: s0, To: InPReg(9)}) },
			"regalloc: inst 0: bad edit: slot 0 to p9: the register may not be written"},
		{"edit outside", func() (*model, *Result) { return edited(diamond(), Edit{Inst: 5, From: p0, To: p1}) },
			"regalloc: inst 5: bad edit: edit 0 is out of order"},
		{"edit from nowhere", func() (*model, *Result) { return edited(diamond(), Edit{To: p1}) },
			"regalloc: inst 0: bad edit: nowhere to p1: no such location"},
		{"no such successor", func() (*model, *Result) { m := diamond(); m.blocks[1].succs = []Block{3}; return m, Fixed(table) },
			"regalloc: inst 3: bad view: block 1 has successor 3, which does not exist"},
		{"arguments without parameters", func() (*model, *Result) { m := diamond(); m.blocks[1].args[0] = []VReg{0}; return m, Fixed(table) },
			"regalloc: inst 3: bad view: edge to block 2 has 1 arguments for 0 parameters"},
		{"defined twice at once", func() (*model, *Result) { m := straight(inst(def(0), def(0))); return m, Fixed(table) },
			"regalloc: inst 0, operand 0: v0 breaks a rule of views; it is in p0"},
		{"negative slots", func() (*model, *Result) { return diamond(), &Result{NumSlots: -1} },
			"regalloc: inst 0: no location: result has -1 slots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, r := c.make()
			if err := Check(m, r); c.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.want)
			}
		})
	}
}

func TestCheckFollowsParameters(t *testing.T) {
	m := &model{vregs: 2, allocatable: SetOf(0, 1), entries: []Entry{{0, 0}, {1, 1}}}
	m.block([]Block{1}, inst())
	loop := m.block([]Block{1, 2}, inst(use(0), use(1)), inst())
	loop.params = []VReg{0, 1}
	m.block(nil, inst(use(0)))
	m.link()
	m.blocks[0].args[0], m.blocks[1].args[0] = []VReg{0, 1}, []VReg{0, 1}
	require.NoError(t, Check(m, Fixed([]PReg{0, 1})))
	m.blocks[1].args[0] = []VReg{1, 0} // the edge swaps, the code does not
	require.Equal(t, WrongValue, code(t, Check(m, Fixed([]PReg{0, 1}))))
}

func TestEmptyViewIsRight(t *testing.T) {
	require.NoError(t, Check(&model{}, Fixed(nil)))
}

func TestLocations(t *testing.T) {
	p, ok := InPReg(63).PReg()
	require.True(t, ok)
	require.EqualValues(t, 63, p)
	_, ok = InPReg(63).Slot()
	require.False(t, ok)
	n, ok := InSlot(0).Slot()
	require.True(t, ok)
	require.Zero(t, n)
	require.Equal(t, "nowhere p2 slot 7", Loc(0).String()+" "+InPReg(2).String()+" "+InSlot(7).String())
}

// BenchmarkCheck is the direct tier: 14 virtual registers, a long function in blocks of ten.
func BenchmarkCheck(b *testing.B) {
	m := &model{vregs: 14, allocatable: 1<<14 - 1}
	table := make([]PReg, 14)
	for v := range table {
		table[v] = PReg(v)
		m.entries = append(m.entries, Entry{VReg(v), PReg(v)})
	}
	const blocks = 1000
	for k := range blocks {
		var insts []modelInst
		for j := range 9 {
			insts = append(insts, inst(use(VReg(j)), use(VReg((j+k)%14)), tied(VReg(j), 0)))
		}
		succs := []Block{Block((k + 1) % blocks), Block(1 + k/2)}
		m.block(succs, append(insts, inst(use(VReg(k%14))))...)
	}
	m.link()
	r := Fixed(table)
	for b.Loop() {
		if err := Check(m, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(m.insts)), "ns/inst")
}
