package flowdissector

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"
)

// inKernel is the object in the machine's kernel; without one that takes it, the test is skipped.
func inKernel(t testing.TB) *ebpf.Collection {
	t.Helper()
	alive.Check(t)
	_ = rlimit.RemoveMemlock()
	spec, err := ebpf.LoadCollectionSpec("flowdissector.o")
	require.NoError(t, err)
	c, err := ebpf.NewCollection(spec)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, ebpf.ErrNotSupported) {
		t.Skip("the kernel loads no programs: ", err)
	}
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// keysSize is that of struct bpf_flow_keys.
const keysSize = 56

// kernelRun runs the dissector there: what it returns, and the keys.
func kernelRun(t testing.TB, c *ebpf.Collection, frame []byte, flags uint32) (uint32, []byte) {
	t.Helper()
	ctx := make([]byte, keysSize)
	binary.NativeEndian.PutUint32(ctx[48:], flags)
	opts := ebpf.RunOptions{Data: frame, DataOut: make([]byte, keysSize), Context: ctx}
	ret, err := c.Programs["dissect"].Run(&opts)
	require.NoError(t, err)
	return ret, opts.DataOut
}

// TestKernel: the same object finds the same keys in the kernel, byte for byte (BPF_PROG_TEST_RUN).
func TestKernel(t *testing.T) {
	k := inKernel(t)
	for name, b := range backends() {
		loaded := map[uint32]*sdk.Collection{}
		for flags := range uint32(8) {
			loaded[flags] = load(t, b, flags, nil)
		}
		same := func(frame []byte, flags uint32) {
			ret, keys := kernelRun(t, k, frame, flags)
			r, err := loaded[flags].Programs["dissect"].Exec(t.Context(), sdk.Input{Mem: frame})
			require.NoError(t, err)
			if uint64(ret) != r.Ret || string(keys) != string(r.Records[0].Data) {
				require.Equal(t, keys, r.Records[0].Data, "%s: flags %d, frame %x", name, flags, frame)
				require.EqualValues(t, ret, r.Ret, "%s: flags %d, frame %x", name, flags, frame)
			}
		}
		for _, f := range frames() {
			for n := 14; n <= min(len(f.bytes), 120); n++ {
				same(f.bytes[:n:n], f.flags)
			}
			same(f.bytes, f.flags)
		}
		drawn(same)
	}
}
