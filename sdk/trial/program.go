package trial

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/asm"
)

// newProgram makes a program that calls a helper with arguments which its prototype allows. The error says why it cannot.
func newProgram(s *abi.Set, h *abi.Helper, round int, draw *rand.Rand) (*program, error) {
	t, ok := typeFor(s, h)
	if !ok {
		return nil, fmt.Errorf("it takes a context, and no program type of the set that may call it has one")
	}
	w := &writer{set: s, helper: h, round: round, draw: draw, builder: asm.New("trial")}
	w.builder.Program("trial", t.Name, "")
	if t.Context.Kind == abi.CtxStruct {
		w.add(asm.MovReg(asm.R6, asm.R1))
	}
	for i := range h.NumArgs() {
		if err := w.argument(i); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	w.add(w.registers...)
	w.add(asm.CallHelper(h.Name))
	if h.Ret != abi.RetInteger {
		w.add(asm.MovImm(asm.R0, 0))
	}
	w.add(asm.Exit())
	o, err := w.builder.License("GPL").Build()
	if err != nil {
		return nil, err
	}
	return &program{object: o, set: withType(s, t), typ: t.Name}, nil
}

// writer writes such a program: memory on the stack first, then the registers.
type writer struct {
	set       *abi.Set
	helper    *abi.Helper
	round     int
	draw      *rand.Rand
	builder   *asm.Builder
	registers []asm.Insn // what sets R1 to R5
	stack     int        // bytes in use
	mapped    bool
}

func (w *writer) add(insns ...asm.Insn) { w.builder.Add(insns...) }

func (w *writer) register(i int, in func(asm.Reg) asm.Insn) {
	w.registers = append(w.registers, in(asm.Reg(i+1)))
}

func (w *writer) number(i int, v int64) {
	w.register(i, func(r asm.Reg) asm.Insn { return asm.LddwImm64(r, v) })
}

// longest is the longest memory of an argument that the trial makes, in bytes: five of them fit on the stack.
const longest = 96

// The map of the trial has keys of 4 bytes and values of 8.
const (
	keySize   = 4
	valueSize = 8
)

// edges are numbers that often make a difference.
var edges = []int64{0, 1, -1, 1 << 31, -1 << 31, 1<<63 - 1, -1 << 63, 4096}

// argument sets one argument; a length is set with its memory.
func (w *writer) argument(i int) error {
	null := w.round%bodyRounds == bodyRounds-1
	switch k := w.helper.Args[i]; k {
	case abi.ArgAny:
		if v := int64(w.draw.Uint64()); w.round%2 == 0 {
			w.number(i, v)
		} else {
			w.number(i, edges[w.draw.IntN(len(edges))])
		}
	case abi.ArgCtx, abi.ArgCtxOrNull:
		if k == abi.ArgCtxOrNull && null {
			w.number(i, 0)
			return nil
		}
		w.register(i, func(r asm.Reg) asm.Insn { return asm.MovReg(r, asm.R6) })
	case abi.ArgConst, abi.ArgFlagZero:
		if i == 0 || !sized(w.helper.Args[i-1]) {
			w.number(i, 0)
		}
	case abi.ArgSize, abi.ArgSizeOrZero:
	case abi.ArgMem, abi.ArgMemWrite, abi.ArgMemOrNull, abi.ArgMemWriteOrNull:
		w.sizedMemory(i, null && (k == abi.ArgMemOrNull || k == abi.ArgMemWriteOrNull))
	case abi.ArgFixedMem, abi.ArgFixedMemWrite:
		if w.helper.Sizes[i] > longest {
			return fmt.Errorf("%d bytes of memory are more than a trial makes", w.helper.Sizes[i])
		}
		w.memory(i, int(w.helper.Sizes[i]))
	case abi.ArgConstMap:
		return w.mapArgument(i)
	case abi.ArgMapKey, abi.ArgMapKeyOrNull:
		w.memory(i, keySize)
	case abi.ArgMapValue, abi.ArgMapValueOrNull, abi.ArgMapValueOut:
		w.memory(i, valueSize)
	default:
		return fmt.Errorf("its kind is not one that a trial makes up")
	}
	return nil
}

// sized reports whether an argument's length is the next one.
func sized(k abi.ArgKind) bool {
	return k == abi.ArgMem || k == abi.ArgMemWrite || k == abi.ArgMemOrNull || k == abi.ArgMemWriteOrNull
}

// sizedMemory sets an argument and its length.
func (w *writer) sizedMemory(i int, null bool) {
	least := 1
	if w.helper.Args[i+1] == abi.ArgSizeOrZero {
		least = 0
	}
	n := least + w.draw.IntN(longest+1-least)
	if w.round == 1 {
		n = longest
	}
	if null && least == 0 {
		w.number(i, 0)
		w.number(i+1, 0)
		return
	}
	w.memory(i, n)
	w.number(i+1, int64(n))
}

// memory sets an argument to memory on the stack, which is filled.
func (w *writer) memory(i, n int) {
	room := (n + 7) &^ 7
	w.stack += max(room, 8)
	for off := 0; off < room; off += 8 {
		w.add(asm.StDW(asm.R10, int16(off-w.stack), int32(w.draw.Uint32())))
	}
	at := int32(-w.stack)
	w.registers = append(w.registers, asm.MovReg(asm.Reg(i+1), asm.R10), asm.AddImm(asm.Reg(i+1), at))
}

// plainMaps are the kinds of maps with keys and values of any size.
var plainMaps = []uint32{abi.MapTypeHash, abi.MapTypeArray, abi.MapTypePerCPUHash, abi.MapTypePerCPUArray, abi.MapTypeLRUHash, abi.MapTypeLRUPerCPUHash}

// mapArgument sets an argument to a map of a kind that takes the helper.
func (w *writer) mapArgument(i int) error {
	for _, k := range w.set.MapKinds {
		if !slices.Contains(plainMaps, k.Type) || !slices.Contains(k.Helpers, w.helper.Name) {
			continue
		}
		if !w.mapped {
			w.builder.Map(asm.Map{Name: "trial", Type: k.Type, KeySize: keySize, ValueSize: valueSize, MaxEntries: 4})
			w.mapped = true
		}
		w.register(i, func(r asm.Reg) asm.Insn { return asm.LoadMap(r, "trial") })
		return nil
	}
	return fmt.Errorf("no kind of map with keys and values takes the helper")
}
