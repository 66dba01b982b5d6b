package networking_test

import (
	"encoding/binary"
	"math/rand"
	"slices"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// What scripts of helper calls do not reach: packet loads, flow dissectors, maps, sockets of contexts.

// load runs a program that cannot be written as a script, and gives its result and the packet after it.
func (k *kernelSide) result(t *testing.T, name string, ctx, packet []byte, code ...asm.Instruction) (uint32, []byte) {
	typ := k.typ(name)
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.ProgramType(typ.Kernel), AttachType: ebpf.AttachType(typ.Attach), License: "GPL", Instructions: code,
	}, ebpf.ProgramOptions{})
	require.NoError(t, err)
	defer p.Close()
	o := &ebpf.RunOptions{Data: packet, DataOut: make([]byte, len(packet)+256)}
	if ctx != nil {
		o.Context = ctx
	}
	ret, err := p.Run(o)
	require.NoError(t, err)
	return ret, o.DataOut
}

// classicOffsets are offsets of LD_ABS: in the packet, at its end, and from its headers.
func (d draw) classicOffset(size int) int32 {
	const fromNet, fromLink = -0x100000, -0x200000
	at := int32(d.Intn(size + 6))
	return pick(d, at, at, fromNet+at, fromLink+at, fromNet-1, fromLink-1, -1, -0x1000, 1<<31-1, -1<<31)
}

func TestPacketLoadsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	for _, name := range []string{"socket_filter", "sched_cls", "sched_act"} {
		for seed := range rounds(150) {
			d := draw{rand.New(rand.NewSource(int64(seed)))}
			packet, size := d.packet(), pick(d, asm.Byte, asm.Half, asm.Word)
			at := d.classicOffset(len(packet))
			load := asm.LoadAbs(at, size)
			if d.Intn(2) == 0 {
				load = asm.LoadInd(asm.R0, asm.R7, 3, size)
				at = max(at, -1<<31+3) // Linux adds in 32 bits, and the verifier takes no other sum
			}
			const failed = 0x12345 // a load that fails ends the program with 0: the code before it tells that from a 0
			kernel, _ := k.result(t, name, nil, packet, asm.Mov.Reg(asm.R6, asm.R1), asm.LoadImm(asm.R7, int64(at)-3, asm.DWord), load, asm.Xor.Imm32(asm.R0, failed), asm.Return())
			h, impl := implement(t, nil)
			c, err := start(t, h, impl, k.typ(name), nil, packet)
			require.NoError(t, err)
			ours := c.call("bpf_skb_load_classic", uint64(int64(at)), uint64(size.Sizeof()))
			want := uint32(0)
			if int64(ours) >= 0 {
				want = uint32(ours) ^ failed
			}
			require.Equal(t, kernel, want, "%s: %v at %d of %x", name, size, at, packet)
		}
	}
}

func TestFlowDissectorsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	typ := k.typ("flow_dissector")
	for seed := range rounds(60) {
		d := draw{rand.New(rand.NewSource(int64(seed)))}
		packet, net, trans := d.packet(), int32(d.Intn(300)), int32(d.Intn(300))
		ret, keys := k.result(t, typ.Name, nil, packet,
			asm.LoadMem(asm.R2, asm.R1, 144, asm.DWord), asm.StoreImm(asm.R2, 0, int64(net), asm.Half), asm.StoreImm(asm.R2, 2, int64(trans), asm.Half),
			asm.StoreImm(asm.R2, 9, 17, asm.Byte), asm.Mov.Imm(asm.R0, 0), asm.Return())
		require.Zero(t, ret)
		h, impl := implement(t, nil)
		c, err := start(t, h, impl, typ, nil, packet)
		require.NoError(t, err)
		mem := c.Bytes(binary.LittleEndian.Uint64(c.ctx[144:]), 56, true)
		require.NotNil(t, mem)
		binary.LittleEndian.PutUint16(mem, uint16(net))
		binary.LittleEndian.PutUint16(mem[2:], uint16(trans))
		mem[9] = 17
		c.leave(0)
		require.Len(t, c.records, 1)
		require.Equal(t, keys, c.records[0].Data)
		if seed == 0 { // it has no socket buffer to load from
			at, addr, _ := h.Alloc(8)
			at[0] = 1
			require.Equal(t, codegen.EFAULT.Ret(), c.call("bpf_skb_load_bytes", 0, 0, addr, 1))
			require.Zero(t, at[0])
		}
	}
}

