package script

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/tests/command"
	"github.com/stretchr/testify/require"
)

// TestDropmon counts 10,000 events by both forms of the example, and compares the table with one that is counted here.
func TestDropmon(t *testing.T) {
	events := filepath.Join(t.TempDir(), "events.json")
	text, err := exec.Command("go", "run", "../../examples/dropmon/events").Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(events, text, 0o600))
	want := map[uint64]uint64{}
	for line := range strings.Lines(string(text)) {
		var e struct{ Arg1, Arg2 uint64 }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		want[e.Arg2]++
	}
	require.Equal(t, 10_000, strings.Count(string(text), "\n"))
	require.Greater(t, len(want), 30)

	bpfc := command.Build(t)
	for _, form := range []string{"dropmon.o", "2014/dropmon.s"} {
		for _, how := range [][]string{{}, {"--in-process"}, {"--backend", "interp"}} {
			t.Run(strings.Join(append([]string{form}, how...), " "), func(t *testing.T) {
				args := []string{"run", "../../examples/dropmon/" + form, "--events", events, "--dump-maps", "--format", "json"}
				out, err := exec.Command(bpfc, append(args, how...)...).Output()
				require.NoError(t, err)
				require.Equal(t, want, table(t, out))
			})
		}
	}
}

// table is the map drops in the output of a run, whose results are all 0.
func table(t *testing.T, out []byte) map[uint64]uint64 {
	t.Helper()
	var run struct {
		Results []struct{ Retval string }
		Maps    map[string]struct {
			Entries []struct{ Key, Value json.RawMessage }
		}
	}
	require.NoError(t, json.Unmarshal(out, &run))
	require.Len(t, run.Results, 10_000)
	for _, r := range run.Results {
		require.Equal(t, "0x0", r.Retval)
	}
	counts := map[uint64]uint64{}
	for _, e := range run.Maps["drops"].Entries {
		counts[number(t, e.Key)] = number(t, e.Value)
	}
	return counts
}

// number is a number, or the eight bytes of one in hex, where the object does not say what they are.
func number(t *testing.T, raw json.RawMessage) (n uint64) {
	t.Helper()
	if raw[0] != '"' {
		require.NoError(t, json.Unmarshal(raw, &n))
		return n
	}
	var b [8]byte
	_, err := fmt.Sscanf(string(raw), "\"%2x%2x%2x%2x%2x%2x%2x%2x\"", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7])
	require.NoError(t, err)
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
