package sdk_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// marker marks a packet, takes a number from the context's buffer, writes to the packet, and sends it elsewhere.
const marker = `
.program mark, section="tc"
	r6 = r1
	r2 = *(u32 *)(r1 + 76)
	r3 = *(u32 *)(r1 + 80)
	r4 = r2
	r4 += 14
	if r4 > r3 goto out
	*(u8 *)(r2 + 0) = 0xee
	r0 = *(u32 *)(r1 + 52)
	r0 += 1
	*(u32 *)(r1 + 8) = r0
	r1 = 7
	r2 = 0
	call bpf_redirect
	exit
out:	r0 = 2
	exit
.program mem, section="mem/8"
	*(u8 *)(r1 + 1) = 9
	r0 = 1
	exit
`

func readMarker(t *testing.T) *sdk.Object {
	o, err := builtin.ReadObject(t.Context(), "marker.s", []byte(marker), builtin.ReadOptions{})
	require.NoError(t, err)
	return o
}

func TestExec(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		c, err := sdk.LoadCollection(t.Context(), readMarker(t), b, sdk.Options{Set: builtin.Linux()})
		require.NoError(t, err)
		defer c.Close()
		p, packet := c.Programs["mark"], make([]byte, 60)
		ctx, err := p.Context(map[string]any{"cb": []uint32{1, 41}, "priority": 3})
		require.NoError(t, err)
		r, err := p.Exec(t.Context(), sdk.Input{Mem: packet, Ctx: ctx})
		require.NoError(t, err)
		require.Equal(t, uint64(7), r.Ret)
		require.Equal(t, append([]byte{0xee}, make([]byte, 59)...), r.Mem)
		require.Zero(t, packet[0], "the input stays as it is")
		after, err := p.Fields(r.Ctx)
		require.NoError(t, err)
		require.Equal(t, uint64(42), after["mark"])
		require.Equal(t, uint64(3), after["priority"])
		require.Equal(t, []uint64{1, 41, 0, 0, 0}, after["cb"])
		require.NotContains(t, after, "data", "a pointer")
		require.Len(t, r.Records, 1)
		require.Equal(t, "bpf_redirect", r.Records[0].Helper)
		require.Equal(t, uint64(7), r.Records[0].Args[0])

		_, err = p.Exec(t.Context(), sdk.Input{Mem: packet[:5]})
		require.ErrorContains(t, err, "14 bytes")
		_, err = p.Context(map[string]any{"marc": 1})
		require.ErrorContains(t, err, `no field "marc"`)
		_, err = c.Programs["mem"].Context(nil)
		require.ErrorContains(t, err, "no described context")
		_, err = c.Programs["mem"].Fields(nil)
		require.ErrorContains(t, err, "no described context")
	})
}

// A fault comes with the result so far, and the input stays as it is.
func TestExecFaults(t *testing.T) {
	eachBackend(t, func(t *testing.T, b sdk.Backend) {
		p, err := sdk.Load(t.Context(), read(t, "*(u8 *)(r1 + 0) = 9\nr0 = *(u8 *)(r1 + 100)\nexit"), b, options)
		require.NoError(t, err)
		defer p.Close()
		mem := []byte{1, 2}
		r, err := p.Exec(t.Context(), sdk.Input{Mem: mem})
		var fault *sdk.Fault
		require.ErrorAs(t, err, &fault)
		require.Equal(t, fault, r.Fault)
		require.Equal(t, []byte{9, 2}, r.Mem)
		require.Equal(t, []byte{1, 2}, mem)
		ret, err := p.Run(mem)
		require.ErrorAs(t, err, &fault)
		require.Zero(t, ret)
		require.Equal(t, []byte{9, 2}, mem, "Run works in place")
	})
}

// Programs in a session of the caller's do not know the set.
func TestContextsOfProgramsWithoutASet(t *testing.T) {
	set, b := builtin.Linux(), builtin.Interp()
	a, err := sdk.Compile(t.Context(), readMarker(t), b, sdk.Options{Set: set})
	require.NoError(t, err)
	s, err := b.(sdk.Runner).Open(t.Context(), sdk.Spec{Set: set})
	require.NoError(t, err)
	defer s.Close()
	programs, err := sdk.LoadInto(t.Context(), s, a)
	require.NoError(t, err)
	_, err = programs[0].Context(nil)
	require.ErrorContains(t, err, "whose set is not known")
	typ, ok := set.Type(programs[0].Info().Type)
	require.True(t, ok)
	ctx, err := typ.Context.Pack(map[string]any{"cb": []int{0, 4}})
	require.NoError(t, err)
	r, err := programs[0].Exec(t.Context(), sdk.Input{Mem: make([]byte, 60), Ctx: ctx})
	require.NoError(t, err)
	require.Equal(t, uint64(5), typ.Context.Unpack(r.Ctx)["mark"])
}

func TestCoverage(t *testing.T) {
	for _, b := range []sdk.Backend{builtin.Interp(), remoteRunner{builtin.Interp()}} {
		o, err := builtin.ReadFile(t.Context(), "../examples/fnv/fnv.o", builtin.ReadOptions{})
		require.NoError(t, err)
		var counted sdk.Coverage
		p, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: builtin.Base(), Cover: &counted})
		require.NoError(t, err)
		defer p.Close()
		ret, err := p.Run([]byte("hello"))
		require.NoError(t, err)
		require.Equal(t, uint64(0xa430d84680aabd0b), ret)
		_, err = p.Exec(t.Context(), sdk.Input{Mem: []byte("ab")})
		require.NoError(t, err)
		most := uint64(0)
		for _, l := range counted.Lines() {
			most = max(most, l.Count)
		}
		require.Equal(t, uint64(7), most, "the loop's body, in both runs")
		require.Contains(t, string(counted.Format("examples/fnv")), "\n./examples/fnv/fnv.c:")
	}
}

func TestCoverageNeedsATrace(t *testing.T) {
	if _, ok := builtin.AMD64().(sdk.Runner); !ok || sdk.HostCPU() == "" {
		t.Skip("needs a machine that runs amd64 code")
	}
	p, err := sdk.Load(t.Context(), read(t, "r0 = 1\nexit"), builtin.AMD64(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem", Cover: &sdk.Coverage{}})
	require.NoError(t, err)
	defer p.Close()
	_, err = p.Run(nil)
	var unsupported *sdk.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.ErrorContains(t, err, "interpreter")
}

// TestExecsShareNothing: results are the caller's to keep.
func TestExecsShareNothing(t *testing.T) {
	c, err := sdk.LoadCollection(t.Context(), readMarker(t), builtin.Interp(), sdk.Options{Set: builtin.Linux(), CPUs: 1})
	require.NoError(t, err)
	defer c.Close()
	first, err := c.Programs["mark"].Exec(t.Context(), sdk.Input{Mem: make([]byte, 60)})
	require.NoError(t, err)
	kept := [][]byte{bytes.Clone(first.Mem), bytes.Clone(first.Ctx)}
	_, err = c.Programs["mark"].Exec(t.Context(), sdk.Input{Mem: bytes.Repeat([]byte{7}, 60)})
	require.NoError(t, err)
	require.Equal(t, kept, [][]byte{first.Mem, first.Ctx})
}
