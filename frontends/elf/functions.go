package elf

import (
	stdelf "debug/elf"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf/btf"
)

// funcRecord is what .BTF.ext says of a function: its type, at the slot where it begins.
type funcRecord struct {
	slot int
	typ  btf.TypeID
}

// readFunc reads a record of a function: offset and type.
func (f *file) readFunc(s *section, slot int, r []byte) error {
	s.funcs = append(s.funcs, funcRecord{slot, btf.TypeID(binary.LittleEndian.Uint32(r[4:]))})
	return nil
}

// typeOf returns the type of a function, nil if BTF has none.
func (f *file) typeOf(u *unit) *btf.Func {
	if u.section == nil || f.types == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(u.section.funcs, u.start, func(r funcRecord, slot int) int { return r.slot - slot })
	if !found {
		return nil
	}
	t, err := f.types.spec.TypeByID(u.section.funcs[i].typ)
	if err != nil {
		return nil
	}
	fn, _ := t.(*btf.Func)
	return fn
}

// describe says what a subprogram is. Linux verifies it alone if BTF says that
// it is global and libbpf has not made it static for its hidden symbol
// (btf_prepare_func_args, kernel/bpf/btf.c, Linux 6.18; libbpf 1.6).
func (f *file) describe(u *unit, slot int) obj.FuncInfo {
	info := obj.FuncInfo{Slot: slot, Name: u.name}
	fn := f.typeOf(u)
	if slot == 0 || fn == nil || fn.Linkage != btf.GlobalFunc || u.hidden {
		return info
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return info
	}
	info.Global = true
	for i, p := range proto.Params {
		var tags []string
		if i < len(fn.ParamTags) {
			tags = fn.ParamTags[i]
		}
		info.Params = append(info.Params, param(p.Type, argTags(tags)))
	}
	return info
}

// argTags are the tags that begin with "arg:", without it.
func argTags(tags []string) []string {
	var list []string
	for _, t := range tags {
		if name, ok := strings.CutPrefix(t, "arg:"); ok {
			list = append(list, name)
		}
	}
	return list
}

// param describes a parameter with its tags as btf_prepare_func_args does.
func param(t btf.Type, tags []string) obj.Param {
	other := obj.Param{Kind: obj.ParamOther}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Pointer:
		return pointerParam(t.Target, tags)
	case *btf.Int, *btf.Enum:
		if len(tags) == 0 {
			return obj.Param{Kind: obj.ParamScalar}
		}
	}
	return other
}

func pointerParam(target btf.Type, tags []string) obj.Param {
	p := obj.Param{Kind: obj.ParamOther, Struct: structName(target)}
	switch {
	case slices.Equal(tags, []string{"ctx"}):
		return obj.Param{Kind: obj.ParamCtx, Struct: p.Struct}
	case len(tags) == 0 && p.Struct == "bpf_dynptr":
		return obj.Param{Kind: obj.ParamDynptr, Struct: p.Struct}
	case len(tags) > 0 && !slices.Equal(tags, []string{"nonnull"}):
		return p
	}
	if n, ok := sizeOf(target); ok {
		p.Kind, p.Size, p.NonNull = obj.ParamMem, n, len(tags) > 0
	}
	return p
}

// userRegs is the name by which kprobes know their context on every machine
// (include/uapi/asm-generic/bpf_perf_event.h, Linux 6.18).
const userRegs = "bpf_user_pt_regs_t"

// structName is the name of the structure t, "" if it is none.
func structName(t btf.Type) string {
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		if u.Name != "" {
			return clean(u.Name)
		}
	}
	if d, ok := btf.QualifiedType(t).(*btf.Typedef); ok && d.Name == userRegs {
		return d.Name
	}
	return ""
}

// sizeOf is the size of memory of type t in bytes, if it has one (btf_resolve_size).
func sizeOf(t btf.Type) (uint32, bool) {
	switch btf.UnderlyingType(t).(type) {
	case *btf.Void, *btf.Fwd, *btf.FuncProto:
		return 0, false
	}
	n, err := btf.Sizeof(t)
	if err != nil || n < 0 || uint64(n) > maxData {
		return 0, false
	}
	return uint32(n), true
}

// hiddenSymbol reports whether a symbol is not visible outside its object.
func hiddenSymbol(y *stdelf.Symbol) bool {
	v := stdelf.ST_VISIBILITY(y.Other)
	return v == stdelf.STV_HIDDEN || v == stdelf.STV_INTERNAL
}
