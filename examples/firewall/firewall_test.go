// Package firewall tests an XDP program as an ordinary user, without a kernel: go test ./examples/firewall
package firewall

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// Results of XDP programs.
const (
	drop = 1
	pass = 2
)

// The types of firewall.c, field by field.
type (
	network struct {
		Bits uint32
		Addr [4]byte // in the order of the network
	}
	counter struct{ Packets, Bytes uint64 }
	event   struct {
		Src          [4]byte
		Port, Reason uint16
	}
)

// Indexes of the counters: enum reason.
const (
	passed = iota
	denied
	closed
	broken
)

// coverage counts the lines of firewall.c that the tests run: see TestMain.
var coverage sdk.Coverage

// load verifies the program, under the rules of a kernel, and loads it. change sees the object before.
func load(t *testing.T, change func(*sdk.Object)) *sdk.Collection {
	t.Helper()
	object, err := builtin.ReadFile(t.Context(), "firewall.o", builtin.ReadOptions{})
	require.NoError(t, err)
	change(object)
	c, err := sdk.LoadCollection(t.Context(), object, builtin.Interp(), sdk.Options{Set: builtin.Linux(), Cover: &coverage})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func unchanged(*sdk.Object) {}

// frame is an Ethernet frame with an IPv4 packet of a protocol and its payload.
func frame(src string, protocol byte, payload ...byte) []byte {
	b := make([]byte, 14, 64)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	b = append(b, 0x45, 0, 0, byte(20+len(payload)), 0, 1, 0, 0, 64, protocol, 0, 0)
	b = append(b, netip.MustParseAddr(src).AsSlice()...)
	b = append(b, 192, 0, 2, 1)
	return append(b, payload...)
}

// tcp is a frame to a TCP port, udp one to a UDP port.
func tcp(src string, port uint16) []byte {
	return frame(src, 6, append([]byte{0xc0, 0, byte(port >> 8), byte(port)}, make([]byte, 16)...)...)
}

func udp(src string, port uint16) []byte {
	return frame(src, 17, 0xc0, 0, byte(port>>8), byte(port), 0, 8, 0, 0)
}

// closedNetworks denies 10.0.0.0/8, but for nothing else, and closes port 22.
func closedNetworks(t *testing.T, c *sdk.Collection) {
	t.Helper()
	require.NoError(t, c.Maps["denied"].Put(network{8, [4]byte{10}}, uint32(1)))
	require.NoError(t, c.Maps["closed"].Put(uint32(22), uint32(1)))
}

func TestVerdicts(t *testing.T) {
	options := tcp("192.0.2.9", 22)
	options[14] = 0x46 // four bytes of options: what was the source port is one, the port follows
	options = append(options[:34:34], append([]byte{1, 1, 1, 1}, options[34:]...)...)
	second := tcp("192.0.2.9", 22)
	second[14+7] = 5 // the offset of a fragment
	short := tcp("192.0.2.9", 22)[:14+20+3]
	badLength := tcp("192.0.2.9", 80)
	badLength[14] = 0x44
	v6 := tcp("10.1.2.3", 22)
	binary.BigEndian.PutUint16(v6[12:], 0x86dd)
	for name, test := range map[string]struct {
		packet  []byte
		verdict uint64
		counter uint32
	}{
		"an open port":               {tcp("192.0.2.9", 80), pass, passed},
		"a closed port":              {tcp("192.0.2.9", 22), drop, closed},
		"the same of UDP":            {udp("192.0.2.9", 22), drop, closed},
		"a closed port, options":     {options, drop, closed},
		"a denied network":           {tcp("10.1.2.3", 80), drop, denied},
		"just outside of it":         {tcp("11.0.0.0", 80), pass, passed},
		"neither TCP nor UDP":        {frame("192.0.2.9", 1, 8, 0), pass, passed},
		"a later fragment":           {second, pass, passed},
		"no IPv4":                    {v6, pass, passed},
		"a packet without its ports": {short, drop, broken},
		"a header that is too short": {badLength, drop, broken},
		"half a header":              {tcp("192.0.2.9", 80)[:30], drop, broken},
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, unchanged)
			closedNetworks(t, c)
			r, err := c.Programs["firewall"].Exec(t.Context(), sdk.Input{Mem: test.packet})
			require.NoError(t, err)
			require.Equal(t, test.verdict, r.Ret)
			require.Equal(t, test.packet, r.Mem, "the packet is as it was")
			for i := range uint32(4) {
				want := counter{}
				if i == test.counter {
					want = counter{1, uint64(len(test.packet))}
				}
				require.Equal(t, want, total(t, c, i), "counter %d", i)
			}
		})
	}
}

