package elf

import (
	"errors"
	"fmt"
	"math"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// apply changes the instruction at slot at (bpf_core_patch_insn, libbpf 1.6).
func (f *coreFix) apply(insns []isa.Insn, at int) error {
	in := &insns[at]
	if in.Op == isa.Pad {
		return errors.New("it is for the second slot of an lddw")
	}
	if f.poison {
		f.spoil(insns, at)
		return nil
	}
	row := in.Row()
	switch row.Kind {
	case isa.KindALU:
		if row.SrcReg {
			break
		}
		return f.setImm(in, row)
	case isa.KindLoadImm64:
		if in.Op != isa.LddwImm64 {
			break
		}
		if f.check && uint64(in.Imm) != f.old {
			return fmt.Errorf("the instruction has %d instead of %d", in.Imm, f.old)
		}
		in.Imm = int64(f.new)
		return nil
	case isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm:
		return f.setAccess(insns, at)
	}
	return fmt.Errorf("the instruction %v has nothing to adapt", *in)
}

// spoil puts a poisoned call in place of the instruction; an lddw becomes two.
func (f *coreFix) spoil(insns []isa.Insn, at int) {
	n := insns[at].Slots()
	for i := range n {
		insns[at+i] = isa.CallHelper(obj.Poison)
	}
}

// setImm changes the immediate.
func (f *coreFix) setImm(in *isa.Insn, row *isa.Row) error {
	if f.check && uint32(in.Imm) != uint32(f.old) {
		return fmt.Errorf("the instruction has %d instead of %d", in.Imm, f.old)
	}
	n := int64(f.new)
	if n < math.MinInt32 || n > math.MaxInt32 && (row.Width == 64 || n > math.MaxUint32) {
		return fmt.Errorf("the value %d does not fit 32 bits", n)
	}
	in.Imm = int64(int32(n))
	return nil
}

// setAccess changes the offset and the size of a load or store.
func (f *coreFix) setAccess(insns []isa.Insn, at int) error {
	in := &insns[at]
	row := in.Row()
	switch {
	case f.check && uint64(int64(in.Off)) != f.old:
		return fmt.Errorf("the instruction has offset %d instead of %d", in.Off, f.old)
	case f.new > math.MaxInt16:
		return fmt.Errorf("the offset %d does not fit 16 bits", f.new)
	case f.narrow:
		f.spoil(insns, at)
		return nil
	}
	in.Off = int16(f.new)
	if f.oldSize == f.newSize {
		return nil
	}
	if uint32(row.Size) != f.oldSize || f.newSize > 8 {
		return fmt.Errorf("the access of %d bytes to a member of %d, which in the kernel has %d, cannot be adapted", row.Size, f.oldSize, f.newSize)
	}
	resized := resize(*in, row.Kind, uint8(f.newSize))
	if resized.Op == isa.Invalid {
		return fmt.Errorf("there is no access of %d bytes like %v", f.newSize, *in)
	}
	*in = resized
	return nil
}

// resize returns the load or store with another size, Invalid if there is none.
func resize(in isa.Insn, kind isa.Kind, size uint8) isa.Insn {
	switch kind {
	case isa.KindLoad:
		return isa.LoadMem(in.Dst, in.Src, in.Off, size)
	case isa.KindLoadSX:
		return isa.LoadMemSX(in.Dst, in.Src, in.Off, size)
	case isa.KindStore:
		return isa.StoreMem(in.Dst, in.Off, in.Src, size)
	}
	return isa.StoreImm(in.Dst, in.Off, int32(in.Imm), size)
}
