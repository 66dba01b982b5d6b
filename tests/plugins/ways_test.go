//go:build linux && amd64

package plugins_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

// The five ways to run a helper give the same, on both back ends, in this process and in another one, where only a
// function in Go of this process is refused.
func TestFiveWays(t *testing.T) {
	o := options(t)
	p, remote := calls(t, o, "helper", "crash")
	set, err := sdk.MergeSets(fake.Ways(), remote)
	require.NoError(t, err)
	backends := isolated(t, o)
	here := map[string]sdk.Backend{"amd64 linked": builtin.AMD64(), "interp linked": builtin.Interp()}
	for name, b := range here {
		backends[name] = b
	}
	implement := func(h sdk.Home) (sdk.Implementation, error) {
		impl, err := p.HelperSet().Implement(h)
		if err == nil {
			impl.Helpers["ways/go"] = func(_ sdk.Call, x, _, _, _, _ uint64) uint64 { return x + 1 }
		}
		return impl, err
	}
	for name, b := range backends {
		for _, helper := range []string{"ways/body", "ways/native", "ways/go", "fake/call"} {
			t.Run(name+" "+helper, func(t *testing.T) {
				text := "r1 = *(u8 *)(r1 + 0)\ncall " + helper + "\nexit\n"
				if helper == "ways/go" && here[name] == nil {
					requireNoGo(t, b, set, implement, text)
					return
				}
				program := load(t, b, set, implement, "mem/1", text)
				ret, err := program.Run([]byte{41})
				require.NoError(t, err)
				require.Equal(t, uint64(42), ret)
				require.NoError(t, program.Close())
			})
		}
		t.Run(name+" expanded", func(t *testing.T) {
			program := load(t, b, set, implement, "mem", "call ways/expanded\nif r0 > 1 goto +1\nr0 = 7\nexit\n")
			ret, err := program.Run(nil)
			require.NoError(t, err)
			require.Equal(t, uint64(7), ret)
			require.NoError(t, program.Close())
		})
		t.Run(name+" body with pointers", func(t *testing.T) {
			program := load(t, b, set, implement, "mem/16", "r2 = r1\nr2 += 8\ncall ways/sum\nexit\n")
			mem := []byte{1, 2, 3, 4, 5, 6, 7, 8, 15: 0}
			ret, err := program.Run(mem)
			require.NoError(t, err)
			require.Equal(t, uint64(0x0807060504030201), ret)
			require.Equal(t, mem[:8], mem[8:])
			require.NoError(t, program.Close())
		})
	}
}

func requireNoGo(t *testing.T, b sdk.Backend, set *sdk.Set, open sdk.OpenSet, text string) {
	merged, err := sdk.MergeSets(builtin.Base(), set)
	require.NoError(t, err)
	object, err := builtin.ReadObject(t.Context(), "program.s", []byte(text), builtin.ReadOptions{})
	require.NoError(t, err)
	_, err = sdk.Load(t.Context(), object, b, sdk.Options{Set: merged, Type: "mem/1", Sets: []sdk.OpenSet{open}})
	require.ErrorAs(t, err, new(*sdk.UnsupportedError))
	require.ErrorContains(t, err, "helper ways/go is not supported: it is a Go function, and this session was given none of its name")
}
