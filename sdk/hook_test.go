package sdk_test

import (
	"sync"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

func TestFire(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 2)
		typ, ok := builtin.Linux().Type("mem/8")
		require.True(t, ok)
		h, mem := sdk.NewHook(typ, nil), []byte{1, 0, 0, 0, 0, 0, 0, 0}
		fire := func(h *sdk.Hook, ret uint64, ran string) {
			t.Helper()
			got, err := h.Fire(sdk.Input{Mem: mem})
			require.NoError(t, err)
			require.Equal(t, ret, got)
			require.Equal(t, ran, notes(t, c))
		}
		fire(h, 0, "")
		main, same, shorter := c.Programs["main"], c.Programs["same"], c.Programs["shorter"]
		require.NoError(t, h.Attach(main, 5))
		require.NoError(t, h.Attach(shorter, 5))
		require.NoError(t, h.Attach(same, -1))
		require.ErrorContains(t, h.Attach(same, 3), "already")
		require.ErrorContains(t, h.Attach(c.Programs["longer"], 3), "of type mem/16")
		require.ErrorContains(t, h.Attach(c.Programs["drop"], 3), "of type xdp")
		fire(h, 0, "sm4")
		require.Equal(t, byte(11), mem[0], "in place")
		first := sdk.NewHook(typ, sdk.StopUnless(77))
		require.NoError(t, first.Attach(main, 1))
		require.NoError(t, first.Attach(shorter, 2))
		require.NoError(t, first.Attach(same, 0))
		fire(first, 22, "sm")
		require.NoError(t, h.Attach(c.Programs["breaks"], 0))
		got, err := h.Fire(sdk.Input{Mem: mem})
		var fault *sdk.Fault
		require.ErrorAs(t, err, &fault)
		require.Zero(t, got)
		require.Equal(t, "sm4", notes(t, c), "the others run")
		require.NoError(t, h.Detach(c.Programs["breaks"]))
		require.Error(t, h.Detach(c.Programs["breaks"]))
		require.NoError(t, shorter.Close())
		fire(h, 42, "sm")

		tc, _ := builtin.Linux().Type("sched_cls")
		h = sdk.NewHook(tc, nil)
		require.NoError(t, h.Attach(c.Programs["classify"], 0))
		ctx, err := h.Context(map[string]any{"mark": 6})
		require.NoError(t, err)
		got, err = h.Fire(sdk.Input{Mem: make([]byte, 60), Ctx: ctx})
		require.NoError(t, err)
		require.Equal(t, uint64(6), got)
	})
}

// Programs come and go while the hook fires.
func TestFireWhileProgramsChange(t *testing.T) {
	inThisProcess(t, func(t *testing.T, b sdk.Backend) {
		c := hookedPrograms(t, b, 4)
		typ, _ := builtin.Linux().Type("mem/8")
		h := sdk.NewHook(typ, func(sofar, ret uint64) (uint64, bool) { return sofar + ret, true })
		require.NoError(t, h.Attach(c.Programs["leaf"], 0))
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				mem := make([]byte, 8)
				for range 300 {
					if ret, err := h.Fire(sdk.Input{Mem: mem}); err != nil || ret != 1 && ret != 2 {
						t.Error(ret, err)
					}
				}
			})
		}
		for range 100 {
			require.NoError(t, h.Attach(c.Programs["main"], 1))
			require.NoError(t, h.Detach(c.Programs["main"]))
		}
		g.Wait()
	})
}
