package elf

import (
	"slices"

	"github.com/cilium/ebpf/btf"
)

// typesMatch reports whether a type of the kernel has all that one of the object
// has, by name and kind (__bpf_core_types_match, libbpf 1.6). Behind a pointer
// the names of structures are enough.
func typesMatch(local, kernel btf.Type, pointer bool, depth int) bool {
	if depth > maxPath/2 {
		return false
	}
	local, kernel = btf.UnderlyingType(local), btf.UnderlyingType(kernel)
	if essential(local.TypeName()) != essential(kernel.TypeName()) {
		return false
	}
	if l, ok := local.(*btf.Fwd); ok {
		return forwardMatches(l, kernel, pointer)
	}
	if k, ok := kernel.(*btf.Fwd); ok && pointer {
		_, union := local.(*btf.Union)
		_, structure := local.(*btf.Struct)
		return union && k.Kind == btf.FwdUnion || structure && k.Kind == btf.FwdStruct
	}
	if !sameKind(local, kernel) {
		return false
	}
	switch l := local.(type) {
	case *btf.Void:
		return true
	case *btf.Enum:
		return enumMatches(l, kernel.(*btf.Enum))
	case *btf.Struct:
		return pointer || membersMatch(l.Members, kernel.(*btf.Struct).Members, depth)
	case *btf.Union:
		return pointer || membersMatch(l.Members, kernel.(*btf.Union).Members, depth)
	case *btf.Int:
		k := kernel.(*btf.Int)
		return l.Size == k.Size && (l.Encoding == btf.Signed) == (k.Encoding == btf.Signed)
	case *btf.Pointer:
		return typesMatch(l.Target, kernel.(*btf.Pointer).Target, true, depth+1)
	case *btf.Array:
		k := kernel.(*btf.Array)
		return l.Nelems == k.Nelems && typesMatch(l.Type, k.Type, pointer, depth+1)
	case *btf.FuncProto:
		return signatureMatches(l, kernel.(*btf.FuncProto), pointer, depth)
	}
	return false
}

// forwardMatches compares a declaration without members.
func forwardMatches(local *btf.Fwd, kernel btf.Type, pointer bool) bool {
	switch k := kernel.(type) {
	case *btf.Fwd:
		return local.Kind == k.Kind
	case *btf.Struct:
		return pointer && local.Kind == btf.FwdStruct
	case *btf.Union:
		return pointer && local.Kind == btf.FwdUnion
	}
	return false
}

func enumMatches(local, kernel *btf.Enum) bool {
	for _, l := range local.Values {
		if !slices.ContainsFunc(kernel.Values, func(k btf.EnumValue) bool { return essential(k.Name) == essential(l.Name) }) {
			return false
		}
	}
	return len(local.Values) <= len(kernel.Values)
}

func membersMatch(local, kernel []btf.Member, depth int) bool {
	for _, l := range local {
		if !slices.ContainsFunc(kernel, func(k btf.Member) bool {
			return essential(k.Name) == essential(l.Name) && typesMatch(l.Type, k.Type, false, depth+1)
		}) {
			return false
		}
	}
	return len(local) <= len(kernel)
}

func signatureMatches(local, kernel *btf.FuncProto, pointer bool, depth int) bool {
	if len(local.Params) != len(kernel.Params) {
		return false
	}
	for i, p := range local.Params {
		if !typesMatch(p.Type, kernel.Params[i].Type, pointer, depth+1) {
			return false
		}
	}
	return typesMatch(local.Return, kernel.Return, pointer, depth+1)
}
