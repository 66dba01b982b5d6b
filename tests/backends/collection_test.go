package backends

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
)

// A collection in a process of its own is used like one in this process.
func TestCollectionsInAnotherProcess(t *testing.T) {
	path := command.Build(t)
	for _, name := range builtin.Backends() {
		if !runsHere(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p, err := host.Start(t.Context(), command.Backend(path, name), host.Options{})
			require.NoError(t, err)
			defer p.Close()
			t.Run("firewall", func(t *testing.T) { firewall(t, p.Backend()) })
			t.Run("tcmark", func(t *testing.T) { tcmark(t, p.Backend()) })
			t.Run("errors", func(t *testing.T) { failures(t, p) })
		})
	}
}

func example(t *testing.T, name string, b sdk.Backend, opts sdk.Options) *sdk.Collection {
	t.Helper()
	o, err := builtin.ReadFile(t.Context(), "../../examples/"+name+"/"+name+".o", builtin.ReadOptions{})
	require.NoError(t, err)
	opts.Set, opts.CPUs = builtin.Linux(), 2
	c, err := sdk.LoadCollection(t.Context(), o, b, opts)
	require.NoError(t, err)
	return c
}

// packet is a frame from 10.0.0.1 to a UDP port.
func packet(port byte) []byte {
	b := make([]byte, 60)
	copy(b[12:], []byte{8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0xc0, 0, 0, port, 0, 8})
	return b
}

func firewall(t *testing.T, b sdk.Backend) {
	c := example(t, "firewall", b, sdk.Options{})
	defer c.Close()
	require.NoError(t, c.Maps["closed"].Put(uint32(53), uint32(1)))
	for port, want := range map[byte]uint64{53: 1, 54: 2} {
		r, err := c.Programs["firewall"].Exec(t.Context(), sdk.Input{Mem: packet(port)})
		require.NoError(t, err)
		require.Equal(t, want, r.Ret)
	}
	var counters [][2]uint64
	require.NoError(t, c.Maps["counters"].Lookup(uint32(2), &counters))
	require.Len(t, counters, 2)
	require.Equal(t, [2]uint64{1, 60}, [2]uint64{counters[0][0] + counters[1][0], counters[0][1] + counters[1][1]})
	records, err := c.Maps["events"].Records()
	require.NoError(t, err)
	require.Equal(t, [][]byte{{10, 0, 0, 1, 53, 0, 2, 0}}, records)
	require.ErrorIs(t, c.Maps["denied"].Delete([]byte{32, 0, 0, 0, 1, 2, 3, 4}), sdk.ErrKeyNotExist)
	require.ErrorIs(t, c.Variables["quiet"].Set(uint32(1)), sdk.ErrReadOnly)
	require.NoError(t, c.Variables["lost"].Set(uint64(5)))
	var lost uint64
	require.NoError(t, c.Variables["lost"].Get(&lost))
	require.Equal(t, uint64(5), lost)
}

func tcmark(t *testing.T, b sdk.Backend) {
	var covered sdk.Coverage
	opts := sdk.Options{}
	if b.Target().Name == "interp" {
		opts.Cover = &covered
	}
	c := example(t, "tcmark", b, opts)
	defer c.Close()
	require.NoError(t, c.Maps["classes"].Put(uint8(17), [16]byte{0: 42, 4: 6, 10: 46, 12: 5}))
	p := c.Programs["tcmark"]
	ctx, err := p.Context(map[string]any{"ifindex": 3})
	require.NoError(t, err)
	r, err := p.Exec(t.Context(), sdk.Input{Mem: packet(53), Ctx: ctx})
	require.NoError(t, err)
	require.Equal(t, uint64(7), r.Ret)
	require.Equal(t, byte(46<<2), r.Mem[15])
	fields, err := p.Fields(r.Ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(42), fields["mark"])
	require.Equal(t, "bpf_redirect", r.Records[0].Helper)
	require.Equal(t, uint64(5), r.Records[0].Args[0])
	require.Equal(t, opts.Cover != nil, len(covered.Lines()) > 0)
}

// What a process cannot do, and what it refuses, are errors of their own kinds.
func failures(t *testing.T, p *host.Plugin) {
	o, err := builtin.ReadObject(t.Context(), "bad.s", []byte("r0 = *(u8 *)(r1 + 0)\nexit"), builtin.ReadOptions{})
	require.NoError(t, err)
	_, err = sdk.LoadCollection(t.Context(), o, p.Backend(), sdk.Options{Set: builtin.Linux(), Type: "mem"})
	refused, ok := errors.AsType[*sdk.VerifyError](err)
	require.True(t, ok, "%v", err)
	require.NotEmpty(t, refused.Code)

	guarded, err := sdk.LoadCollection(t.Context(), o, p.Backend(), sdk.Options{Set: builtin.Linux(), Type: "mem", Policy: sdk.Guard})
	require.NoError(t, err)
	for _, program := range guarded.Programs {
		_, err = program.Exec(t.Context(), sdk.Input{})
		_, ok = errors.AsType[*sdk.Fault](err)
		require.True(t, ok, "%v", err)
	}
	endless(t, p)
}

// endless runs a program that does not end, without a limit but the plugin's time for a call.
func endless(t *testing.T, p *host.Plugin) {
	o, err := builtin.ReadObject(t.Context(), "endless.s", []byte("again: goto again"), builtin.ReadOptions{})
	require.NoError(t, err)
	hasty, err := host.Start(t.Context(), p.Ref(), host.Options{Timeout: 5 * time.Second})
	require.NoError(t, err)
	defer hasty.Close()
	c, err := sdk.LoadCollection(t.Context(), o, hasty.Backend(), sdk.Options{Set: builtin.Linux(), Type: "mem", Policy: sdk.Guard})
	require.NoError(t, err)
	for _, program := range c.Programs {
		_, err = program.RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{}}, Fuel: -1})
	}
	failed, ok := errors.AsType[*host.Error](err)
	require.True(t, ok, "%T %v", err, err)
	require.Equal(t, host.Timeout, failed.Kind)
}
