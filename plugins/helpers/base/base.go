// Package base is the helper set that needs nothing of its host: programs of
// type mem compute over a block of memory. It also declares what the other sets
// share: the helpers that every program type may call, and every kind of map.
package base

import "github.com/bpfc/bpfc/core/abi"

// Set returns the set "base" with the program type mem: R1 is the address of a
// block of memory, R2 its length in bytes (both 0 without memory), and R0 is an
// unrestricted 64-bit result; and the type bpf_hook. Sections "mem" promise nothing about the length,
// "mem/N" promise N bytes. Its programs may call every helper of the sets that
// base is merged with. The caller owns the result.
func Set() *abi.Set {
	return &abi.Set{
		Name: "base",
		Types: []abi.ProgType{{
			Name:     "mem",
			Sections: []string{"mem", "mem/*"},
			Context:  abi.Context{Kind: abi.CtxMemory, Name: "memory"},
			Helpers:  []string{"*"},
		}, hookType(), seccomp()},
		Helpers:  helpers(),
		MapKinds: mapKinds(),
		Structs:  []abi.Context{opaque(task), opaque(registers), opaque(cgroup), opaque(kptr), opaque(perCPUVar)},
	}
}

func opaque(name string) abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: name, Opaque: true}
}

// seccomp is the type of programs that were made of classic filters of system calls: R1 is the address of a struct
// seccomp_data (include/uapi/linux/seccomp.h, Linux 6.18), the low 32 bits of R0 are the action. They call nothing.
func seccomp() abi.ProgType {
	c := abi.Context{Kind: abi.CtxMemory, Name: "seccomp_data", Size: 64, Fields: []abi.Field{
		{Name: "nr", Offset: 0, Size: 4, Signed: true},
		{Name: "arch", Offset: 4, Size: 4},
		{Name: "instruction_pointer", Offset: 8, Size: 8},
		{Name: "args", Offset: 16, Size: 48, Unit: 8},
	}}
	return abi.ProgType{Name: "seccomp", Sections: []string{"seccomp"}, Context: c}
}
