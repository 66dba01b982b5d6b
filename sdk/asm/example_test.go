package asm_test

import (
	"fmt"

	"github.com/bpfc/bpfc/sdk/asm"
)

// A dispatcher that is generated from a configuration: it returns the queue of
// the port whose number lies in the first two bytes of memory, 0 if there is none.
func Example() {
	queues := []struct {
		port  int32
		queue int32
	}{{22, 1}, {80, 2}, {443, 2}}

	b := asm.New("dispatch").Program("dispatch", "mem/2", "").
		Add(asm.LdxH(asm.R1, asm.R1, 0), asm.Be16(asm.R1))
	for _, q := range queues {
		next := fmt.Sprintf("not_%d", q.port)
		b.Add(
			asm.JNEImm(asm.R1, q.port, next),
			asm.MovImm(asm.R0, q.queue),
			asm.Exit(),
		).Label(next)
	}
	b.Add(asm.MovImm(asm.R0, 0), asm.Exit())

	object, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for slot, insn := range object.Programs[0].Insns {
		fmt.Printf("%2d: %v\n", slot, insn)
	}
	// Output:
	//  0: r1 = *(u16 *)(r1 + 0)
	//  1: r1 = be16 r1
	//  2: if r1 != 22 goto +2
	//  3: r0 = 1
	//  4: exit
	//  5: if r1 != 80 goto +2
	//  6: r0 = 2
	//  7: exit
	//  8: if r1 != 443 goto +2
	//  9: r0 = 2
	// 10: exit
	// 11: r0 = 0
	// 12: exit
}

// A mistake is reported with the call that made it.
func ExampleBuilder_Build() {
	_, err := asm.New("x").Program("main", "mem", "").
		Add(asm.MovImm(asm.R0, 1), asm.Ja("end")).
		Build()
	fmt.Println(err)
	// Output: asm: call 2, Add, instruction 1 (goto end): the label "end" is not defined
}
