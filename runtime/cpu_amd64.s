#include "textflag.h"

// func cpuid(leaf, sub uint32) (regs [4]uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, regs_0+8(FP)
	MOVL BX, regs_1+12(FP)
	MOVL CX, regs_2+16(FP)
	MOVL DX, regs_3+20(FP)
	RET
