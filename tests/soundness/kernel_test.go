package soundness

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

// group is programs about which the two verifiers disagree in the same way.
type group struct {
	count int
	least *sample
	seed  uint64
	about string
}

// opinions is what the two verifiers say of a program. Programs on memory, and those that no bytecode can hold, have none.
type opinions struct {
	ours   error
	kernel kernel.Answer
}

func (x *trial) opinions(o *kernel.Oracle, s *sample) (both opinions, ok bool) {
	p, err := lift(x.set, s.object())
	if s.typ[:3] == "mem" || err != nil {
		return both, false
	}
	object := s.object()
	c, err := kernel.CodeOf(object, &object.Programs[0], x.set)
	if err != nil {
		return both, false
	}
	_, _, both.ours = verifier.Analyse(p, x.set, verifier.Options{Steps: 100_000, Brief: true})
	both.kernel = o.Ask(kernel.Question{Code: c})
	return both, true
}

// TestKernelDiffers compares verdicts on generated programs with the running kernel's. A program that the kernel
// accepts and we refuse is no mistake. One that it refuses and we accept runs without a fault, BPFC_RUNS times, and
// is to be looked at: both are listed.
func TestKernelDiffers(t *testing.T) {
	o := kernel.Need(t)
	x, count := newTrial(t), 150
	x.runs, x.every = 1000, 1
	if n, err := strconv.Atoi(os.Getenv("BPFC_RUNS")); err == nil {
		x.runs = n
	}
	n, err := strconv.Atoi(os.Getenv("BPFC_KERNEL_PROGRAMS"))
	long := err == nil
	if long {
		count = n
	}
	refused, accepted := map[string]*group{}, map[string]*group{}
	both, compared := 0, 0
	for seed := uint64(5_000_000); compared < count; seed++ {
		s := generate(seed)
		v, ok := x.opinions(o, s)
		if !ok {
			continue
		}
		compared++
		a, ours := v.kernel, v.ours
		switch {
		case a.Verdict == kernel.Accepted && ours != nil:
			note(refused, code(ours), s, seed, ours.Error())
		case a.Verdict == kernel.Rejected && ours == nil:
			note(accepted, withoutNumbers(a.Message), s, seed, a.Errno+": "+a.Message)
			if _, err := x.check(s, seed); err != nil {
				t.Error(x.report(s, seed))
			}
		case a.Verdict == kernel.Accepted || a.Verdict == kernel.Rejected:
			both++
		default:
			x.codes[a.Message]++
		}
	}
	for key, g := range accepted {
		if long {
			g.least = shrink(g.least, func(s *sample) bool {
				v, ok := x.opinions(o, s)
				return ok && v.ours == nil && v.kernel.Verdict == kernel.Rejected && withoutNumbers(v.kernel.Message) == key
			})
		}
	}
	t.Logf("%d programs, the same verdict on %d; no verdict: %v; %d runs of %d that only we accept, %d of them too long", compared, both, x.codes, x.executed, x.accepted, x.long)
	list(t, "the kernel accepts, we refuse", refused)
	list(t, "the kernel refuses, we accept", accepted)
	require.Greater(t, both, count/2)
}

func note(groups map[string]*group, key string, s *sample, seed uint64, about string) {
	g := groups[key]
	if g == nil {
		g = &group{}
		groups[key] = g
	}
	if g.count++; g.least == nil || size(s) < size(g.least) {
		g.least, g.seed, g.about = s, seed, about
	}
}

func size(s *sample) (n int) {
	for _, f := range s.funcs {
		n += len(f.items)
	}
	return n
}

// withoutNumbers is a message by which programs are grouped.
func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

func list(t *testing.T, title string, groups map[string]*group) {
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return groups[b].count - groups[a].count })
	for i, k := range keys {
		g := groups[k]
		text := ""
		if i < 30 {
			text = fmt.Sprintf("\nseed %d: %s\n%s", g.seed, g.about, listing(g.least))
		}
		t.Logf("%s: %d × %s%s", title, g.count, k, text)
	}
}
