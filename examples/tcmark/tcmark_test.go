// Package tcmark tests a program for tc as an ordinary user, without a kernel: go test ./examples/tcmark
package tcmark

import (
	"encoding/binary"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// Results of programs for tc.
const (
	actOK       = 0
	actRedirect = 7
)

// class is struct class of tcmark.c, with its padding.
type class struct {
	Mark, Priority uint32
	VLAN           uint16
	DSCP, Unused   uint8
	Ifindex        uint32
}

const udp = 17

// load verifies the program, under the rules of a kernel, compiles it and loads it.
func load(t *testing.T) *sdk.Collection {
	t.Helper()
	object, err := builtin.ReadFile(t.Context(), "tcmark.o", builtin.ReadOptions{})
	require.NoError(t, err)
	c, err := sdk.LoadCollection(t.Context(), object, builtin.Interp(), sdk.Options{Set: builtin.Linux()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// packet is an Ethernet frame with a UDP packet whose tos is given, and the right checksum.
func packet(tos byte) []byte {
	b := make([]byte, 60)
	copy(b[12:], []byte{0x08, 0x00, 0x45, tos, 0, 28, 0, 1, 0, 0, 64, udp, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0xc0, 0, 0, 53, 0, 8})
	binary.BigEndian.PutUint16(b[24:], checksum(b[14:34]))
	return b
}

// checksum is that of an IPv4 header, 0 if the header has the right one.
func checksum(header []byte) uint16 {
	sum := uint32(0)
	for ; len(header) > 1; header = header[2:] {
		sum += uint32(binary.BigEndian.Uint16(header))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// exec runs the program and gives its result, and the fields of struct __sk_buff afterwards.
func exec(t *testing.T, c *sdk.Collection, packet []byte, fields map[string]any) (sdk.Result, map[string]any) {
	t.Helper()
	p := c.Programs["tcmark"]
	ctx, err := p.Context(fields)
	require.NoError(t, err)
	r, err := p.Exec(t.Context(), sdk.Input{Mem: packet, Ctx: ctx})
	require.NoError(t, err)
	after, err := p.Fields(r.Ctx)
	require.NoError(t, err)
	return r, after
}

// trace is what a run has written with bpf_printk.
func trace(r sdk.Result) (text string) {
	for _, record := range r.Records {
		if record.Helper == "bpf_trace_printk" {
			text += string(record.Data)
		}
	}
	return text
}

func TestAPacketIsMarked(t *testing.T) {
	c := load(t)
	require.NoError(t, c.Maps["classes"].Put(uint8(udp), class{Mark: 0x2a, Priority: 6}))
	r, after := exec(t, c, packet(0), map[string]any{"priority": 1, "ifindex": 3})
	require.Equal(t, uint64(actOK), r.Ret)
	require.Equal(t, packet(0), r.Mem)
	require.Equal(t, uint64(0x2a), after["mark"])
	require.Equal(t, uint64(6), after["priority"])
	require.Equal(t, uint64(3), after["ifindex"])
	require.Empty(t, r.Records)
}

// The six bits of the class are replaced; the two others stay, and the checksum is right again.
func TestTheDSCPIsSet(t *testing.T) {
	c := load(t)
	require.NoError(t, c.Maps["classes"].Put(uint8(udp), class{DSCP: 46}))
	for _, tos := range []byte{0, 1, 0xff, 46 << 2} {
		r, after := exec(t, c, packet(tos), map[string]any{"priority": 1})
		require.Equal(t, uint64(actOK), r.Ret)
		require.Equal(t, packet(46<<2|tos&3), r.Mem)
		require.Zero(t, checksum(r.Mem[14:34]))
		require.Equal(t, uint64(1), after["priority"], "a class without a priority leaves it")
	}
}

// The first tag lies beside the packet, as a device takes it; of a second push it is part of the packet.
func TestAVLANIsPushed(t *testing.T) {
	c := load(t)
	require.NoError(t, c.Maps["classes"].Put(uint8(udp), class{VLAN: 100}))
	r, after := exec(t, c, packet(0), nil)
	require.Equal(t, uint64(actOK), r.Ret)
	require.Equal(t, packet(0), r.Mem)
	require.Equal(t, uint64(1), after["vlan_present"])
	require.Equal(t, uint64(100), after["vlan_tci"])
	require.Equal(t, uint64(0x0081), after["vlan_proto"], "0x8100 in the order of the network")
}

func TestAPacketIsRedirected(t *testing.T) {
	c := load(t)
	require.NoError(t, c.Maps["classes"].Put(uint8(udp), class{Mark: 1, Ifindex: 5}))
	r, _ := exec(t, c, packet(0), nil)
	require.Equal(t, uint64(actRedirect), r.Ret)
	require.Len(t, r.Records, 1)
	require.Equal(t, "bpf_redirect", r.Records[0].Helper)
	require.Equal(t, uint64(5), r.Records[0].Args[0])
}

// Packets that are none of the program's stay as they are. The one of no class is counted, and is a line of the trace.
func TestOtherPackets(t *testing.T) {
	c := load(t)
	v6 := packet(0)
	v6[12], v6[13] = 0x86, 0xdd
	for name, p := range map[string][]byte{"of no class": packet(0), "no IPv4": v6, "too short": packet(0)[:30]} {
		r, after := exec(t, c, p, map[string]any{"mark": 9})
		require.Equal(t, uint64(actOK), r.Ret, name)
		require.Equal(t, p, r.Mem, name)
		require.Equal(t, uint64(9), after["mark"], name)
		require.Equal(t, map[string]string{"of no class": "no class for protocol 17"}[name], trace(r), name)
	}
	var unknown uint64
	require.NoError(t, c.Variables["unknown"].Get(&unknown))
	require.Equal(t, uint64(1), unknown)
}
