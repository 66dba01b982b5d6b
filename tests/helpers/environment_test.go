package helpers

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// asked is a home that notes which parts it is asked for.
type asked struct {
	*codegentest.Home
	parts map[string]bool
}

func (a asked) Env(name string) []byte {
	a.parts[name] = true
	return a.Home.Env(name)
}

// The document has every part that the sets read, none that they do not, and its examples are environments.
func TestEnvironmentIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/ENVIRONMENT.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, blocks, 2)
	for i, sets := range [][]codegen.Open{{base.Implement, tracing.Implement}, {networking.Implement}} {
		var parts map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(blocks[i][1], &parts))
		home := asked{&codegentest.Home{N: 4, Parts: map[string]string{}}, map[string]bool{}}
		for name, part := range parts {
			home.Parts[name] = string(part)
		}
		for _, open := range sets {
			_, err := open(home)
			require.NoError(t, err)
		}
		require.Equal(t, slices.Sorted(maps.Keys(parts)), slices.Sorted(maps.Keys(home.parts)))
		for name := range parts {
			require.Contains(t, string(text), "| `"+name+"` |")
		}
	}
}

// What the document shows as the default is the default: clocks and tasks are the same without an environment.
func TestEnvironmentHasTheDefaults(t *testing.T) {
	given := map[string]string{
		"clock": `{"ktime": 1000000000000, "boot_offset": 0, "tai_offset": 1735688637000000000, "hz": 250, "step": 0}`,
		"seed":  "1",
		"tasks": `[{"pid": 1000, "tgid": 1000, "uid": 1000, "gid": 1000, "comm": "bpfc", "cgroups": [1], "classid": 0,
			"namespace": {"dev": 4, "ino": 4026531836, "pid": 1000, "tgid": 1000}, "address": "0xffff888100000000"}]`,
	}
	names := []string{"bpf_ktime_get_ns", "bpf_ktime_get_tai_ns", "bpf_jiffies64", "bpf_get_prandom_u32", "bpf_get_current_pid_tgid",
		"bpf_get_current_uid_gid", "bpf_get_current_cgroup_id", "bpf_get_cgroup_classid", "bpf_get_current_task"}
	var results [2][]uint64
	for i, parts := range []map[string]string{given, nil} {
		home := &codegentest.Home{Parts: parts}
		im, err := base.Implement(home)
		require.NoError(t, err)
		for _, n := range names {
			results[i] = append(results[i], im.Helpers[n](home.Call(0), 0, 0, 0, 0, 0))
		}
	}
	require.Equal(t, results[0], results[1])
}
