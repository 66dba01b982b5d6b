// Package tails tests tail calls and calls of functions: what the kernel does with the same objects, a model, and the two
// back ends, in this process and in their own.
package tails

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

// engine is a back end that runs here.
type engine struct {
	name string
	sdk.Backend
	features []string
	opt      int
}

// linked are the back ends in this process.
func linked() []engine {
	all := []engine{{name: "interp", Backend: builtin.Interp()}, {name: "interp -O2", Backend: builtin.Interp(), opt: 2}}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		b := builtin.AMD64()
		all = append(all, engine{name: "amd64", Backend: b}, engine{"amd64, hardened", b, b.Target().Features, 0}, engine{name: "amd64 -O2", Backend: b, opt: 2})
	}
	return all
}

// engines are the back ends in this process and in processes of their own.
func engines(t *testing.T) []engine {
	all, path := linked(), command.Build(t)
	for _, e := range all {
		p, err := host.Start(t.Context(), command.Backend(path, e.Target().Name), host.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { p.Close() })
		all = append(all, engine{e.name + ", isolated", p.Backend(), e.features, e.opt})
	}
	return all
}

// head declares the prog array j, a counter n and an index i, and is part of every source. Macros: COUNT counts a run of the
// program, TAIL x tail-calls slot x with the context in r6.
const head = `.license "GPL"
.map j, type=prog_array, key=4, value=4, entries=8
.map n, type=array, key=4, value=8, entries=1
.map i, type=array, key=4, value=8, entries=1
`

var macros = strings.NewReplacer(
	"PROG ", ".program ",
	"KEEP", "r6 = r1",
	"COUNT", "r1 = map[n][0] ll\nr2 = 1\nlock *(u64 *)(r1 + 0) += r2",
	"TAIL ", "r1 = r6\nr2 = map[j] ll\nr3 = ",
	"GO", "call 12",
)

// read reads a source with macros; every program is of one type.
func read(t testing.TB, text string) *sdk.Object { return readWith(t, head, text) }

func readWith(t testing.TB, head, text string) *sdk.Object {
	t.Helper()
	text = macros.Replace(head + text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".program ") {
			lines[i] = l + `, section="tc"`
		}
	}
	o, err := builtin.ReadObject(t.Context(), "tails.s", []byte(strings.Join(lines, "\n")), builtin.ReadOptions{})
	require.NoError(t, err, text)
	return o
}

// scene is programs, which of them are in which slots, and what a run of one gives.
type scene struct {
	name, text  string
	slots       map[uint32]string
	index       uint64 // the element of map i
	entry       string
	ret, counts uint64
}

// self is a program that counts and tail-calls itself, from itself or from a function, n times over; enter does not count.
func self(body string) string {
	return "PROG enter\nKEEP\nTAIL 0\nGO\nr0 = 99\nexit\nPROG p\nKEEP\nCOUNT\n" + body
}

const (
	fromMain = "TAIL 0\nGO\nr0 = 1\nexit\n"
	function = "r0 = 1\nexit\nf: r6 = r1\nTAIL 0\nGO\nr0 = 2\nexit\n"
	callF    = "r1 = r6\ncall f\n"
)

var three = "PROG enter\nKEEP\nTAIL 0\nGO\nTAIL 1\nGO\nTAIL 2\nGO\nr0 = 3\nexit\nPROG p0\nr0 = 0\nexit\nPROG p1\nr0 = 1\nexit\nPROG p2\nr0 = 2\nexit\n"

// indirect tail-calls the slot that map i says.
const indirect = "PROG enter\nKEEP\nr7 = map[i][0] ll\nr3 = *(u64 *)(r7 + 0)\nr1 = r6\nr2 = map[j] ll\nGO\nr0 = 3\nexit\nPROG p0\nr0 = 0\nexit\nPROG p1\nr0 = 1\nexit\nPROG p2\nr0 = 2\nexit\n"

