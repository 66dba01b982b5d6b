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

// TestKernelDiffers compares verdicts on generated programs with the running kernel's. A program that the kernel
// accepts and we refuse is no mistake, one that it refuses and we accept is to be looked at: both are listed.
func TestKernelDiffers(t *testing.T) {
	o := kernel.Need(t)
	x, count := newTrial(t), 150
	if n, err := strconv.Atoi(os.Getenv("BPFC_KERNEL_PROGRAMS")); err == nil {
		count = n
	}
	refused, accepted := map[string]*group{}, map[string]*group{}
	both := 0
	for seed := uint64(5_000_000); x.made < count; seed++ {
		s := generate(seed)
		p, err := lift(x.set, s.object())
		if s.typ[:3] == "mem" || err != nil {
			continue
		}
		object := s.object()
		c, err := kernel.CodeOf(object, &object.Programs[0], x.set)
		if err != nil {
			continue // a mistake that no bytecode can hold
		}
		x.made++
		_, _, ours := verifier.Analyse(p, x.set, verifier.Options{Steps: 100_000})
		a := o.Ask(kernel.Question{Code: c})
		switch {
		case a.Verdict == kernel.Accepted && ours != nil:
			note(refused, code(ours), s, seed, ours.Error())
		case a.Verdict == kernel.Rejected && ours == nil:
			note(accepted, withoutNumbers(a.Message), s, seed, a.Errno+": "+a.Message)
		case a.Verdict == kernel.Accepted || a.Verdict == kernel.Rejected:
			both++
		default:
			x.codes[a.Message]++
		}
	}
	t.Logf("%d programs, the same verdict on %d; no verdict: %v", x.made, both, x.codes)
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
		if i < 12 {
			text = fmt.Sprintf("\nseed %d: %s\n%s", g.seed, g.about, listing(g.least))
		}
		t.Logf("%s: %d × %s%s", title, g.count, k, text)
	}
}
