package tails

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// pinnedHead is head with maps that all objects of a session share.
var pinnedHead = strings.ReplaceAll(head, "entries=", "pinning=1, entries=")

// object is the source of an object with one program and two variables: own, which holds its number, and at, an address.
// Macros: OWN reads own through a pointer that is not proved, FRAME a word of the frame; both end with 100 or 101 if they
// find something else. KEY is the object's number.
func object(key, body string) string {
	const data = ".data\nown: .quad KEY\npointer: .quad own\nframe: .quad 0\n"
	text := strings.NewReplacer(
		"BEGIN", "r6 = r1\nr7 = KEY\n*(u64 *)(r10 - 16) = r7\nr1 = r10\nr1 += -16\nr2 = frame ll\n*(u64 *)(r2 + 0) = r1",
		"AGAIN", "r1 = r10\nr1 += -16\nr2 = frame ll\n*(u64 *)(r2 + 0) = r1", // the deepest frame is the last to have set it
		"OWN", "r1 = pointer ll\nr1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + 0)\nif r1 != KEY goto bad",
		"FRAME", "r1 = frame ll\nr1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + 0)\nif r1 != KEY goto bad",
		"PUBLISH ", "r1 = r10\nr1 += ",
		"ADDRESS", "r2 = map[i][0] ll\n*(u64 *)(r2 + 0) = r1",
		"FOREIGN", "r2 = map[i][0] ll\nr1 = *(u64 *)(r2 + 0)",
		"END ", "exit\nbad: r0 = 100\nexit\n",
	).Replace(".program main\n" + body + "\n" + data)
	return strings.ReplaceAll(text, "KEY", key)
}

// session is a session with programs of several objects.
type session struct {
	codegen.Session
	ids []codegen.ProgID
}

// open loads objects, whose maps are shared.
func open(t testing.TB, e engine, policy sdk.Policy, cpus int, texts ...string) *session {
	set := builtin.Linux()
	runner := e.Backend.(codegen.Runner)
	s, err := runner.Open(t.Context(), codegen.Spec{Set: set, CPUs: cpus})
	require.NoError(t, err)
	x := &session{Session: s}
	for _, text := range texts {
		x.add(t, e, policy, text)
	}
	return x
}

func (s *session) add(t testing.TB, e engine, policy sdk.Policy, text string) codegen.ProgID {
	o := readWith(t, pinnedHead, text)
	a, err := sdk.Compile(t.Context(), o, e.Backend, sdk.Options{Set: builtin.Linux(), Policy: policy, Features: e.features, Opt: e.opt})
	require.NoError(t, err, text)
	ids, err := s.Load(t.Context(), a)
	require.NoError(t, err)
	s.ids = append(s.ids, ids...)
	return ids[0]
}

// put sets an element of a map that the programs share.
func (s *session) put(t testing.TB, m string, key uint32, value []byte) {
	r, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapPut, Prog: s.ids[0], Map: m, Key: le(uint64(key), 4), Value: value}})
	require.NoError(t, err)
	require.Empty(t, r[0].Err)
}

func (s *session) run(t testing.TB, id codegen.ProgID) codegen.Result {
	r, err := s.Run(t.Context(), id, codegen.Batch{Inputs: []codegen.Input{{Mem: make([]byte, 64)}}})
	require.NoError(t, err)
	return r.Results[0]
}

// A program that has guards finds its own data and its own frame, before a function of it has tail-called a program of
// another object, in that program, and after it; and neither finds those of the other.
func TestGuardsAfterTailCalls(t *testing.T) {
	const (
		caller  = "BEGIN\nOWN\nFRAME\nDO\nr1 = r6\ncall f\nr8 = r0\nOWN\nFRAME\nr0 = r8\nEND \nf: r6 = r1\n*(u64 *)(r10 - 8) = r6\nTAIL 0\nGO\nr0 = 50\nexit"
		target  = "BEGIN\nOWN\nFRAME\nDO\nr0 = 7\nEND "
		through = ".program main\nr6 = r1\n*(u64 *)(r10 - 24) = r6\nr1 = r6\ncall f\nexit\nf: r6 = r1\nTAIL 1\nGO\nr0 = 51\nexit" // has no guards
		self    = "BEGIN\nOWN\nFRAME\nDO\nr1 = r6\ncall f\nr8 = r0\nOWN\nAGAIN\nFRAME\nr0 = r8\nEND \nf: r6 = r1\n*(u64 *)(r10 - 8) = r6\nTAIL 2\nGO\nr0 = 52\nexit"
	)
	do := func(text, what string) string { return strings.ReplaceAll(text, "DO", what) }
	for _, e := range engines(t) {
		for _, c := range []struct {
			name, caller, target string
			slots                []int // by slot, the program
			ret                  uint64
			fault                string
		}{
			{"its own", do(caller, ""), do(target, ""), []int{1}, 7, ""},
			{"by way of a program without guards", do(caller, ""), do(target, ""), []int{2, 1}, 7, ""},
			{"itself, 33 times deep", do(self, ""), do(target, ""), []int{1, 1, 0}, 52, ""},
			{"nobody", do(caller, ""), do(target, ""), nil, 50, ""},
			{"the caller's data", do(caller, "r1 = own ll\nADDRESS"), do(target, "FOREIGN\nr1 = *(u64 *)(r1 + 0)"), []int{1}, 0, "main"},
			{"the caller's frame", do(caller, "PUBLISH -16\nADDRESS"), do(target, "FOREIGN\n*(u64 *)(r1 + 0) = r6"), []int{1}, 0, "main"},
			{"the target's data", do(caller, ""), do(target, "r1 = own ll\nADDRESS"), []int{1}, 7, ""},
		} {
			s := open(t, e, sdk.Guard, 1, object("17", c.caller), object("33", c.target), through)
			for slot, p := range c.slots {
				s.put(t, "j", uint32(slot), le(uint64(s.ids[p]), 4))
			}
			for range 2 {
				r := s.run(t, s.ids[0])
				if c.fault != "" {
					require.NotNil(t, r.Fault, "%s: %s", e.name, c.name)
					continue
				}
				require.Nil(t, r.Fault, "%s: %s: %v", e.name, c.name, r.Fault)
				require.Equal(t, c.ret, r.Ret, "%s: %s", e.name, c.name)
			}
			require.NoError(t, s.Close())
		}
		// The caller reads the target's data when that is back.
		s := open(t, e, sdk.Guard, 1, object("17", strings.Replace(do(caller, ""), "r8 = r0\n", "r8 = r0\nFOREIGN\nr1 = *(u64 *)(r1 + 0)\n", 1)), object("33", do(target, "r1 = own ll\nADDRESS")))
		s.put(t, "j", 0, le(uint64(s.ids[1]), 4))
		require.NotNil(t, s.run(t, s.ids[0]).Fault, e.name)
		require.NoError(t, s.Close())
	}
}