// The socket of a packet: what struct bpf_sock shows of it.
func TestSocketsOfPacketsAreTheKernels(t *testing.T) {
	k := needTestRun(t)
	sock := k.set.Struct("bpf_sock")
	fields := loadables(sock)
	for _, name := range []string{"sched_cls", "cgroup_skb"} {
		typ := k.typ(name)
		code := asm.Instructions{
			asm.LoadMapValue(asm.R7, k.memory.FD(), 0), asm.LoadMem(asm.R1, asm.R1, 168, asm.DWord), asm.JEq.Imm(asm.R1, 0, "out"),
			asm.FnSkFullsock.Call(), asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R6, asm.R0),
		}
		for i, f := range fields {
			code = append(code, asm.LoadMem(asm.R0, asm.R6, f.off, f.size), asm.StoreMem(asm.R7, int16(8*i), asm.R0, asm.DWord))
		}
		code = append(code, asm.Mov.Imm(asm.R0, 1), asm.Return(), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
		for seed := range rounds(40) {
			packet := draw{rand.New(rand.NewSource(int64(seed)))}.packet()
			ret, _ := k.result(t, name, nil, packet, slices.Clone(code)...)
			require.EqualValues(t, 1, ret)
			kernel := make([]byte, memorySize)
			require.NoError(t, k.memory.Lookup(uint32(0), &kernel))

			h, impl := implement(t, nil)
			c, err := start(t, h, impl, typ, nil, packet)
			require.NoError(t, err)
			sk := c.call("bpf_sk_fullsock", binary.LittleEndian.Uint64(c.ctx[168:]))
			mem := c.Bytes(sk, 80, false)
			require.NotNil(t, mem)
			for i, f := range fields {
				ours := make([]byte, 8)
				copy(ours, mem[f.off:int(f.off)+f.size.Sizeof()])
				require.Equal(t, binary.LittleEndian.Uint64(kernel[8*i:]), binary.LittleEndian.Uint64(ours), "%s: %s at %d of %x", name, f.name, f.off, packet)
			}
		}
	}
}

func TestRedirectMapIsTheKernels(t *testing.T) {
	k := needTestRun(t)
	typ := k.typ("xdp")
	packet := make([]byte, 64)
	for _, m := range []struct {
		kind  ebpf.MapType
		value uint32
		set   bool
	}{{ebpf.DevMap, 1, true}, {ebpf.DevMapHash, 1, true}, {ebpf.CPUMap, 192, true}, {ebpf.XSKMap, 0, false}} {
		spec := &ebpf.MapSpec{Type: m.kind, KeySize: 4, ValueSize: 4, MaxEntries: 8, Name: "m"}
		km, err := ebpf.NewMap(spec)
		require.NoError(t, err, m.kind)
		defer km.Close()
		ours := &fakeMap{addr: 0x55, elements: map[string][]byte{}}
		ours.spec.Name, ours.spec.Type, ours.spec.KeySize, ours.spec.ValueSize, ours.spec.MaxEntries = "m", uint32(m.kind), 4, 4, 8
		if m.set {
			require.NoError(t, km.Put(uint32(1), m.value))
			ours.elements["\x01\x00\x00\x00"] = []byte{1, 0, 0, 0}
		}
		for _, key := range []int64{0, 1, 7, 8, 1 << 32, 1<<32 + 1, -1} {
			for _, flags := range []int64{0, 1, 2, 3, 4, 8, 9, 16, 24, 32, 1 << 40} {
				ret, _ := k.result(t, "xdp", nil, packet, asm.LoadMapPtr(asm.R1, km.FD()), asm.LoadImm(asm.R2, key, asm.DWord), asm.LoadImm(asm.R3, flags, asm.DWord),
					asm.FnRedirectMap.Call(), asm.Return())
				h, impl := implement(t, nil)
				c, err := start(t, h, impl, typ, nil, packet)
				require.NoError(t, err)
				c.maps[ours.addr] = ours
				got := c.call("bpf_redirect_map", ours.addr, uint64(key), uint64(flags))
				require.EqualValues(t, ret, got, "%v key %d flags %d", m.kind, key, flags)
				c.leave(got)
				require.Equal(t, ret == 4, len(c.records) == 1, "%v key %d flags %d", m.kind, key, flags)
				if ret == 4 {
					r := c.records[0]
					require.Equal(t, "bpf_redirect_map", r.Helper)
					require.Equal(t, "m", r.Map)
					require.Equal(t, uint32(key), binary.LittleEndian.Uint32(r.Key))
					require.Equal(t, []uint64{uint64(flags) & 24}, r.Args)
				}
			}
		}
	}
}
