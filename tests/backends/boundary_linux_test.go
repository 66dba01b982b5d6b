package backends

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// halves is an XDP program that does what clang may do with fields of 32 bits: it looks at the lower halves of data and data_end
// only, for zero and for their order, and returns XDP_PASS if both are as in a kernel. It changes the second byte of the packet.
const halves = `.program halves, section="xdp"
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r4 = r2
r4 += 2
if r4 > r3 goto wrong
*(u8 *)(r2 + 1) = 7
w4 = w2
w5 = w3
if w4 == 0 goto wrong
r4 += %d
if r4 != r5 goto wrong
r0 = 2
exit
wrong: r0 = 1
exit
`

// across is memory around a multiple of 4 GiB, and where that is in it.
func across(t *testing.T, n int) (mem []byte, at int) {
	t.Helper()
	for multiple := uintptr(0x7e) << 40; multiple > 0x7d<<40; multiple -= 1 << 32 {
		p, err := unix.MmapPtr(-1, 0, unsafe.Add(nil, int(multiple)-n), uintptr(2*n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
		if err == nil {
			t.Cleanup(func() { require.NoError(t, unix.MunmapPtr(p, uintptr(2*n))) })
			return unsafe.Slice((*byte)(p), 2*n), n
		}
	}
	t.Skip("no memory around a multiple of 4 GiB is free")
	return nil, 0
}

// A program that clang has compiled sees packets that have one upper half of all their addresses, wherever the input is.
func TestPacketsAcrossFourGiB(t *testing.T) {
	for _, n := range []int{64, 400 << 10} { // what fits into a worker's frame, and what does not
		mem, at := across(t, 1<<20)
		places := []int{at - n - 1, at - n, at - n + 1, at - n/2, at - 1, at, at + 1}
		for _, name := range builtin.Backends() {
			if !runsHere(name) {
				continue
			}
			b, _ := builtin.Backend(name)
			o, err := builtin.ReadObject(t.Context(), "halves.s", fmt.Appendf(nil, halves, n), builtin.ReadOptions{})
			require.NoError(t, err)
			p, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: builtin.Linux()})
			require.NoError(t, err)
			w, err := p.Worker(t.Context())
			require.NoError(t, err)
			for _, from := range places {
				packet := mem[from : from+n]
				clear(packet)
				out, err := p.RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: packet}}})
				require.NoError(t, err)
				require.Equal(t, uint64(2), out.Results[0].Ret, "%s, batch, at %d", name, from-at)
				require.Equal(t, byte(7), out.Results[0].Mem[1])

				clear(packet)
				ret, err := w.RunContext(nil, packet)
				require.NoError(t, err)
				require.Equal(t, uint64(2), ret, "%s, worker, at %d", name, from-at)
				require.Equal(t, byte(7), packet[1], "%s: it is changed in place", name)

				clear(packet)
				other := make([]byte, n)
				rets := make([]uint64, 5)
				_, err = w.RunEach([][]byte{other, other, packet, other, packet}, rets)
				require.NoError(t, err)
				require.Equal(t, []uint64{2, 2, 2, 2, 2}, rets, "%s, each, at %d", name, from-at)
				require.Equal(t, byte(7), packet[1])
			}
			w.Release()
			require.NoError(t, p.Close())
		}
	}
}
