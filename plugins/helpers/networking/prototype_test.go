package networking_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

// A call under test is one program: it calls a helper with arguments that its
// prototype allows, or with one of them replaced, and the kernel says what it
// thinks. R6 is the context, R7 a socket, R8 a packet pointer with 64 bytes behind it.

// value is one thing to pass for an argument.
type value string

const (
	vGood   value = "what the prototype asks for"
	vZero   value = "0"
	vCtx    value = "the context"
	vStack  value = "initialised stack"
	vPacket value = "a packet pointer"
	vSock   value = "a socket"
)

// mapOf is a small map of a kind that the helper takes.
func mapOf(t *testing.T, helper string) *ebpf.Map {
	spec := &ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	switch helper {
	case "bpf_skb_under_cgroup":
		spec.Type = ebpf.CGroupArray
	case "bpf_redirect_map":
		spec.Type = ebpf.DevMap
	case "bpf_sock_hash_update", "bpf_msg_redirect_hash", "bpf_sk_redirect_hash":
		spec.Type = ebpf.SockHash
	case "bpf_sk_select_reuseport":
		spec.Type = ebpf.ReusePortSockArray
	case "bpf_get_local_storage":
		spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries = ebpf.CGroupStorage, 8, 8, 0
	case "bpf_sk_storage_get", "bpf_sk_storage_delete":
		spec.Type, spec.MaxEntries, spec.Flags = ebpf.SkStorage, 0, 1
		spec.Key, spec.Value = &btf.Int{Size: 4, Encoding: btf.Signed}, &btf.Int{Size: 4, Encoding: btf.Signed}
	}
	m, err := ebpf.NewMap(spec)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// call is a program that calls a helper.
type call struct {
	typ  *abi.ProgType
	h    *abi.Helper
	fd   int // of the map, if the helper takes one
	call asm.Instruction
	size int64
}

// socketIn is the offset of the context's field that leads to a socket, -1 if there is none.
func (c *call) socketIn() int16 {
	for _, f := range c.typ.Context.Fields {
		if f.Kind == abi.FieldPointer && f.Name == "sk" {
			return int16(f.Offset)
		}
	}
	return -1
}

// finds reports whether the socket has to be looked up: because the helper
// releases it, or because the context has none.
func (c *call) finds() bool {
	return c.needsSocket() && c.typ.MayCall(&abi.Helper{Name: "bpf_sk_lookup_tcp"}) && (c.h.Flags&abi.FlagReleases != 0 || c.socketIn() < 0)
}

// needsSocket reports whether an argument is one.
func (c *call) needsSocket() bool {
	return slices.Contains(c.h.Args[:], abi.ArgStruct) || slices.Contains(c.h.Args[:], abi.ArgStructOrNull)
}

// reachable reports whether these programs have what the arguments ask for.
func (c *call) reachable() bool {
	switch {
	case !c.needsSocket() || c.finds():
		return true
	case c.h.Flags&abi.FlagReleases != 0:
		return false
	}
	return c.socketIn() >= 0 || c.typ.Context.Name == "bpf_sock"
}

// prologue fills R6 to R8 and 64 bytes of stack.
func (c *call) prologue() asm.Instructions {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R0, 0)}
	for off := int16(-64); off < 0; off += 8 {
		code = append(code, asm.StoreMem(asm.R10, off, asm.R0, asm.DWord))
	}
	if start, end := fieldOf(c.typ, abi.FieldPacketStart), fieldOf(c.typ, abi.FieldPacketEnd); start != nil {
		code = append(code, asm.LoadMem(asm.R8, asm.R6, int16(start.Offset), wordOf(start)), asm.LoadMem(asm.R3, asm.R6, int16(end.Offset), wordOf(end)),
			asm.Mov.Reg(asm.R4, asm.R8), asm.Add.Imm(asm.R4, 64), asm.JGT.Reg(asm.R4, asm.R3, "out"))
	}
	switch {
	case c.finds():
		code = append(code, asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -64), asm.Mov.Imm(asm.R3, 12), asm.Mov.Imm(asm.R4, 0), asm.Mov.Imm(asm.R5, 0),
			asm.FnSkLookupTcp.Call(), asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R7, asm.R0))
	case c.socketIn() >= 0:
		code = append(code, asm.LoadMem(asm.R7, asm.R6, c.socketIn(), asm.DWord), asm.JEq.Imm(asm.R7, 0, "out"))
	case c.typ.Context.Name == "bpf_sock":
		code = append(code, asm.Mov.Reg(asm.R7, asm.R6))
	}
	return code
}

// good is a value that the prototype asks for in an argument.
func (c *call) good(i int) value {
	switch c.h.Args[i] {
	case abi.ArgCtx, abi.ArgCtxOrNull:
		return vCtx
	case abi.ArgStruct, abi.ArgStructOrNull:
		return vSock
	case abi.ArgAny, abi.ArgFlagZero:
		return vZero
	case abi.ArgConstMap, abi.ArgSize, abi.ArgSizeOrZero, abi.ArgDynptrInit:
		return vGood
	default:
		return vStack
	}
}

