package cbpftest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/tests/kernel/alive"
)

// device is a packet socket on the loopback device: what is sent comes back through the filter, with all that Linux knows of
// a packet of a device.
type device struct {
	*sockets
	to unix.SockaddrLinklayer
}

// The frames of this test have this destination, and are looked at when they come in, not when they go out.
var magic = []byte{2, 0xbf, 0xc0, 0x5e, 0xed, 1}

const (
	pktOtherHost = 3   // PACKET_OTHERHOST, of a frame that is for none of this machine's addresses
	arphrdLo     = 772 // ARPHRD_LOOPBACK
	mark         = 0x12345678
)

func newDevice(t testing.TB) *device {
	alive.Check(t)
	lo, err := net.InterfaceByName("lo")
	if err != nil || lo.Flags&net.FlagUp == 0 {
		t.Skip("no loopback device")
	}
	all := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}))
	open := func() int {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Skipf("no packet sockets: %v", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	d := &device{&sockets{open(), open(), make([]byte, 1<<16)}, unix.SockaddrLinklayer{Ifindex: lo.Index}}
	require.NoError(t, unix.SetsockoptInt(d.in, unix.SOL_SOCKET, unix.SO_MARK, mark))
	require.NoError(t, d.attach([]cbpf.Insn{{Code: 0x06}}))
	require.NoError(t, unix.Bind(d.out, &unix.SockaddrLinklayer{Ifindex: lo.Index, Protocol: uint16(all)}))
	return d
}

// mine lets the frames of this test through, and ends with all others.
func mine(t testing.TB) []cbpf.Insn {
	f, err := cbpf.Parse("mine", []byte(`ld #type jeq #4, no ldh [0] jne #0x2bf, no ld [2] jeq #0xc05eed01, yes no: ret #0 yes: ld #0 ldx #0 ret #0`), cbpf.Asm)
	require.NoError(t, err)
	return f.Insns[:len(f.Insns)-1]
}

// compare sends a frame and compares what comes back.
func (d *device) compare(t testing.TB, insns []cbpf.Insn, p cbpftest.Packet, sent []byte) (arrived bool) {
	require.NoError(t, unix.Sendto(d.in, sent, 0, &d.to))
	want, ok := cbpftest.Run(insns, cbpf.Linux, &p, len(insns))
	require.True(t, ok)
	n, err := 0, error(nil)
	for range 100 { // it comes by way of a softirq
		if n, _, err = unix.Recvfrom(d.out, d.buf, 0); !errors.Is(err, unix.EAGAIN) || want == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if errors.Is(err, unix.EAGAIN) {
		n = 0
	} else {
		require.NoError(t, err)
	}
	if n != int(min(want, uint32(len(p.Bytes)))) {
		t.Fatalf("%d bytes arrive, by the reference %d, of %x\n%s", n, want, sent, cbpf.Print(insns))
	}
	return n > 0
}

// tcp is a frame with a packet of TCP, with a VLAN tag or without.
func tcp(tag []byte) []byte {
	b := append(append(bytes.Clone(magic), 2, 0, 0, 0, 0, 2), tag...)
	b = append(b, 8, 0, 0x46, 0, 0, 84, 0, 1, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2, 1, 1, 1, 0)
	b = append(b, 0, 80, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xb4)
	return append(b, bytes.Repeat([]byte("data"), 20)...)
}

// What Linux knows of a packet of a device: random filters, and each ancillary load alone. A VLAN tag is taken out of the packet.
func TestKernelDevice(t *testing.T) {
	d := newDevice(t)
	info := cbpftest.Info{Device: true, Net: 14, Link: 0}
	info.Values[cbpf.AncProtocol/4] = 0x800
	info.Values[cbpf.AncPktType/4] = pktOtherHost
	info.Values[cbpf.AncIfindex/4] = uint32(d.to.Ifindex)
	info.Values[cbpf.AncMark/4] = mark
	info.Values[cbpf.AncHatype/4] = arphrdLo
	info.Values[cbpf.AncPayOffset/4] = 14 + 24 + 24
	plain := cbpftest.Packet{Bytes: tcp(nil), Wire: uint32(len(tcp(nil))), Info: info}
	tagged := plain
	tagged.Info.Values[cbpf.AncVlanTag/4] = 0x6123
	tagged.Info.Values[cbpf.AncVlanPresent/4] = 1
	tagged.Info.Values[cbpf.AncVlanTpid/4] = 0x8100
	tag := []byte{0x81, 0, 0x61, 0x23}

	run := func(insns []cbpf.Insn) (arrived bool) {
		insns = append(mine(t), cbpftest.Visible(insns)...)
		require.NoError(t, d.attach(insns))
		one := d.compare(t, insns, plain, tcp(nil))
		return d.compare(t, insns, tagged, tcp(tag)) || one
	}
	for anc := cbpf.AncProtocol; anc <= cbpf.AncVlanTpid; anc += 4 {
		if anc == cbpf.AncCPU || anc == cbpf.AncRandom {
			continue
		}
		for _, code := range []uint16{0x20, 0x28, 0x30} {
			require.True(t, run([]cbpf.Insn{{Code: code, K: cbpf.AncBase + uint32(anc)}, {Code: 0x16}}), "%d", anc)
		}
	}
	for _, k := range []uint32{cbpf.NetBase, cbpf.NetBase + 90, cbpf.LinkBase, cbpf.LinkBase + 13, cbpf.NetBase + 1000, cbpf.LinkBase + 1000, 1 << 31, 0xffffffe0} {
		if k < cbpf.AncBase {
			run([]cbpf.Insn{{Code: 0x30, K: k}, {Code: 0x16}})
		}
		run([]cbpf.Insn{{Code: 0x01, K: k}, {Code: 0x50, K: 2}, {Code: 0x16}})
		run([]cbpf.Insn{{Code: 0xb1, K: k}, {Code: 0x87}, {Code: 0x16}})
	}
	r := rand.New(rand.NewPCG(31, 32))
	arrived := 0
	for range many(100, 5000) {
		if run(cbpftest.Program(r, cbpf.Linux, 1+r.IntN(60))) {
			arrived++
		}
	}
	require.Positive(t, arrived)
}
