package networking_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// These tests draw short scripts of helper calls over packets, run them in the
// running kernel by BPF_PROG_TEST_RUN and here, and compare everything: results,
// memory, the context and the packet. Nothing is attached, nothing leaves the machine.

// Memory that a script works on, the value of an array map in the kernel:
//
//	│ results, 8 each │ memory of the calls, 64 each │ the context's fields, 8 each │
const (
	memAt, areaSize, fieldsAt = 64, 64, 512

	memorySize = 1536
	steps      = 4
)

// scripted is one call of a script.
type scripted struct {
	helper string
	args   []arg
}

// arg is an argument: a number, the context, or memory of the script at an offset.
type arg struct {
	kind argKind
	v    uint64
	data []byte // that the memory holds before the run
}

type argKind uint8

const (
	aNumber argKind = iota
	aContext
	aMemory
)

func ctxArg() arg      { return arg{kind: aContext} }
func num(v uint64) arg { return arg{v: v} }
func in(step int, b []byte) arg {
	return arg{kind: aMemory, v: uint64(memAt + step*areaSize), data: b}
}

// word is a field of the context that a program of the type can load.
type loadable struct {
	name string
	off  int16
	size asm.Size
}

// loadables are the numbers of a context.
func loadables(c *abi.Context, skip ...string) (ls []loadable) {
	for _, f := range c.Fields {
		if f.Kind != abi.FieldScalar || slices.Contains(skip, f.Name) {
			continue
		}
		unit := f.Size
		if f.Unit != 0 {
			unit = f.Unit
		}
		for off := f.Offset; off < f.Offset+f.Size; off += unit {
			ls = append(ls, loadable{f.Name, int16(off), map[uint32]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}[unit]})
		}
	}
	return ls
}

// kernelSide is the array map that scripts work on, and the types.
type kernelSide struct {
	set    *abi.Set
	memory *ebpf.Map
	last   uint64 // what the first call of the last script gave
}

// needTestRun skips the test where the kernel runs no programs for this process.
func needTestRun(t *testing.T) *kernelSide {
	set := oracle(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: memorySize, MaxEntries: 1})
	if err != nil {
		t.Skipf("the kernel makes no maps for this process: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	return &kernelSide{set: set, memory: m}
}

// code is the script as a program: R6 is the context, R7 the memory.
func (k *kernelSide) code(typ *abi.ProgType, script []scripted, fields []loadable) asm.Instructions {
	is := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMapValue(asm.R7, k.memory.FD(), 0)}
	for i, s := range script {
		for j, a := range s.args {
			r := asm.R1 + asm.Register(j)
			switch a.kind {
			case aNumber:
				is = append(is, asm.LoadImm(r, int64(a.v), asm.DWord))
			case aContext:
				is = append(is, asm.Mov.Reg(r, asm.R6))
			case aMemory:
				is = append(is, asm.Mov.Reg(r, asm.R7), asm.Add.Imm(r, int32(a.v)))
			}
		}
		id := k.set.HelperByName(s.helper).ID
		is = append(is, asm.BuiltinFunc(id).Call(), asm.StoreMem(asm.R7, int16(8*i), asm.R0, asm.DWord))
	}
	for i, f := range fields {
		is = append(is, asm.LoadMem(asm.R0, asm.R6, f.off, f.size), asm.StoreMem(asm.R7, int16(fieldsAt+8*i), asm.R0, asm.DWord))
	}
	return append(is, legal(typ), asm.Return())
}

// outcome is what a script left.
type outcome struct {
	err    string // of the run, as the kernel's name
	memory []byte
	packet []byte
	ctx    []byte
}

// fresh is the memory before a script.
func fresh(script []scripted) []byte {
	b := make([]byte, memorySize)
	for _, s := range script {
		for _, a := range s.args {
			if a.kind == aMemory {
				copy(b[a.v:], a.data)
			}
		}
	}
	return b
}

