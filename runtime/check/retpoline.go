package check

import (
	"bytes"

	"github.com/bpfc/bpfc/core/codegen"
)

// A retpoline takes the place of an indirect jump: it puts the target over its own return address, and returns there. It counts as
// one instruction, the jump: nothing leads to its middle.
var (
	retpolineHead = []byte{
		0xe8, 7, 0, 0, 0, // call over
		0xf3, 0x90, // trap: pause
		0x0f, 0xae, 0xe8, // lfence
		0xeb, 0xf9, // jmp trap
	} // over:
	retpolines = [...]struct {
		tail []byte
		insn
	}{
		{
			[]byte{0x48, 0x89, 0x0c, 0x24, 0xc3}, // mov [rsp], rcx; ret
			insn{form: transfer | last | thunk, name: "retpoline by rcx", tail: true},
		},
		{
			[]byte{0x41, 0xff, 0x74, 0x24, codegen.RunExit, 0x8f, 0x04, 0x24, 0xc3}, // push [r12+RunExit]; pop [rsp]; ret
			insn{form: transfer | last | thunk, name: "retpoline by the exit", hasMem: true, memBytes: 8, mem: operand{base: regR12, index: noReg, disp: codegen.RunExit}},
		},
	}
)

// decodeRetpoline decodes a retpoline. It reports false if the code is none.
func decodeRetpoline(code []byte) (in insn, ok bool) {
	rest, ok := bytes.CutPrefix(code, retpolineHead)
	if !ok {
		return insn{}, false
	}
	for i := range retpolines {
		if r := &retpolines[i]; bytes.HasPrefix(rest, r.tail) {
			in = r.insn
			in.len = len(retpolineHead) + len(r.tail)
			return in, true
		}
	}
	return insn{}, false
}
