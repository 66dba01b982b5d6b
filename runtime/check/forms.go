package check

import "golang.org/x/arch/x86/x86asm"

// form says what an instruction does, and which operands it may have.
type form uint32

const (
	first    form = 1 << iota // writes its first operand
	second                    // writes its second operand
	lockable                  // may have a lock prefix with memory
	transfer                  // control goes elsewhere: to an instruction, or through the exit
	call                      // and comes back
	last                      // control does not go on behind it
	bare                      // has no operands
	filler                    // may only stand where control does not come
	trap                      // is the one-byte breakpoint
	address                   // computes its memory operand's address only
	nowhere                   // does not access its memory operand
	vector                    // may have vector registers
	stack                     // pushes or pops 8 bytes
	counts                    // has a mandatory repeat prefix
	thunk                     // is a retpoline

	reads form = 0
	both       = first | second
)

// forms are the allowed instructions: those without an effect beyond
// registers, flags and their memory operand.
var forms = map[x86asm.Op]form{
	x86asm.ADD: first | lockable, x86asm.ADC: first | lockable, x86asm.SUB: first | lockable, x86asm.SBB: first | lockable,
	x86asm.AND: first | lockable, x86asm.OR: first | lockable, x86asm.XOR: first | lockable,
	x86asm.INC: first | lockable, x86asm.DEC: first | lockable, x86asm.NEG: first | lockable, x86asm.NOT: first | lockable,
	x86asm.CMP: reads, x86asm.TEST: reads, x86asm.BT: reads,
	x86asm.MUL: reads, x86asm.DIV: reads, x86asm.IDIV: reads, x86asm.IMUL: first,
	x86asm.CWDE: bare, x86asm.CDQE: bare, x86asm.CDQ: bare, x86asm.CQO: bare,

	x86asm.MOV: first, x86asm.MOVZX: first, x86asm.MOVSX: first, x86asm.MOVSXD: first, x86asm.LEA: first | address, x86asm.BSWAP: first,
	x86asm.ROL: first, x86asm.ROR: first, x86asm.SHL: first, x86asm.SHR: first, x86asm.SAR: first,
	x86asm.BSF: first, x86asm.BSR: first, x86asm.LZCNT: first | counts, x86asm.TZCNT: first | counts, x86asm.POPCNT: first | counts,
	x86asm.XCHG: both | lockable, x86asm.XADD: both | lockable, x86asm.CMPXCHG: first | lockable,
	x86asm.PUSH: stack, x86asm.POP: first | stack,
	x86asm.MOVUPS: first | vector, x86asm.XORPS: first | vector,
	x86asm.MFENCE: bare, x86asm.LFENCE: bare,
	x86asm.NOP: nowhere, x86asm.UD2: bare | filler, x86asm.INT: trap | filler,

	x86asm.CMOVA: first, x86asm.CMOVAE: first, x86asm.CMOVB: first, x86asm.CMOVBE: first, x86asm.CMOVE: first, x86asm.CMOVG: first,
	x86asm.CMOVGE: first, x86asm.CMOVL: first, x86asm.CMOVLE: first, x86asm.CMOVNE: first, x86asm.CMOVNO: first,
	x86asm.CMOVNP: first, x86asm.CMOVNS: first, x86asm.CMOVO: first, x86asm.CMOVP: first, x86asm.CMOVS: first,
	x86asm.SETA: first, x86asm.SETAE: first, x86asm.SETB: first, x86asm.SETBE: first, x86asm.SETE: first, x86asm.SETG: first,
	x86asm.SETGE: first, x86asm.SETL: first, x86asm.SETLE: first, x86asm.SETNE: first, x86asm.SETNO: first,
	x86asm.SETNP: first, x86asm.SETNS: first, x86asm.SETO: first, x86asm.SETP: first, x86asm.SETS: first,
	x86asm.JA: transfer, x86asm.JAE: transfer, x86asm.JB: transfer, x86asm.JBE: transfer, x86asm.JE: transfer, x86asm.JG: transfer,
	x86asm.JGE: transfer, x86asm.JL: transfer, x86asm.JLE: transfer, x86asm.JNE: transfer, x86asm.JNO: transfer,
	x86asm.JNP: transfer, x86asm.JNS: transfer, x86asm.JO: transfer, x86asm.JP: transfer, x86asm.JS: transfer,
	x86asm.CALL: transfer | call, x86asm.JMP: transfer | last, x86asm.RET: bare | last,
}