// constants tail-calls the slot that map i says, by constants: at one call, one of three.
const constants = "PROG enter\nKEEP\nr7 = map[i][0] ll\nr7 = *(u64 *)(r7 + 0)\nr3 = 0\nif r7 == 0 goto on\nr3 = 1\nif r7 == 1 goto on\nr3 = 2\non: r1 = r6\nr2 = map[j] ll\nGO\nr0 = 3\nexit\n" +
	"PROG p0\nr0 = 0\nexit\nPROG p1\nr0 = 1\nexit\nPROG p2\nr0 = 2\nexit\n"

// scenes are the cases whose results are known of the kernel.
func scenes() (all []scene) {
	add := func(s scene) { all = append(all, s) }
	slots := map[uint32]string{}
	for i := 3; i >= 0; i-- {
		with := map[uint32]string{}
		for k, v := range slots {
			with[k] = v
		}
		add(scene{name: fmt.Sprintf("from slot %d", i), text: three, slots: with, entry: "enter", ret: uint64(i)})
		if i > 0 {
			slots[uint32(i-1)] = fmt.Sprintf("p%d", i-1)
		}
	}
	p := map[uint32]string{0: "p"}
	add(scene{"self", self(fromMain), p, 0, "enter", 1, 33})
	add(scene{"self, entered", self(fromMain), p, 0, "p", 1, 34})
	add(scene{"self by a function", self(callF + function), p, 0, "enter", 1, 33})
	add(scene{"self by a function, entered", self(callF + function), p, 0, "p", 1, 34})
	for n := 1; n <= 8; n++ {
		add(scene{fmt.Sprintf("%d calls", n), self(strings.Repeat(callF, n) + function), p, 0, "p", 1, 34})
	}
	for i, want := range []uint64{0, 1, 2, 3, 3, 3, 3, 3, 3} {
		all = append(all, scene{fmt.Sprintf("index %d from a map", i), indirect, slots, uint64(i), "enter", want, 0})
	}
	add(scene{"index of which only the low half counts", indirect, slots, 1<<32 + 2, "enter", 2, 0})
	add(scene{"index with the sign", indirect, slots, 1<<64 - 1, "enter", 3, 0})
	for i, want := range []uint64{0, 1, 2, 2} {
		all = append(all, scene{fmt.Sprintf("one of three constants, %d", i), constants, slots, uint64(i), "enter", want, 0})
	}
	add(scene{"the last slot", "PROG enter\nKEEP\nTAIL 7\nGO\nr0 = 3\nexit\nPROG p\nr0 = 1\nexit\n", map[uint32]string{7: "p"}, 0, "enter", 1, 0})
	add(scene{"a slot behind the last", "PROG enter\nKEEP\nTAIL 8\nGO\nTAIL -1\nGO\nr0 = 3\nexit\n", nil, 0, "enter", 3, 0})
	// The result of what a function has tail-called is the function's, all 64 bits of it; R6 to R9 are the caller's again.
	add(scene{"results", "PROG enter\nKEEP\nr7 = 7\nr8 = 8\nr9 = 9\n*(u64 *)(r10 - 8) = r7\n" + callF +
		"r1 = 0x1234567800000005 ll\nif r0 != r1 goto bad\nif r7 != 7 goto bad\nif r8 != 8 goto bad\nif r9 != 9 goto bad\nr1 = *(u64 *)(r10 - 8)\nif r1 != 7 goto bad\nr0 = 1\nexit\nbad: r0 = 99\nexit\n" +
		"f: r6 = r1\nr7 = 70\nr8 = 80\n*(u64 *)(r10 - 8) = r7\nTAIL 0\nGO\nr0 = 2\nexit\n" +
		"PROG p\nr6 = 60\nr7 = 71\nr9 = 90\n*(u64 *)(r10 - 8) = r9\n*(u64 *)(r10 - 256) = r9\nr0 = 0x1234567800000005 ll\nexit\n", p, 0, "enter", 1, 0})
	return all
}

