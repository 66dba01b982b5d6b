//go:build linux && amd64

package plugins_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

// calls starts the plugin with one remote helper, and returns it with what it describes.
func calls(t *testing.T, o host.Options, args ...string) (*host.Plugin, *sdk.Set) {
	ref := misbehave(args...)
	ref.Name, ref.Role = "bpfc-helpers-calls", host.HelpersRole
	p, err := host.Start(t.Context(), ref, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	set, err := p.HelperSet().Describe(t.Context())
	require.NoError(t, err)
	return p, set
}

// oneCall calls the helper with the first byte of its memory.
const oneCall = "r1 = *(u8 *)(r1 + 0)\ncall fake/call\nexit\n"

// A plugin that fails in a helper ends the run with a clear error, and loses nothing else: results stay, and the next
// run of the same program works.
func TestFailuresInHelpers(t *testing.T) {
	backends := isolated(t, options(t))
	backends["linked"] = builtin.AMD64()
	for _, c := range []struct {
		habit    string
		kind     host.Kind
		sentence string
	}{
		{"crash", host.Crash, "crashed in helper fake/call (exit status 2, SIGSEGV"},
		{"panic", host.Crash, "panicked in helper fake/call: told to panic"},
		{"hang", host.Timeout, "did not finish helper fake/call within 1s and was killed"},
		{"stop", host.Timeout, "did not finish helper fake/call within 1s and was killed"},
		{"garbage", host.Garbage, "the result 1099511627776, which is not from 0 to 1000"},
	} {
		t.Run(c.habit, func(t *testing.T) {
			o := options(t)
			o.HelperTimeout = time.Second
			p, set := calls(t, o, "helper", c.habit)
			for name, b := range backends {
				t.Run(name, func(t *testing.T) {
					bounded(t, func() { failInHelper(t, b, p, set, c.kind, c.sentence) })
				})
			}
		})
	}
}

func failInHelper(t *testing.T, b sdk.Backend, p *host.Plugin, set *sdk.Set, kind host.Kind, sentence string) {
	program := load(t, b, set, p.HelperSet().Implement, "mem/1", oneCall)
	defer program.Close()
	good := sdk.Batch{Inputs: []sdk.Input{{Mem: []byte{1}}, {Mem: []byte{2}}}}
	res, err := program.RunBatch(context.Background(), good)
	require.NoError(t, err)
	require.Equal(t, uint64(3), res.Results[1].Ret)
	res, err = program.RunBatch(context.Background(), sdk.Batch{Inputs: []sdk.Input{{Mem: []byte{5}}, {Mem: []byte{fake.Misbehave}}, {Mem: []byte{6}}}})
	var failure *host.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Kind, err.Error())
	require.Contains(t, err.Error(), "plugin bpfc-helpers-calls ")
	require.Contains(t, err.Error(), sentence)
	require.Len(t, res.Results, 1)
	require.Equal(t, uint64(6), res.Results[0].Ret)
	res, err = program.RunBatch(context.Background(), good)
	require.NoError(t, err, "the next run works")
	require.Equal(t, uint64(3), res.Results[1].Ret)
}

func TestARemoteHelperCannotEndTheProgram(t *testing.T) {
	p, set := calls(t, options(t), "helper", "end")
	program := load(t, builtin.AMD64(), set, p.HelperSet().Implement, "mem/1", oneCall)
	defer program.Close()
	_, err := program.Run([]byte{fake.Misbehave})
	require.ErrorContains(t, err, "helper fake/call: a remote helper cannot end the program")
}

func TestManyCallsAtOnce(t *testing.T) {
	o := options(t)
	p, set := calls(t, o, "helper", "crash")
	backends := isolated(t, o)
	backends["linked"] = builtin.AMD64()
	for name, b := range backends {
		t.Run(name, func(t *testing.T) {
			program := load(t, b, set, p.HelperSet().Implement, "mem/1", oneCall)
			defer program.Close()
			errs := make(chan error)
			for i := range 8 {
				go func() {
					for range 50 {
						if ret, err := program.Run([]byte{byte(i)}); err != nil || ret != uint64(i)+1 {
							t.Errorf("fake/call(%d) = %d, %v", i, ret, err)
						}
					}
					errs <- nil
				}()
			}
			for range 8 {
				<-errs
			}
		})
	}
}

// A session that is not given the plugin refuses the program when it is loaded.
func TestRemoteHelperWithoutItsPlugin(t *testing.T) {
	_, set := calls(t, options(t), "helper", "crash")
	merged, err := sdk.MergeSets(builtin.Base(), set)
	require.NoError(t, err)
	object, err := builtin.ReadObject(t.Context(), "program.s", []byte(oneCall), builtin.ReadOptions{})
	require.NoError(t, err)
	_, err = sdk.Load(t.Context(), object, builtin.Interp(), sdk.Options{Set: merged, Type: "mem/1"})
	require.ErrorAs(t, err, new(*sdk.UnsupportedError))
	require.ErrorContains(t, err, "it runs in its plugin's process, and this session was not given the plugin")
}

func TestNonsenseIsRefusedAtDescribe(t *testing.T) {
	for mode, reason := range map[string]string{
		"field":   "program type t: fields start and number share bytes and say different things of them",
		"kind":    "helper fake/call: argument 1 has kind 200, which has no meaning",
		"number":  "helper number 4199415809 is declared twice by calls",
		"name":    "helper fake/call is declared twice by calls",
		"body":    "helper fake/call: its body does not verify: ",
		"bytes":   "helper fake/call: its body does not verify: ",
		"effects": "it is remote, and its result is not a number",
		"flags":   "it is remote, and has effects on the run",
		"machine": `its machine code is for "vax", this machine is`,
	} {
		t.Run(mode, func(t *testing.T) {
			ref := misbehave("nonsense", mode)
			ref.Name, ref.Role = "bpfc-helpers-calls", host.HelpersRole
			sum, err := ref.Checksum()
			require.NoError(t, err)
			ref.SHA256 = sum
			p, err := host.Start(t.Context(), ref, options(t))
			require.NoError(t, err)
			defer p.Close()
			_, err = p.HelperSet().Describe(t.Context())
			require.ErrorContains(t, err, "bpfc-helpers-calls describes what has no meaning: ")
			require.ErrorContains(t, err, reason)
		})
	}
	require.Len(t, fake.Nonsense, 9)
}

func TestADescriptionThatChangesIsRefused(t *testing.T) {
	p, _ := calls(t, options(t), "fickle")
	_, err := p.HelperSet().Describe(t.Context())
	requireFailure(t, err, host.Garbage, "describes its set in another way than before")
}
