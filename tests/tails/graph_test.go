package tails

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/kernel"
)

// graph is programs whose functions call one another and make tail calls. What runs is written down: every step folds its
// number, and every call its result, into the element of map n. Every function fills R7 to R9 and a word of its frame with
// numbers of its own and looks at them before it returns: one that has changed is 0xbad in the result.
type graph struct {
	programs [][]fn
	slots    map[uint32]int
}

type fn struct {
	id    uint64
	frame int // offset of its word
	do    []step
	ret   uint64
}

// step calls a function of the program, or tail-calls a slot.
type step struct {
	call     int // 0 is none: the program itself cannot be called
	slot     uint32
	indirect bool
}

const graphSlots = 4

func drawGraph(r *rand.Rand) *graph {
	g := &graph{}
	for p := range 1 + r.IntN(4) {
		funcs := make([]fn, 1+r.IntN(3))
		for f := range funcs {
			x := fn{id: uint64(1 + p*10 + f), frame: 8 * (1 + r.IntN(8)), ret: r.Uint64() >> uint(r.IntN(64))}
			for range r.IntN(4) {
				if f < len(funcs)-1 && r.IntN(2) == 0 {
					x.do = append(x.do, step{call: f + 1 + r.IntN(len(funcs)-f-1)})
				} else {
					x.do = append(x.do, step{slot: r.Uint32N(graphSlots + 1), indirect: r.IntN(2) == 0})
				}
			}
			funcs[f] = x
		}
		g.programs = append(g.programs, funcs)
	}
	g.refill(r)
	return g
}

// drawVerified draws until the verifier gets through: every tail call in a function is two ways.
func drawVerified(t *testing.T, r *rand.Rand) *graph {
	for {
		g := drawGraph(r)
		_, err := sdk.Compile(t.Context(), read(t, g.text()), linked()[0].Backend, sdk.Options{Set: builtin.Linux()})
		var refused *sdk.VerifyError
		if errors.As(err, &refused) && refused.Code == verifier.CodeTooComplex {
			continue
		}
		require.NoError(t, err)
		return g
	}
}

// refill puts other programs into the slots; some stay empty.
func (g *graph) refill(r *rand.Rand) {
	g.slots = map[uint32]int{}
	for s := range uint32(graphSlots) {
		if r.IntN(5) > 0 {
			g.slots[s] = r.IntN(len(g.programs))
		}
	}
}

const fold = "r1 = map[n][0] ll\nr2 = *(u64 *)(r1 + 0)\nr2 *= 31\nr2 += r0\n*(u64 *)(r1 + 0) = r2\n"

// text is the source. Map i has the index of every slot, in words of 4 bytes, which the verifier does not know.
func (g *graph) text() string {
	var b strings.Builder
	for p, funcs := range g.programs {
		fmt.Fprintf(&b, ".program p%d\n", p)
		called := map[int]bool{0: true}
		for i := range funcs {
			f := &funcs[i]
			if !called[i] {
				continue
			}
			for _, s := range f.do {
				called[s.call] = true
			}
			if i > 0 {
				fmt.Fprintf(&b, "f%d: ", i)
			}
			fmt.Fprintf(&b, "r6 = r1\nr7 = %d\nr8 = %d\nr9 = %d\n*(u64 *)(r10 - %d) = r9\nr0 = %d\n%s", f.id*3, f.id*5, f.id*7, f.frame, f.id, fold)
			for _, s := range f.do {
				switch {
				case s.call > 0:
					fmt.Fprintf(&b, "r1 = r6\ncall f%d\n%s", s.call, fold)
				case s.indirect:
					fmt.Fprintf(&b, "r1 = map[i][0] ll\nr3 = *(u64 *)(r1 + 0)\nr3 += %d\nr1 = r6\nr2 = map[j] ll\ncall 12\n", s.slot)
				default:
					fmt.Fprintf(&b, "r1 = r6\nr2 = map[j] ll\nr3 = %d\ncall 12\n", s.slot)
				}
			}
			fmt.Fprintf(&b, "r0 = %d ll\nr1 = *(u64 *)(r10 - %d)\nif r7 != %d goto bad%d\nif r8 != %d goto bad%d\nif r9 != %d goto bad%d\nif r1 != %d goto bad%d\nexit\nbad%d: r0 = 0xbad\nexit\n",
				f.ret, f.frame, f.id*3, i, f.id*5, i, f.id*7, i, f.id*7, i, i)
		}
	}
	return b.String()
}

// model runs a graph.
type model struct {
	*graph
	tails int
	trace uint64
}

