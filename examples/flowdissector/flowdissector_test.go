// Package flowdissector tests a flow dissector as an ordinary user, without a kernel: go test ./examples/flowdissector
package flowdissector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write flows.pcap")

// coverage counts the lines of flowdissector.c that the tests run.
var coverage sdk.Coverage

// backends are those that run on this machine.
func backends() map[string]sdk.Backend {
	all := map[string]sdk.Backend{"interp": builtin.Interp()}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		all["amd64"] = builtin.AMD64()
	}
	return all
}

// load verifies the programs, under the rules of a kernel, and loads them; the object says which parser is in which slot. The
// flags are what each run is asked for.
func load(t testing.TB, b sdk.Backend, flags uint32, cover *sdk.Coverage) *sdk.Collection {
	t.Helper()
	object, err := builtin.ReadFile(t.Context(), "flowdissector.o", builtin.ReadOptions{})
	require.NoError(t, err)
	require.NoError(t, sdk.SetVariable(object, "with_labels", uint32(1)))
	opts := sdk.Options{Set: builtin.Linux(), CPUs: 1, Cover: cover, Env: map[string]any{"flow_dissector": map[string]any{"flags": flags}}}
	c, err := sdk.LoadCollection(t.Context(), object, b, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// exec runs the dissector on a frame.
func exec(t testing.TB, c *sdk.Collection, frame []byte) (flow, labels) {
	t.Helper()
	r, err := c.Programs["dissect"].Exec(t.Context(), sdk.Input{Mem: frame})
	require.NoError(t, err)
	require.Equal(t, frame, r.Mem)
	require.Len(t, r.Records, 1)
	fields, err := c.Programs["dissect"].RecordFields(&r.Records[0])
	require.NoError(t, err)
	var l []labels
	require.NoError(t, c.Maps["last"].Lookup(uint32(0), &l))
	return read(t, r.Ret, fields), l[0]
}

// read makes a flow of the fields of struct bpf_flow_keys. Those in the order of the network are big-endian numbers.
func read(t testing.TB, verdict uint64, fields map[string]any) flow {
	t.Helper()
	number := func(name string) uint64 { return fields[name].(uint64) }
	swapped := func(name string) uint16 { return uint16(number(name))<<8 | uint16(number(name))>>8 }
	address := func(name string) (b []byte) {
		for _, word := range fields[name].([]uint64) {
			b = binary.LittleEndian.AppendUint32(b, uint32(word))
		}
		return b
	}
	f := flow{
		Verdict: verdict, Network: swapped("n_proto"), NetworkAt: int(number("nhoff")), TransportAt: int(number("thoff")),
		Family: uint16(number("addr_proto")), Protocol: uint8(number("ip_proto")), Sport: swapped("sport"), Dport: swapped("dport"),
		Fragment: number("is_frag") == 1, First: number("is_first_frag") == 1, Tunnel: number("is_encap") == 1,
		FlowLabel: binary.BigEndian.Uint32(binary.LittleEndian.AppendUint32(nil, uint32(number("flow_label")))),
	}
	src, dst := address("ipv6_src"), address("ipv6_dst")
	switch f.Family {
	case 0x0800:
		f.Src, f.Dst = netip.AddrFrom4([4]byte(src)), netip.AddrFrom4([4]byte(src[4:]))
		src = src[8:]
	case 0x86dd:
		f.Src, f.Dst = netip.AddrFrom16([16]byte(src)), netip.AddrFrom16([16]byte(dst))
		return f
	}
	require.Zero(t, append(bytes.Trim(src, "\x00"), bytes.Trim(dst, "\x00")...), "what is no address is zero")
	return f
}

// TestFrames: the object, on each back end, and the dissector in Go find what is known of each frame.
func TestFrames(t *testing.T) {
	for _, f := range frames() {
		found, l := dissect(f.bytes, f.flags)
		require.Equal(t, f.want, found, f.name)
		require.Equal(t, f.labels, l, f.name)
	}
	for name, b := range backends() {
		var cover *sdk.Coverage
		if name == "interp" {
			cover = &coverage
		}
		loaded := map[uint32]*sdk.Collection{}
		for _, f := range frames() {
			if loaded[f.flags] == nil {
				loaded[f.flags] = load(t, b, f.flags, cover)
			}
			found, l := exec(t, loaded[f.flags], f.bytes)
			require.Equal(t, f.want, found, "%s: %s", name, f.name)
			require.Equal(t, f.labels, l, "%s: %s", name, f.name)
		}
	}
}

// The frames in the capture beside this file, which `bpfc run --pcap` takes, are those of the tests.
func TestCapture(t *testing.T) {
	var made bytes.Buffer
	w := pcapgo.NewWriter(&made)
	require.NoError(t, w.WriteFileHeader(1<<16, layers.LinkTypeEthernet))
	for i, f := range frames() {
		info := gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(f.bytes), Length: len(f.bytes)}
		require.NoError(t, w.WritePacket(info, f.bytes))
	}
	if *update {
		require.NoError(t, os.WriteFile("flows.pcap", made.Bytes(), 0o666))
	}
	file, err := os.ReadFile("flows.pcap")
	require.NoError(t, err)
	require.Equal(t, made.Bytes(), file, "flows.pcap is not of these frames: write it with -update")
	for _, b := range backends() {
		c := load(t, b, 0, nil)
		r, err := pcapgo.NewReader(bytes.NewReader(file))
		require.NoError(t, err)
		n := 0
		for ; ; n++ {
			frame, _, err := r.ReadPacketData()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			compare(t, c, frame, 0)
		}
		require.Len(t, frames(), n)
	}
}

// compare compares the object with the dissector in Go.
func compare(t *testing.T, c *sdk.Collection, frame []byte, flags uint32) {
	t.Helper()
	found, l := exec(t, c, frame)
	want, wantLabels := dissect(frame, flags)
	if want != found || wantLabels != l {
		require.Equal(t, want, found, "flags %d, frame %x", flags, frame)
		require.Equal(t, wantLabels, l, "flags %d, frame %x", flags, frame)
	}
}

// Every frame may end at any of its bytes.
func TestTruncatedFrames(t *testing.T) {
	for _, b := range backends() {
		c := load(t, b, parseFirstFragment, nil)
		for _, f := range frames() {
			for n := 14; n < min(len(f.bytes), 200); n++ {
				compare(t, c, f.bytes[:n:n], parseFirstFragment)
			}
		}
	}
}

// drawn calls f with frames that are drawn, the same each time.
func drawn(f func(frame []byte, flags uint32)) {
	for flags := range uint32(8) {
		d := draw{rand.New(rand.NewPCG(uint64(flags), 0))}
		for range 2000 {
			f(d.frame(), flags)
		}
	}
}

func TestDrawnFrames(t *testing.T) {
	for _, b := range backends() {
		loaded, flows := map[uint32]*sdk.Collection{}, 0
		for flags := range uint32(8) {
			loaded[flags] = load(t, b, flags, nil)
		}
		drawn(func(frame []byte, flags uint32) {
			compare(t, loaded[flags], frame, flags)
			if f, _ := dissect(frame, flags); f.Verdict == ok && f.Sport != 0 {
				flows++
			}
		})
		require.Greater(t, flows, 2000, "too few frames have flows")
	}
}

// Offsets have 16 bits: what lies behind them is not looked at, and they do not start again at 0.
func TestLongFrames(t *testing.T) {
	long := ipv6(0, 0, times(31, append(extension(17, 255, udp(1, 2)), make([]byte, 4096)...), func(b []byte) []byte { return extension(0, 255, b) }))
	f := ethernet(0x86dd, long)
	require.Greater(t, len(f), 1<<16)
	for _, b := range backends() {
		c := load(t, b, 0, nil)
		compare(t, c, f, 0)
		found, _ := exec(t, c, f)
		require.Equal(t, flow6(14, 54+31*2048, 0, 0, 0).but(dropped), found)
	}
}

// Slots may be emptied while the programs are loaded: what a parser took is then what has none.
func TestParsersAreTaken(t *testing.T) {
	for _, b := range backends() {
		c := load(t, b, 0, nil)
		vlan := ethernet(0x8100, vlan(1, 0x0800, plain4(6, tcp(1, 2))))
		found, _ := exec(t, c, vlan)
		require.EqualValues(t, ok, found.Verdict)
		const parseVLAN = 1
		require.NoError(t, c.Maps["parsers"].Delete(uint32(parseVLAN)))
		found, _ = exec(t, c, vlan)
		require.Equal(t, flow{Verdict: drop, Network: 0x8100, NetworkAt: 14, TransportAt: 14}, found)
		require.NoError(t, c.Maps["parsers"].Put(uint32(parseVLAN), c.Programs["parse_vlan"]))
		found, _ = exec(t, c, vlan)
		require.Equal(t, flow4(18, 38, 6, 1, 2), found)
	}
}

// TestMain writes what ran of flowdissector.c to the file that BPF_COVERPROFILE names, for `go tool cover -html`.
func TestMain(m *testing.M) {
	code := m.Run()
	if name := os.Getenv("BPF_COVERPROFILE"); name != "" && code == 0 {
		if err := os.WriteFile(name, coverage.Format(""), 0o666); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}