// put sets the register of an argument.
func (c *call) put(i int, v value) asm.Instructions {
	r := asm.R1 + asm.Register(i)
	switch v {
	case vZero:
		return asm.Instructions{asm.Mov.Imm(r, 0)}
	case vCtx:
		return asm.Instructions{asm.Mov.Reg(r, asm.R6)}
	case vStack:
		return asm.Instructions{asm.Mov.Reg(r, asm.R10), asm.Add.Imm(r, -64)}
	case vPacket:
		return asm.Instructions{asm.Mov.Reg(r, asm.R8)}
	case vSock:
		return asm.Instructions{asm.Mov.Reg(r, asm.R7)}
	}
	switch c.h.Args[i] {
	case abi.ArgConstMap:
		return asm.Instructions{asm.LoadMapPtr(r, c.fd)}
	case abi.ArgDynptrInit:
		return asm.Instructions{asm.Mov.Reg(r, asm.R10), asm.Add.Imm(r, -80)}
	}
	return asm.Instructions{asm.Mov.Imm(r, int32(c.size))}
}

// epilogue gives back what was acquired and returns.
func (c *call) epilogue() asm.Instructions {
	var code asm.Instructions
	if c.h.Flags&abi.FlagAcquires != 0 {
		code = append(code, asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R1, asm.R0), asm.FnSkRelease.Call())
	}
	if c.finds() && c.h.Flags&abi.FlagReleases == 0 {
		code = append(code, asm.Mov.Reg(asm.R1, asm.R7), asm.FnSkRelease.Call())
	}
	return append(code, legal(c.typ).WithSymbol("out"), asm.Return())
}

// byName reports whether the helper is a function that the kernel calls by name.
func (c *call) byName() bool { return c.h.ID > lastHelper }

// instruction is the call of a helper.
func instruction(t *testing.T, h *abi.Helper) asm.Instruction {
	if h.ID <= lastHelper {
		return asm.BuiltinFunc(h.ID).Call()
	}
	kernel, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	var f *btf.Func
	require.NoError(t, kernel.TypeByName(h.Name, &f))
	id, err := kernel.TypeID(f)
	require.NoError(t, err)
	return asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(id)}
}

// with is the program with one argument replaced, and code after the call.
func (c *call) with(i int, v value, after ...asm.Instruction) asm.Instructions {
	code := c.prologue()
	for j := range c.h.NumArgs() {
		if j == i {
			code = append(code, c.put(j, v)...)
		} else {
			code = append(code, c.put(j, c.good(j))...)
		}
	}
	code = append(code, c.call)
	return slices.Concat(code, after, c.epilogue())
}

// legalValue says what the prototype's words promise about a value for an argument.
func (c *call) legalValue(i int, v value) bool {
	switch c.h.Args[i] {
	case abi.ArgAny: // kernel functions refuse pointers where they ask for numbers
		return !c.byName() || v == vZero
	case abi.ArgDynptrInit:
		return v == vStack
	case abi.ArgCtx:
		return v == vCtx || v == vSock && c.typ.Context.Name == "bpf_sock"
	case abi.ArgCtxOrNull:
		return v == vCtx || v == vZero || v == vSock && c.typ.Context.Name == "bpf_sock"
	case abi.ArgStruct:
		return v == vSock
	case abi.ArgStructOrNull, abi.ArgKptr:
		return v == vSock || v == vZero
	case abi.ArgSizeOrZero:
		return v == vZero
	case abi.ArgMapValueOrNull:
		return v == vStack || v == vZero || v == vPacket && c.packetArg()
	case abi.ArgFlagZero:
		return v == vZero
	case abi.ArgMem, abi.ArgMemOrNull, abi.ArgFixedMem, abi.ArgMapKey, abi.ArgMemWrite, abi.ArgFixedMemWrite:
		return v == vStack || v == vPacket && c.packetArg()
	}
	return false
}

// packetArg reports whether a memory argument may be a packet pointer.
func (c *call) packetArg() bool {
	switch c.typ.PacketArgs {
	case abi.PacketArgsAll:
		return true
	case abi.PacketArgsNone:
		return false
	}
	return c.h.Flags&abi.FlagPacket != 0
}

func TestPrototypesAreTheKernels(t *testing.T) {
	set := oracle(t)
	for i := range set.Helpers {
		own := &set.Helpers[i]
		if own.Flags&abi.FlagInternal != 0 || strings.HasPrefix(own.Name, "bpf_classic_") {
			continue // the kernel has no such helper
		}
		t.Run(own.Name, func(t *testing.T) {
			fd, seen, ins := -1, map[string]bool{}, instruction(t, own)
			if slices.Contains(own.Args[:], abi.ArgConstMap) {
				fd = mapOf(t, own.Name).FD()
			}
			for j := range set.Types {
				typ := &set.Types[j]
				if !typ.MayCall(own) || typ.Unsupported != "" || seen[typ.Context.Name+typ.Name[:3]] {
					continue
				}
				seen[typ.Context.Name+typ.Name[:3]] = true
				c := &call{typ: typ, h: set.HelperFor(typ, own.ID), fd: fd, call: ins, size: 16}
				if c.reachable() {
					t.Run(typ.Name, func(t *testing.T) { testCall(t, c) })
				}
			}
		})
	}
}

