package networking_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// raw is the file descriptor of a socket, valid as long as it is.
func raw(t *testing.T, c syscall.Conn) (fd int) {
	r, err := c.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, r.Control(func(f uintptr) { fd = int(f) }))
	return fd
}

// assigned is a program that assigns one socket of a map after another, and stores what that gave.
func assigned(k *kernelSide, socks *ebpf.Map, keys [2]uint32, flags [2]int64) asm.Instructions {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMapValue(asm.R9, k.memory.FD(), 0)}
	for i := range keys {
		next := fmt.Sprintf("next%d", i)
		code = append(code, asm.StoreImm(asm.RFP, -4, int64(keys[i]), asm.Word), asm.LoadMapPtr(asm.R1, socks.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(), asm.JEq.Imm(asm.R0, 0, next), asm.Mov.Reg(asm.R7, asm.R0),
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.R7), asm.Mov.Imm(asm.R3, int32(flags[i])), asm.FnSkAssign.Call(), asm.StoreMem(asm.R9, int16(8*i), asm.R0, asm.DWord),
			asm.Mov.Reg(asm.R1, asm.R7), asm.FnSkRelease.Call(), asm.Mov.Imm(asm.R0, 0).WithSymbol(next))
	}
	return append(code, asm.Mov.Imm(asm.R0, 1), asm.Return())
}

// choices are sockets of each kind that programs choose from, in a map, and the same as an environment.
func choices(t *testing.T) (socks *ebpf.Map, env string, ends []netip.AddrPort) {
	socks, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 8, MaxEntries: 8})
	require.NoError(t, err)
	t.Cleanup(func() { socks.Close() })
	only6 := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1) })
		return err
	}}
	add := func(c syscall.Conn, proto, state, local, more string) {
		require.NoError(t, socks.Put(uint32(len(ends)), uint64(raw(t, c))))
		ends = append(ends, netip.MustParseAddrPort(local))
		env += fmt.Sprintf(`, {"proto": %q, "state": %q, "local": %q, "cookie": %d%s}`, proto, state, local, len(ends), more)
	}
	listen := func(lc *net.ListenConfig, network, at, more string) net.Listener {
		lc.SetMultipathTCP(false) // such sockets are for no map
		l, err := lc.Listen(context.Background(), network, at)
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		add(l.(*net.TCPListener), "tcp", "listening", l.Addr().String(), more)
		return l
	}
	l := listen(&net.ListenConfig{}, "tcp4", "10.0.0.1:0", "")
	listen(&net.ListenConfig{}, "tcp", "[::]:0", "")
	listen(&only6, "tcp6", "[::]:0", `, "v6only": true`)
	for _, x := range [][3]string{{"udp4", "10.0.0.1:0", ""}, {"udp6", "[fd00::1]:0", `, "v6only": true`}} {
		c, err := net.ListenPacket(x[0], x[1])
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		add(c.(*net.UDPConn), "udp", "closed", c.LocalAddr().String(), x[2])
	}
	c, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	add(c.(*net.TCPConn), "tcp", "established", c.LocalAddr().String(), fmt.Sprintf(`, "remote": %q`, c.RemoteAddr()))
	return socks, "[" + env[2:] + "]", ends
}

func TestAssignmentsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	ownNetwork(t, socketsScript)
	socks, env, ends := choices(t)
	typ := k.typ("sk_lookup")
	for i := range 6 * 6 * 4 * 4 * 2 {
		keys, flags := [2]uint32{uint32(i % 6), uint32(i / 6 % 6)}, [2]int64{int64(i / 36 % 4 / 3 * 5), int64(i / 144 % 4)}
		ctx := make([]byte, 72)
		ctx[8], ctx[12] = 2, 6
		if i%5 == 0 {
			ctx[8] = 10
		}
		if i/288%2 == 1 {
			ctx[12] = 17
		}
		alive.Pace()
		p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
			Type: ebpf.SkLookup, AttachType: ebpf.AttachType(typ.Attach), License: "GPL", Instructions: assigned(k, socks, keys, flags),
		}, ebpf.ProgramOptions{})
		require.NoError(t, err)
		require.NoError(t, k.memory.Put(uint32(0), make([]byte, memorySize)))
		out := make([]byte, 72)
		_, err = p.Run(&ebpf.RunOptions{Context: ctx, ContextOut: out})
		require.NoError(t, err)
		require.NoError(t, p.Close())
		kernel := make([]byte, memorySize)
		require.NoError(t, k.memory.Lookup(uint32(0), &kernel))

		h, impl := implement(t, map[string]string{"devices": "[]", "sockets": env})
		c, err := start(t, h, impl, typ, ctx, nil)
		require.NoError(t, err)
		for j, key := range keys {
			want := int64(binary.LittleEndian.Uint64(kernel[8*j:]))
			require.Equal(t, want, int64(c.call("bpf_sk_assign", 0, c.socketOf(uint64(key)+1), uint64(flags[j]))),
				"call %d of %v (%v) with flags %v, family %d, protocol %d", j, keys, ends[key], flags, ctx[8], ctx[12])
		}
		c.leave(1)
		require.Equal(t, binary.LittleEndian.Uint64(out) != 0, binary.LittleEndian.Uint64(c.ctx) != 0)
	}
}

// socketOf is the socket with a cookie.
func (c *fakeCall) socketOf(cookie uint64) uint64 {
	for _, a := range c.home.areas {
		if c.call("bpf_get_socket_cookie", a.addr) == cookie && c.call("bpf_get_socket_cookie", a.addr+80) == cookie && len(a.mem) == 192 {
			return a.addr
		}
	}
	return 0
}
