package opt

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func findClang(b *testing.B) string {
	for _, name := range []string{"clang", "clang-19", "clang-18", "clang-17", "clang-16"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	b.Skip("no clang: install clang to compare with native code")
	return ""
}

func run(b *testing.B, name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(b, err, "%s: %s", name, out)
	return string(out)
}

// report prints the ratios and sets the geometric means as metrics.
func report(b *testing.B, out string) {
	var optimised, strict, guarded, unguarded, cost, n float64
	for line := range strings.Lines(out) {
		var name string
		var native, o, s, g, u float64
		_, err := fmt.Sscan(line, &name, &native, &o, &s, &g, &u)
		require.NoError(b, err, line)
		b.Logf("%-12s native %9.2f ns  -O2 %9.2f (%.2f×)  strict %9.2f (%.2f×)  guarded %9.2f (%.2f×)  unguarded %9.2f (%.2f×)", name, native, o, o/native, s, s/native, g, g/native, u, u/native)
		optimised += math.Log(o / native)
		strict += math.Log(s / native)
		guarded += math.Log(g / native)
		unguarded += math.Log(u / native)
		cost += math.Log(g / u)
		n++
	}
	b.ReportMetric(math.Exp(optimised/n), "O2/native")
	b.ReportMetric(math.Exp(strict/n), "strict/native")
	b.ReportMetric(math.Exp(guarded/n), "guarded/native")
	b.ReportMetric(math.Exp(unguarded/n), "unguarded/native")
	b.ReportMetric(math.Exp(cost/n), "guarded/unguarded")
}
