package tracing_test

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// value is something that a program passes to a helper.
type value uint8

const (
	zero value = iota
	eight
	stack // 64 bytes that are written
	context
	task
	table // a map of the kind that the helper works with
)

var valueNames = [...]string{"0", "8", "stack", "context", "task", "map"}

// legal is the values that an argument of a kind may have, among those that are tried; the first is tried with the other arguments.
var legal = map[abi.ArgKind][]value{
	abi.ArgAny:            {zero, eight, stack, context, task, table},
	abi.ArgCtx:            {context},
	abi.ArgConstMap:       {table},
	abi.ArgMem:            {stack},
	abi.ArgMemWrite:       {stack},
	abi.ArgMemWriteOrNull: {stack},
	abi.ArgFixedMemWrite:  {stack},
	abi.ArgSize:           {eight},
	abi.ArgSizeOrZero:     {eight, zero},
	abi.ArgStruct:         {task},
}

// tried is the values that an argument of a kind is tried with. Linux takes a task
// for memory, and a context too in programs of type syscall; bpfc takes neither.
func tried(k abi.ArgKind) []value {
	switch k {
	case abi.ArgSize, abi.ArgSizeOrZero:
		return []value{zero, eight}
	case abi.ArgMem, abi.ArgMemWrite, abi.ArgMemWriteOrNull, abi.ArgFixedMemWrite:
		return []value{zero, eight, stack}
	}
	return []value{zero, eight, stack, context, task, table}
}

// call is a program that passes values to a helper.
func call(h *abi.Helper, values [5]value, fd int) []asm.Instruction {
	insns := []asm.Instruction{asm.Mov.Reg(asm.R6, asm.R1), asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R7, asm.R0), asm.Mov.Imm(asm.R1, 0)}
	for at := int16(-64); at < 0; at += 8 {
		insns = append(insns, asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
	}
	for i := range h.NumArgs() {
		r := asm.R1 + asm.Register(i)
		switch values[i] {
		case zero:
			insns = append(insns, asm.Mov.Imm(r, 0))
		case eight:
			insns = append(insns, asm.Mov.Imm(r, 8))
		case stack:
			insns = append(insns, asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, -64))
		case context:
			insns = append(insns, asm.Mov.Reg(r, asm.R6))
		case task:
			insns = append(insns, asm.Mov.Reg(r, asm.R7))
		case table:
			insns = append(insns, asm.LoadMapPtr(r, fd))
		}
	}
	return append(insns, asm.BuiltinFunc(h.ID).Call(), asm.Mov.Imm(asm.R0, 0))
}

// mapFor makes a map of a kind that a helper works with.
func mapFor(t *testing.T, h *abi.Helper) *ebpf.Map {
	spec := &ebpf.MapSpec{Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	if h.Name == "bpf_get_stackid" {
		spec = &ebpf.MapSpec{Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	}
	m, err := ebpf.NewMap(spec)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// typed reports whether the kinds of all arguments are ones that a program here can supply.
func typed(h *abi.Helper) bool {
	for i, k := range h.Args[:h.NumArgs()] {
		if legal[k] == nil || k == abi.ArgStruct && h.Structs[i] != "task_struct" {
			return false
		}
	}
	return true
}

// Each argument alone takes another value than the right one: the kernel and the
// prototype agree whether it may.
func TestPrototypesAreTheKernels(t *testing.T) {
	needKernel(t)
	set := tracing.Set()
	types, flags := asked()
	checked := map[string]bool{}
	for i, typ := range types {
		for j := range set.Helpers {
			h := &set.Helpers[j]
			if checked[h.Name] || h.ID > 0xffff || !typ.MayCall(h) || h.Flags&abi.FlagSleeps != 0 && !typ.Sleepable || configured[h.Name] != "" || !typed(h) {
				continue
			}
			checked[h.Name] = true
			fd := mapFor(t, h).FD()
			var right [5]value
			for n, k := range h.Args[:h.NumArgs()] {
				right[n] = legal[k][0]
			}
			accepted, err := kernelSays(ebpf.ProgramType(typ.Kernel), typ.Attach, flags[i], call(h, right, fd)...)
			require.NoError(t, err)
			require.True(t, accepted, "%s in %s, legal arguments", h.Name, typ.Name)
			for n, k := range h.Args[:h.NumArgs()] {
				for _, v := range tried(k) {
					if v == table && flags[i] == sleepable {
						continue // programs that may sleep must not use such maps at all
					}
					values := right
					values[n] = v
					accepted, err := kernelSays(ebpf.ProgramType(typ.Kernel), typ.Attach, flags[i], call(h, values, fd)...)
					require.NoError(t, err)
					require.Equal(t, accepted, slices.Contains(legal[k], v), "%s in %s, argument %d is %s", h.Name, typ.Name, n+1, valueNames[v])
				}
			}
		}
	}
	require.Greater(t, len(checked), 15)
}