// total is a counter of all CPUs.
func total(t *testing.T, c *sdk.Collection, reason uint32) (sum counter) {
	t.Helper()
	var all []counter
	require.NoError(t, c.Maps["counters"].Lookup(reason, &all))
	for _, one := range all {
		sum.Packets, sum.Bytes = sum.Packets+one.Packets, sum.Bytes+one.Bytes
	}
	return sum
}

// events are the records of the ring buffer.
func events(t *testing.T, c *sdk.Collection) (all []event) {
	t.Helper()
	records, err := c.Maps["events"].Records()
	require.NoError(t, err)
	for _, b := range records {
		var e event
		_, err := binary.Decode(b, binary.LittleEndian, &e)
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func TestEvents(t *testing.T) {
	c := load(t, unchanged)
	closedNetworks(t, c)
	for _, packet := range [][]byte{tcp("10.0.0.7", 80), tcp("192.0.2.9", 80), udp("192.0.2.9", 22)} {
		_, err := c.Programs["firewall"].Exec(t.Context(), sdk.Input{Mem: packet})
		require.NoError(t, err)
	}
	require.Equal(t, []event{
		{[4]byte{10, 0, 0, 7}, 0, denied},
		{[4]byte{192, 0, 2, 9}, 22, closed},
	}, events(t, c))
	require.Empty(t, events(t, c))
}

// Events that nobody takes fill the ring; what does not fit is counted, and dropped like the others.
func TestTheRingIsFull(t *testing.T) {
	c := load(t, unchanged)
	closedNetworks(t, c)
	batch := sdk.Batch{Inputs: []sdk.Input{{Mem: tcp("10.0.0.7", 80)}}, Repeat: 1000}
	_, err := c.Programs["firewall"].RunBatch(t.Context(), batch)
	require.NoError(t, err)
	var lost uint64
	require.NoError(t, c.Variables["lost"].Get(&lost))
	require.NotZero(t, lost)
	require.Equal(t, uint64(1000), lost+uint64(len(events(t, c))))
	require.Equal(t, uint64(1000), total(t, c, denied).Packets)
}

// The rules may change while the program is loaded.
func TestRulesChange(t *testing.T) {
	c := load(t, unchanged)
	verdict := func() uint64 {
		r, err := c.Programs["firewall"].Exec(t.Context(), sdk.Input{Mem: tcp("10.1.2.3", 80)})
		require.NoError(t, err)
		return r.Ret
	}
	require.Equal(t, uint64(pass), verdict())
	require.NoError(t, c.Maps["denied"].Put(network{16, [4]byte{10, 1}}, uint32(1)))
	require.Equal(t, uint64(drop), verdict())
	require.NoError(t, c.Maps["denied"].Delete(network{16, [4]byte{10, 1}}))
	require.Equal(t, uint64(pass), verdict())
	require.ErrorIs(t, c.Maps["denied"].Delete(network{16, [4]byte{10, 1}}), sdk.ErrKeyNotExist)
}

// A constant is set before the program is loaded: the verifier knows its value.
func TestQuiet(t *testing.T) {
	c := load(t, func(o *sdk.Object) { require.NoError(t, sdk.SetVariable(o, "quiet", uint32(1))) })
	closedNetworks(t, c)
	r, err := c.Programs["firewall"].Exec(t.Context(), sdk.Input{Mem: tcp("10.0.0.7", 80)})
	require.NoError(t, err)
	require.Equal(t, uint64(drop), r.Ret)
	require.Empty(t, events(t, c))
	require.ErrorIs(t, c.Variables["quiet"].Set(uint32(0)), sdk.ErrReadOnly)
}

// TestMain writes what ran of firewall.c to the file that BPF_COVERPROFILE names, for `go tool cover -html`.
func TestMain(m *testing.M) {
	code := m.Run()
	if name := os.Getenv("BPF_COVERPROFILE"); name != "" && code == 0 {
		if err := os.WriteFile(name, coverage.Format(""), 0o666); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}
