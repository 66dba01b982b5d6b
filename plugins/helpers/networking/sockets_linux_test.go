package networking_test

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

const socketsScript = `
ip link set lo up
ip addr add 10.0.0.1/24 dev lo
ip addr add fd00::1/64 dev lo nodad
`

// tuple is a struct bpf_sock_tuple.
func tuple(from, to netip.AddrPort) []byte {
	b := slices.Concat(from.Addr().AsSlice(), to.Addr().AsSlice())
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

// lookupCode looks a socket up and stores whether it was found and what it is.
func lookupCode(k *kernelSide, h asm.BuiltinFunc, size, netns, flags int64, fields []loadable) asm.Instructions {
	code := asm.Instructions{
		asm.LoadMapValue(asm.R7, k.memory.FD(), 0), asm.Mov.Reg(asm.R2, asm.R7), asm.Add.Imm(asm.R2, memAt),
		asm.LoadImm(asm.R3, size, asm.DWord), asm.LoadImm(asm.R4, netns, asm.DWord), asm.LoadImm(asm.R5, flags, asm.DWord),
		h.Call(), asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R6, asm.R0),
	}
	for i, f := range fields {
		code = append(code, asm.LoadMem(asm.R0, asm.R6, f.off, f.size), asm.StoreMem(asm.R7, int16(fieldsAt+8*i), asm.R0, asm.DWord))
	}
	return append(code, asm.Mov.Reg(asm.R1, asm.R6), asm.FnSkRelease.Call(), asm.Mov.Imm(asm.R0, 1), asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

// listenAll opens the sockets of the test, and says what they are.
func listenAll(t *testing.T) (text string, ends []netip.AddrPort, connections [][2]netip.AddrPort) {
	at := func(a net.Addr) netip.AddrPort {
		p := netip.MustParseAddrPort(a.String())
		ends = append(ends, p)
		return p
	}
	entry := func(proto, state string, local netip.AddrPort, remote, more string) {
		text += fmt.Sprintf(`, {"proto": %q, "state": %q, "local": %q%s%s}`, proto, state, local, remote, more)
	}
	for _, x := range []struct{ network, where, more string }{
		{"tcp4", "10.0.0.1:0", ""}, {"tcp4", "0.0.0.0:0", ""}, {"tcp6", "[fd00::1]:0", ""}, {"tcp6", "[::]:0", `, "v6only": true`}, {"tcp", "[::]:0", ""},
	} {
		l, err := net.Listen(x.network, x.where)
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		entry("tcp", "listening", at(l.Addr()), "", x.more)
		if x.more != "" || !netip.MustParseAddrPort(l.Addr().String()).Addr().Is4() {
			continue
		}
		c, err := net.Dial(x.network, fmt.Sprintf("10.0.0.1:%d", l.Addr().(*net.TCPAddr).Port))
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		s, err := l.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		entry("tcp", "established", at(c.LocalAddr()), fmt.Sprintf(`, "remote": %q`, c.RemoteAddr()), "")
		entry("tcp", "established", at(s.LocalAddr()), fmt.Sprintf(`, "remote": %q`, s.RemoteAddr()), "")
		one, other := ends[len(ends)-2], ends[len(ends)-1]
		connections = append(connections, [2]netip.AddrPort{one, other}, [2]netip.AddrPort{other, one})
	}
	for _, x := range []struct{ network, where string }{{"udp4", "10.0.0.1:0"}, {"udp4", "0.0.0.0:0"}, {"udp6", "[fd00::1]:0"}} {
		c, err := net.ListenPacket(x.network, x.where)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		entry("udp", "closed", at(c.LocalAddr()), "", "")
	}
	return "[" + text[2:] + "]", ends, connections
}

func TestSocketLookupsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	ownNetwork(t, socketsScript)
	text, ends, connections := listenAll(t)
	env := map[string]string{"devices": "[]", "sockets": text}
	fields := loadables(k.set.Struct("bpf_sock"), "priority", "mark", "rx_queue_mapping")
	common := loadables(k.set.Struct("bpf_sock_common"), "rx_queue_mapping")
	hosts := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.77"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::77"), netip.MustParseAddr("127.0.0.1")}
	found := 0
	for seed := range rounds(400) {
		d := draw{rand.New(rand.NewSource(int64(seed)))}
		from, to := pick(d, ends...), pick(d, ends...)
		if to.Addr().IsUnspecified() || d.Intn(3) == 0 {
			to = netip.AddrPortFrom(pick(d, hosts...), to.Port())
		}
		if from.Addr().Is4() != to.Addr().Is4() || d.Intn(3) == 0 {
			from = netip.AddrPortFrom(to.Addr(), from.Port())
		}
		if d.Intn(4) == 0 {
			pair := pick(d, connections...)
			from, to = pair[0], pair[1]
		}
		if d.Intn(10) == 0 {
			to = netip.AddrPortFrom(to.Addr(), 1)
		}
		x := pick(d, asm.FnSkLookupTcp, asm.FnSkLookupTcp, asm.FnSkLookupUdp, asm.FnSkcLookupTcp)
		want, names := fields, map[asm.BuiltinFunc]string{asm.FnSkLookupTcp: "bpf_sk_lookup_tcp", asm.FnSkLookupUdp: "bpf_sk_lookup_udp", asm.FnSkcLookupTcp: "bpf_skc_lookup_tcp"}
		if x == asm.FnSkcLookupTcp {
			want = common
		}
		b := tuple(from, to)
		size, netns, flags := pick(d, len(b), len(b), len(b), 13, 0), pick(d, int64(-1), -1, -1, 1<<32-1, 7, 1<<40), pick(d, int64(0), 0, 0, 0, 1)
		typ := k.typ(pick(d, "sched_cls", "xdp", "cgroup_skb"))
		require.NoError(t, k.memory.Put(uint32(0), append(make([]byte, memAt), append(b, make([]byte, memorySize-memAt-len(b))...)...)))
		ret, _ := k.result(t, typ.Name, nil, make([]byte, 64), lookupCode(k, x, int64(size), netns, flags, want)...)
		kernel := make([]byte, memorySize)
		require.NoError(t, k.memory.Lookup(uint32(0), &kernel))

		h, impl := implement(t, env)
		c, err := start(t, h, impl, typ, nil, make([]byte, 64))
		require.NoError(t, err)
		mem, addr, _ := h.Alloc(64)
		copy(mem, b)
		sk := c.call(names[x], 0, addr, uint64(size), uint64(netns), uint64(flags))
		require.Equal(t, ret == 1, sk != 0, "seed %d: %s from %v to %v, size %d, netns %d, flags %d", seed, names[x], from, to, size, netns, flags)
		if sk == 0 {
			continue
		}
		found++
		view := c.Bytes(sk, 80, false)
		six := binary.LittleEndian.Uint32(view[4:]) == 10
		for i, f := range want {
			if strings.HasSuffix(f.name, "_ip4") && six || strings.HasSuffix(f.name, "_ip6") && !six {
				continue // the other family's addresses are what the kernel has left there
			}
			ours := make([]byte, 8)
			copy(ours, view[f.off:int(f.off)+f.size.Sizeof()])
			require.Equal(t, binary.LittleEndian.Uint64(kernel[fieldsAt+8*i:]), binary.LittleEndian.Uint64(ours), "seed %d: %s from %v to %v: %s at %d", seed, names[x], from, to, f.name, f.off)
		}
		require.Zero(t, c.call("bpf_sk_release", sk))
	}
	require.Greater(t, found, rounds(400)/20)
}
