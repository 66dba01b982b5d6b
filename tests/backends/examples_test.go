package backends

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// TestExamples runs the example programs on every back end; the results are
// those of the same C, compiled natively. They are proved safe: nothing is guarded.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile("../../examples/cases.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var name, digits string
		var want uint64
		_, err := fmt.Sscanf(line, "%s %s %v", &name, &digits, &want)
		require.NoError(t, err, line)
		mem, err := hex.DecodeString(digits)
		require.NoError(t, err, line)
		o, err := builtin.ReadFile(t.Context(), "../../examples/"+name+"/"+name+".o", builtin.ReadOptions{})
		require.NoError(t, err)
		for _, backend := range builtin.Backends() {
			if !runsHere(backend) {
				continue
			}
			b, _ := builtin.Backend(backend)
			p, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: builtin.Base()})
			require.NoError(t, err, "%s on %s", name, backend)
			got, err := p.Run(append([]byte(nil), mem...))
			require.NoError(t, err, "%s on %s", name, backend)
			require.Equal(t, want, got, "%s on %s", name, backend)
			require.NoError(t, p.Close())
		}
	}
}
