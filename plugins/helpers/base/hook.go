package base

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// hookName is the program type of hooks of any program, and the structure that is their context.
const hookName = "bpf_hook"

// hookFields are the words of struct bpf_hook, each of 8 bytes. The arguments are addresses and a length, or whatever
// else the program gets: numbers for the verifier, which bpf_probe_read_kernel reads behind.
var hookFields = [...]string{"arg1", "arg2", "ret", "exit", "failed"}

// hookType is the type of programs that run before and after others in user space, as those of the kernel's fentry and
// fexit do: their context has the arguments of the other program and, after it, what it has returned.
func hookType() abi.ProgType {
	fields := make([]abi.Field, len(hookFields))
	for i, name := range hookFields {
		fields[i] = abi.Field{Name: name, Offset: uint32(8 * i), Size: 8, Narrow: true}
	}
	return abi.ProgType{
		Name:     hookName,
		Sections: []string{"hook", "hook/*"},
		Context:  abi.Context{Kind: abi.CtxStruct, Name: hookName, Size: uint32(8 * len(fields)), Fields: fields},
		Helpers:  []string{"*"},
	}
}

// hooks fill in struct bpf_hook.
func hooks() map[string]func([]byte, codegen.HookArgs) {
	number := map[bool]uint64{true: 1}
	return map[string]func([]byte, codegen.HookArgs){hookName: func(ctx []byte, a codegen.HookArgs) {
		for i, v := range [len(hookFields)]uint64{a.Args[0], a.Args[1], a.Ret, number[a.Exit], number[a.Failed]} {
			binary.LittleEndian.PutUint64(ctx[8*i:], v)
		}
	}}
}