func (m *model) run(p, f int) uint64 {
	x := &m.programs[p][f]
	m.trace = m.trace*31 + x.id
	for _, s := range x.do {
		if s.call > 0 {
			m.trace = m.trace*31 + m.run(p, s.call)
			continue
		}
		to, ok := m.slots[s.slot]
		if ok && s.slot < graphSlots && m.tails < 33 {
			m.tails++
			return m.run(to, 0)
		}
	}
	return x.ret
}

// TestGraphs compares runs with the model: BPFC_LONG=n draws n thousand sources, with fifty ways to fill the slots each.
func TestGraphs(t *testing.T) {
	sources, fills := 60, 50
	if n, err := strconv.Atoi(os.Getenv("BPFC_LONG")); err == nil && n > 0 {
		sources = 1000 * n
	}
	r := rand.New(rand.NewPCG(33, uint64(sources)))
	runs, calls := 0, 0
	for range sources {
		g := drawVerified(t, r)
		var loaded []*sdk.Collection
		for _, e := range linked() {
			loaded = append(loaded, load(t, e, g.text(), sdk.Strict))
		}
		for range fills {
			g.refill(r)
			entry := r.IntN(len(g.programs))
			m := &model{graph: g}
			want := m.run(entry, 0)
			calls += m.tails
			for k, c := range loaded {
				for s := range uint32(graphSlots) {
					if p, ok := g.slots[s]; ok {
						require.NoError(t, c.Maps["j"].Put(s, c.Programs[fmt.Sprintf("p%d", p)]))
					} else {
						_ = c.Maps["j"].Delete(s) // it may be empty already
					}
				}
				require.NoError(t, c.Maps["n"].Put(uint32(0), uint64(0)))
				res, err := c.Programs[fmt.Sprintf("p%d", entry)].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
				require.NoError(t, err)
				if res.Fault != nil || res.Ret != want&0xffffffff || count(t, c) != m.trace {
					t.Fatalf("%s: program p%d, slots %v: %#x, %#x, fault %v; the model has %#x, %#x\n%s", linked()[k].name, entry, g.slots, res.Ret, count(t, c), res.Fault, want, m.trace, g.text())
				}
				runs++
			}
		}
		for _, c := range loaded {
			require.NoError(t, c.Close())
		}
	}
	t.Logf("%d graphs, %d runs, %d tail calls in the model", sources*fills, runs, calls)
	require.NotZero(t, calls)
}

// TestHierarchies: programs that count, then call a function width times that tail-calls the next of depth programs; the last
// leads to the first again. The model counts the runs.
func TestHierarchies(t *testing.T) {
	for depth := 1; depth <= 4; depth++ {
		for width := 1; width <= 4; width++ {
			g := &graph{slots: map[uint32]int{}}
			for p := range depth {
				next := uint32((p + 1) % depth)
				body := fn{id: uint64(1 + 10*p), frame: 8, ret: 1}
				for range width {
					body.do = append(body.do, step{call: 1})
				}
				g.programs = append(g.programs, []fn{body, {id: uint64(2 + 10*p), frame: 16, ret: 2, do: []step{{slot: next}}}})
				g.slots[uint32(p)] = p
			}
			m := &model{graph: g}
			want := m.run(0, 0)
			for _, e := range linked() {
				c := load(t, e, g.text(), sdk.Strict)
				for s, p := range g.slots {
					require.NoError(t, c.Maps["j"].Put(s, c.Programs[fmt.Sprintf("p%d", p)]))
				}
				res, err := c.Programs["p0"].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
				require.NoError(t, err)
				require.Equal(t, []uint64{want, m.trace}, []uint64{res.Ret, count(t, c)}, "%s, depth %d, width %d", e.name, depth, width)
				require.NoError(t, c.Close())
			}
		}
	}
}

// The kernel runs graphs as the model does.
func TestGraphsInTheKernel(t *testing.T) {
	o := kernel.Need(t)
	r := rand.New(rand.NewPCG(34, 1))
	var q kernel.Question
	var models []*model
	for range 60 {
		g := drawGraph(r)
		s := scene{text: g.text(), slots: map[uint32]string{}, entry: "p0"}
		for at, p := range g.slots {
			s.slots[at] = fmt.Sprintf("p%d", p)
		}
		q.Sessions = append(q.Sessions, s.session(t))
		models = append(models, &model{graph: g})
	}
	for i, a := range o.Ask(q).Sessions {
		m := models[i]
		require.Empty(t, a.Err)
		for _, v := range a.Verdicts {
			require.Equal(t, kernel.Accepted, v.Verdict, v.Message)
		}
		want := m.run(0, 0)
		require.Empty(t, a.Steps[0].Err)
		require.Equal(t, uint32(want), a.Steps[0].Ret, m.text())
		require.Equal(t, m.trace, counted(&a), m.text())
	}
}
