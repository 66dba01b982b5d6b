package fake

import "github.com/bpfc/bpfc/core/abi"

// Ways returns a set with ways/body, ways/native and ways/go(x), which are x + 1, and ways/expanded(), the number of the CPU.
func Ways() *abi.Set {
	number := [5]abi.ArgKind{abi.ArgAny}
	return &abi.Set{Name: "ways", Helpers: []abi.Helper{
		{ID: 0xfa4f_0001, Name: "ways/expanded", Intrinsic: abi.IntrinsicCPU, Impl: abi.ImplIntrinsic},
		{ID: 0xfa4f_0002, Name: "ways/body", Args: number, Impl: abi.ImplBody, Body: []byte{
			0xbf, 0x10, 0, 0, 0, 0, 0, 0, // r0 = r1
			0x07, 0, 0, 0, 1, 0, 0, 0, // r0 += 1
			0x95, 0, 0, 0, 0, 0, 0, 0}}, // exit
		{ID: 0xfa4f_0003, Name: "ways/native", Args: number, Impl: abi.ImplNative, NativeTarget: "amd64",
			Native: []byte{0x48, 0x8d, 0x47, 0x01, 0xc3}}, // lea rax, [rdi + 1]; ret
		{ID: 0xfa4f_0004, Name: "ways/go", Args: number, Impl: abi.ImplGo},
		{ID: 0xfa4f_0005, Name: "ways/sum", Args: [5]abi.ArgKind{abi.ArgFixedMem, abi.ArgFixedMemWrite}, Sizes: [5]uint32{8, 8}, Impl: abi.ImplBody, Body: []byte{
			0x79, 0x10, 0, 0, 0, 0, 0, 0, // r0 = *(u64 *)(r1 + 0)
			0x7b, 0x02, 0, 0, 0, 0, 0, 0, // *(u64 *)(r2 + 0) = r0
			0x95, 0, 0, 0, 0, 0, 0, 0}}, // exit
	}}
}