func TestVariantsAreTheKernels(t *testing.T) {
	each(t, oracle(t), func(t *testing.T, typ *abi.ProgType) {
		for i := range typ.Variants {
			h, fd := &typ.Variants[i], -1
			if slices.Contains(h.Args[:], abi.ArgConstMap) {
				fd = mapOf(t, h.Name).FD()
			}
			testCall(t, &call{typ: typ, h: h, fd: fd, call: instruction(t, h), size: 16})
		}
	})
}

// testCall compares everything that a prototype says.
func testCall(t *testing.T, c *call) {
	require.NoError(t, load(c.typ, true, c.with(-1, vGood)...), "a call as the prototype asks for")
	for i := range c.h.NumArgs() {
		for _, v := range []value{vZero, vCtx, vStack, vPacket, vSock} {
			if v == vPacket && fieldOf(c.typ, abi.FieldPacketStart) == nil ||
				v == vSock && c.socketIn() < 0 && c.typ.Context.Name != "bpf_sock" && !c.finds() {
				continue
			}
			err := load(c.typ, true, c.with(i, v)...)
			if (err == nil) != c.legalValue(i, v) {
				t.Errorf("argument %d is %s: kernel %v, prototype %v", i+1, v, err, c.legalValue(i, v))
			}
		}
	}
	testResult(t, c)
}

// testResult compares what the prototype says about the time after the call.
func testResult(t *testing.T, c *call) {
	number := c.h.Ret == abi.RetInteger
	after := func(code ...asm.Instruction) bool { return load(c.typ, false, c.with(-1, vGood, code...)...) == nil }
	if c.h.Flags&abi.FlagAcquires == 0 {
		require.Equal(t, number, after(asm.Mul.Imm(asm.R0, 3)), "the result is a number")
		if ok := c.h.Ret == abi.RetMapValue; ok || c.h.Ret == abi.RetMapValueOrNull {
			require.Equal(t, ok, after(asm.LoadMem(asm.R1, asm.R0, 0, asm.Word)), "the result is never null")
		}
	}
	if fieldOf(c.typ, abi.FieldPacketStart) != nil {
		stale := c.h.Flags&abi.FlagInvalidatesPackets != 0
		require.Equal(t, stale, !after(asm.LoadMem(asm.R1, asm.R8, 0, asm.Word)), "packet pointers are stale after the call")
	}
	gpl := c.h.Flags&abi.FlagGPL != 0
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.ProgramType(c.typ.Kernel), AttachType: ebpf.AttachType(c.typ.Attach), License: "other", Instructions: c.with(-1, vGood),
	}, ebpf.ProgramOptions{LogDisabled: true})
	if err == nil {
		require.NoError(t, p.Close())
	}
	require.Equal(t, gpl, err != nil, "only for programs under the GPL")
}

// A view of a socket dies with the socket's reference, and stands for it.
func TestCastsAreTheKernels(t *testing.T) {
	set := oracle(t)
	typ, ok := set.Type("sched_cls")
	require.True(t, ok)
	release := func(r asm.Register) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(asm.R1, r), asm.FnSkRelease.Call()}
	}
	for i := range set.Helpers {
		h := &set.Helpers[i]
		if h.Ret != abi.RetStructOrNull || h.Flags&abi.FlagAcquires != 0 {
			continue
		}
		holder := &call{typ: &typ, h: set.HelperByName("bpf_sk_release")} // R7 is a socket with a reference
		view := slices.Concat(holder.prologue(), asm.Instructions{asm.Mov.Reg(asm.R1, asm.R7), instruction(t, h), asm.Mov.Reg(asm.R9, asm.R0)})
		end := asm.Instructions{legal(&typ).WithSymbol("out"), asm.Return()}

		usable := load(&typ, false, slices.Concat(view, release(asm.R7), asm.Instructions{
			asm.JEq.Imm(asm.R9, 0, "out"), asm.LoadMem(asm.R0, asm.R9, 4, asm.Word)}, end)...) == nil
		require.Equal(t, h.Flags&abi.FlagCasts == 0, usable, "%s: the view is usable after the socket's release", h.Name)

		other := release(asm.R7)
		other[0] = other[0].WithSymbol("other")
		stands := load(&typ, false, slices.Concat(view, asm.Instructions{asm.JEq.Imm(asm.R9, 0, "other")}, release(asm.R9),
			asm.Instructions{asm.Ja.Label("out")}, other, end)...) == nil
		require.Equal(t, h.Flags&abi.FlagCasts != 0, stands, "%s: to release the view is to release the socket", h.Name)
	}
}
