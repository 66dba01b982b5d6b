package kernel

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// mapTypeArray is BPF_MAP_TYPE_ARRAY: data sections are maps of it, as libbpf makes them.
const mapTypeArray = 2

// CodeOf makes the bytecode of a program of an object as front ends produce
// it. The program and attach types are those of its type in the set if that
// says them, and else of its section (SectionType); a caller with better
// knowledge sets Code.Type and Code.Attach. Helpers called by name get their
// number from the set; those whose number is none of Linux are taken for
// functions of the kernel. Addresses inside data are an error: the kernel
// cannot be asked about them in this way.
func CodeOf(o *obj.Object, p *obj.Program, set *abi.Set) (*Code, error) {
	c, err := codeOf(o, p, set)
	if err != nil {
		return nil, err
	}
	if c.Maps, err = MapsOf(o); err != nil {
		return nil, err
	}
	c.dropUnused()
	return c, nil
}

// MapsOf are the maps of an object, and after them its data sections.
func MapsOf(o *obj.Object) (all []Map, err error) {
	for i := range o.Maps {
		all = append(all, Map{MapSpec: o.Maps[i]})
	}
	for i := range o.Data {
		d := &o.Data[i]
		if len(d.Relocs) > 0 {
			return nil, fmt.Errorf("section %s holds addresses, which maps cannot", d.Name)
		}
		spec := abi.MapSpec{Name: d.Name, Type: mapTypeArray, KeySize: 4, ValueSize: uint32(len(d.Bytes)), MaxEntries: 1, Special: d.Special}
		all = append(all, Map{MapSpec: spec, Value: d.Bytes, ReadOnly: d.ReadOnly})
	}
	return all, nil
}

// codeOf is CodeOf without maps: its references are to those of MapsOf.
func codeOf(o *obj.Object, p *obj.Program, set *abi.Set) (*Code, error) {
	c := &Code{Name: p.Name, License: o.License}
	c.Type, c.Attach = typeOf(p, set)
	c.Flags = flagsOf(c.Type, p.Section)
	insns := slices.Clone(p.Insns)
	for i := range p.Refs {
		if err := c.resolve(insns, &p.Refs[i], len(o.Maps), set); err != nil {
			return nil, err
		}
	}
	c.Funcs = funcsOf(p, insns)
	var err error
	c.Insns, err = isa.Encode(insns)
	return c, err
}

// typeOf is the kernel's numbers of a program's type, 0 if nothing says them.
func typeOf(p *obj.Program, set *abi.Set) (kind, attach uint32) {
	if set != nil {
		t, ok := set.Type(p.Type)
		if !ok {
			t, ok = set.SectionType(p.Section)
		}
		if ok && t.Kernel != 0 {
			return t.Kernel, t.Attach
		}
	}
	kind, attach, _ = SectionType(p.Section)
	return kind, attach
}

// flagsOf are the flags that libbpf 1.6 derives from a section's name (BPF_F_SLEEPABLE and BPF_F_XDP_HAS_FRAGS, include/uapi/linux/bpf.h).
func flagsOf(kind uint32, section string) uint32 {
	const syscall, sleepable, frags = 31, 1 << 4, 1 << 5
	hook, _, _ := strings.Cut(section, "/")
	switch {
	case kind == syscall || strings.HasSuffix(hook, ".s"):
		return sleepable
	case hook == "xdp.frags":
		return frags
	}
	return 0
}

// resolve gives the instruction of a Ref the form that the kernel takes; descriptors follow when there are maps.
func (c *Code) resolve(insns []isa.Insn, r *obj.Ref, maps int, set *abi.Set) error {
	in := &insns[r.Slot]
	switch r.Kind {
	case obj.RefMap:
		*in = isa.LoadMapFD(in.Dst, 0)
		c.Refs = append(c.Refs, MapRef{r.Slot, r.Index})
	case obj.RefMapValue, obj.RefData:
		if r.Addend != int64(int32(r.Addend)) {
			return fmt.Errorf("instruction %d: offset %d does not fit", r.Slot, r.Addend)
		}
		index := r.Index
		if r.Kind == obj.RefData {
			index += maps
		}
		*in = isa.LoadMapValueFD(in.Dst, 0, int32(r.Addend))
		c.Refs = append(c.Refs, MapRef{r.Slot, index})
	case obj.RefFunc:
		*in = isa.LoadFunc(in.Dst, int32(r.Index-r.Slot-1))
	default:
		c.call(in, r, set)
	}
	return nil
}

// lastHelper is the highest number of a helper (BPF_FUNC_cgrp_storage_delete, include/uapi/linux/bpf.h, Linux 6.18).
const lastHelper = 211

// call makes a call by name one by number.
func (c *Code) call(in *isa.Insn, r *obj.Ref, set *abi.Set) {
	if set != nil && r.Kind == obj.RefHelper {
		if h := set.HelperByName(r.Name); h != nil && h.ID <= lastHelper {
			*in = isa.CallHelper(int32(h.ID))
			return
		}
	}
	*in = isa.CallKernel(0, 0)
	c.Kfuncs = append(c.Kfuncs, Kfunc{r.Slot, path.Base(r.Name)})
}

// dropUnused keeps the maps that are referred to, and the templates of inner maps.
func (c *Code) dropUnused() {
	keep := make([]bool, len(c.Maps))
	for _, r := range c.Refs {
		keep[r.Map] = true
		if inner := int(c.Maps[r.Map].Inner); inner > 0 && inner <= len(keep) {
			keep[inner-1] = true
		}
	}
	index, kept := make([]int, len(keep)), []Map(nil)
	for i, k := range keep {
		if index[i] = len(kept); k {
			kept = append(kept, c.Maps[i])
		}
	}
	for i := range kept {
		if kept[i].Inner > 0 {
			kept[i].Inner = uint32(index[kept[i].Inner-1]) + 1
		}
	}
	for i := range c.Refs {
		c.Refs[i].Map = index[c.Refs[i].Map]
	}
	c.Maps = kept
}

// funcsOf finds the functions as the kernel does (add_subprog_and_kfunc,
// kernel/bpf/verifier.c, Linux 6.18): what a call or a function value leads to.
func funcsOf(p *obj.Program, insns []isa.Insn) []Func {
	starts := []int{0}
	for slot, in := range insns {
		if in.Op == isa.CallLocal || in.Op == isa.LddwFunc {
			starts = append(starts, slot+1+int(int32(in.Imm)))
		}
	}
	slices.Sort(starts)
	var funcs []Func
	for _, slot := range slices.Compact(starts) {
		f := Func{Slot: slot}
		if i := slices.IndexFunc(p.Funcs, func(f obj.FuncInfo) bool { return f.Slot == slot }); i >= 0 {
			f.Name, f.Global, f.Params = p.Funcs[i].Name, p.Funcs[i].Global, p.Funcs[i].Params
		}
		funcs = append(funcs, f)
	}
	return funcs
}