// run is the script in the kernel.
func (k *kernelSide) run(t *testing.T, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) outcome {
	alive.Pace()
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.ProgramType(typ.Kernel), AttachType: ebpf.AttachType(typ.Attach), License: "GPL", Instructions: k.code(typ, script, fields),
	}, ebpf.ProgramOptions{})
	if err != nil {
		t.Fatalf("%s\n%.600v", show(script), err)
	}
	defer p.Close()
	require.NoError(t, k.memory.Put(uint32(0), fresh(script)))
	out := outcome{packet: make([]byte, 256<<10)}
	o := &ebpf.RunOptions{Data: packet, DataOut: out.packet}
	if ctx != nil {
		o.Context, o.ContextOut = ctx, make([]byte, len(ctx))
	}
	if _, err := p.Run(o); err != nil {
		return outcome{err: err.Error()}
	}
	out.memory = make([]byte, memorySize)
	require.NoError(t, k.memory.Lookup(uint32(0), &out.memory))
	out.packet = o.DataOut
	if ctx != nil {
		out.ctx = o.ContextOut.([]byte)
	}
	return out
}

// ours is the script here.
func ours(t *testing.T, env map[string]string, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) outcome {
	h, impl := implement(t, env)
	c, err := start(t, h, impl, typ, ctx, packet)
	if err != nil {
		return outcome{err: err.Error()}
	}
	mem, at, _ := h.Alloc(memorySize)
	copy(mem, fresh(script))
	for i, s := range script {
		args := make([]uint64, len(s.args))
		for j, a := range s.args {
			args[j] = a.v
			if a.kind == aMemory {
				args[j] += at
			}
		}
		binary.LittleEndian.PutUint64(mem[8*i:], c.call(s.helper, args...))
	}
	for i, f := range fields {
		copy(mem[fieldsAt+8*i:], make([]byte, 8))
		copy(mem[fieldsAt+8*i:], c.ctx[f.off:int(f.off)+f.size.Sizeof()])
	}
	c.leave(0)
	out := slices.Concat(c.packet.Meta(), c.packet.Bytes())
	return outcome{memory: slices.Clone(mem), packet: out, ctx: c.ctx[:c.visible]}
}

// onlyLoopback is a machine with no other interface.
var onlyLoopback = map[string]string{"devices": "[]"}

// compareRuns runs the script on both sides.
func (k *kernelSide) compareRuns(t *testing.T, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) bool {
	return k.compareIn(t, onlyLoopback, typ, script, fields, ctx, packet)
}

// compareIn does so with an environment that is as the machine is.
func (k *kernelSide) compareIn(t *testing.T, env map[string]string, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) bool {
	kernel, here := k.run(t, typ, script, fields, ctx, packet), ours(t, env, typ, script, fields, ctx, packet)
	say := func(format string, args ...any) {
		t.Errorf("%s: %s\npacket %x\ncontext %x\nscript %s", typ.Name, fmt.Sprintf(format, args...), packet, ctx, show(script))
	}
	if (kernel.err != "") != (here.err != "") {
		say("kernel %q, here %q", kernel.err, here.err)
		return false
	}
	if kernel.err != "" {
		return true
	}
	k.last = binary.LittleEndian.Uint64(kernel.memory)
	for i := range script {
		if a, b := int64(binary.LittleEndian.Uint64(kernel.memory[8*i:])), int64(binary.LittleEndian.Uint64(here.memory[8*i:])); a != b {
			say("call %d, %s: kernel %d, here %d", i, script[i].helper, a, b)
			return false
		}
	}
	for i, f := range fields {
		if a, b := binary.LittleEndian.Uint64(kernel.memory[fieldsAt+8*i:]), binary.LittleEndian.Uint64(here.memory[fieldsAt+8*i:]); a != b {
			say("field %s at %d: kernel %#x, here %#x", f.name, f.off, a, b)
			return false
		}
	}
	if a, b := kernel.memory[memAt:fieldsAt], here.memory[memAt:fieldsAt]; !slices.Equal(a, b) {
		say("memory: kernel %x\nhere   %x", a, b)
		return false
	}
	if !slices.Equal(kernel.packet, here.packet) {
		say("packet after: kernel %x\nhere   %x", kernel.packet, here.packet)
		return false
	}
	return true
}

func show(script []scripted) string {
	var b strings.Builder
	for _, s := range script {
		fmt.Fprintf(&b, "\n  %s", s.helper)
		for _, a := range s.args {
			switch a.kind {
			case aContext:
				b.WriteString(" ctx")
			case aMemory:
				fmt.Fprintf(&b, " mem+%d(%x)", a.v, a.data)
			default:
				fmt.Fprintf(&b, " %#x", a.v)
			}
		}
	}
	return b.String()
}
