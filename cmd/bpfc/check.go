package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/trial"
	"github.com/spf13/cobra"
)

func (a *app) pluginCheckCommand() *cobra.Command {
	var rounds int
	c := &cobra.Command{
		Use:   "check PATH",
		Short: "Start a plugin and try out what it does",
		Long: "Start a plugin, check what it says of itself, and try it out: each helper of a set is called with\narguments drawn at random of those that its prototype allows. " +
			"A back end is asked for its target; sdktest.TestBackend tests one.",
		Args: exactly(1, "the path or name of a plugin"),
		RunE: func(c *cobra.Command, args []string) error {
			if rounds < 1 {
				return usage("--rounds is %d: it is at least 1", rounds)
			}
			return a.checkPlugin(c.Context(), args[0], rounds)
		},
	}
	c.Flags().IntVar(&rounds, "rounds", 64, "calls of each helper, a `NUMBER`")
	return c
}

func (a *app) checkPlugin(ctx context.Context, name string, rounds int) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	ref, err := a.anyPinned(name)
	if err != nil {
		return err
	}
	begin := time.Now()
	p, err := host.Start(ctx, ref, a.hostOptions())
	if err != nil {
		return err
	}
	defer p.Close()
	a.checked("handshake", "%s, in %d ms", p.Role(), time.Since(begin).Milliseconds())
	h := p.HelperSet()
	if h == nil {
		t := p.Backend().Target()
		a.checked("target", "%s %s for %s", t.Name, t.Version, orAny(t.Arch))
		return nil
	}
	set, err := h.Describe(ctx)
	if err != nil {
		return err
	}
	a.checked("description", "set %s: %d program types, %d helpers", set.Name, len(set.Types), len(set.Helpers))
	return a.checkHelpers(ctx, set, h.Implement, rounds)
}

func (a *app) checked(what, format string, args ...any) {
	fmt.Fprintf(a.out, "ok    %s: %s\n", what, fmt.Sprintf(format, args...))
}

// checkHelpers calls the helpers from programs on the interpreter, in this process.
func (a *app) checkHelpers(ctx context.Context, set *abi.Set, implement codegen.Open, rounds int) error {
	results, err := trial.Calls(ctx, set, nil, builtin.Interp(), []codegen.Open{implement}, rounds, 1)
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range results {
		switch {
		case r.Err != nil:
			fmt.Fprintf(a.out, "FAIL  %s: after %d calls: %v\n", r.Helper, r.Calls, r.Err)
			failed = append(failed, r.Err)
		case r.Skipped != "":
			fmt.Fprintf(a.out, "skip  %s: %s\n", r.Helper, r.Skipped)
		default:
			a.checked(r.Helper, "%d calls", r.Calls)
		}
	}
	if len(failed) > 0 {
		return fail(exitRejected, "%d of %d helpers of set %s failed", len(failed), len(results), set.Name)
	}
	return nil
}