// run runs the scene in a session of its own.
func (s *scene) run(t *testing.T, e engine, policy sdk.Policy) {
	c := load(t, e, s.text, policy)
	defer c.Close()
	for at, name := range s.slots {
		require.NoError(t, c.Maps["j"].Put(at, c.Programs[name]))
	}
	require.NoError(t, c.Maps["i"].Put(uint32(0), s.index))
	for range 2 { // nothing of a run is left for the next one
		require.NoError(t, c.Maps["n"].Put(uint32(0), uint64(0)))
		r, err := c.Programs[s.entry].Exec(t.Context(), sdk.Input{Mem: make([]byte, 64)})
		require.NoError(t, err, "%s: %s", e.name, s.name)
		require.Nil(t, r.Fault, "%s: %s", e.name, s.name)
		require.Equal(t, [2]uint64{s.ret, s.counts}, [2]uint64{r.Ret, count(t, c)}, "%s: %s", e.name, s.name)
	}
}

func count(t *testing.T, c *sdk.Collection) (n uint64) {
	require.NoError(t, c.Maps["n"].Lookup(uint32(0), &n))
	return n
}

func load(t testing.TB, e engine, text string, policy sdk.Policy) *sdk.Collection {
	c, err := sdk.LoadCollection(t.Context(), read(t, text), e.Backend, sdk.Options{Set: builtin.Linux(), Policy: policy, CPUs: 1, Features: e.features, Opt: e.opt})
	require.NoError(t, err, "%s: %s", e.name, text)
	return c
}

func TestCases(t *testing.T) {
	for _, e := range engines(t) {
		for _, s := range scenes() {
			s.run(t, e, sdk.Strict)
		}
	}
}

// The kernel gives the same results.
func TestCasesInTheKernel(t *testing.T) {
	o := kernel.Need(t)
	all := scenes()
	var q kernel.Question
	for i := range all {
		q.Sessions = append(q.Sessions, all[i].session(t))
	}
	for i, a := range o.Ask(q).Sessions {
		s := &all[i]
		require.Empty(t, a.Err, s.name)
		for _, v := range a.Verdicts {
			require.Equal(t, kernel.Accepted, v.Verdict, "%s: %s", s.name, v.Message)
		}
		for _, p := range a.Puts {
			require.Empty(t, p, s.name)
		}
		require.Empty(t, a.Steps[0].Err, s.name)
		require.Equal(t, uint32(s.ret), a.Steps[0].Ret, s.name)
		require.Equal(t, s.counts, counted(&a), s.name)
	}
}

// counted is the element of map n.
func counted(a *kernel.SessionAnswer) (n uint64) {
	for _, e := range a.Maps[1] {
		for i, b := range e.Value {
			n |= uint64(b) << (8 * i)
		}
	}
	return n
}

// session is the scene as the kernel gets it.
func (s *scene) session(t *testing.T) kernel.Session {
	o := read(t, s.text)
	var programs []*obj.Program
	names := map[string]int{}
	for i := range o.Programs {
		programs = append(programs, &o.Programs[i])
		names[o.Programs[i].Name] = i
	}
	q, err := kernel.NewSession(o, programs, builtin.Linux())
	require.NoError(t, err)
	for at, name := range s.slots {
		q.Puts = append(q.Puts, kernel.Put{Map: 0, Key: le(uint64(at), 4), Value: make([]byte, 4), Program: names[name] + 1})
	}
	q.Puts = append(q.Puts, kernel.Put{Map: 2, Key: le(0, 4), Value: le(s.index, 8)})
	q.Steps = []kernel.Step{{Program: names[s.entry], Data: make([]byte, 64)}}
	return *q
}

func le(v uint64, size int) (b []byte) {
	for ; size > 0; size-- {
		b, v = append(b, byte(v)), v>>8
	}
	return b
}
