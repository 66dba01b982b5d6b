#include "go_asm.h"
#include "textflag.h"
#include "funcdata.h"

// How machine code is entered and left. A run switches from the goroutine's
// stack (G) to the worker's control stack (C) and back; calls and returns are
// paired as the CPU's return predictor expects them:
//
//	Go ── call enter ── call toCode ─┐ G→C
//	                                 └─ call entry … ret ─┐
//	                                 ┌────────────────────┘ C→G
//	      ret to Go ── ret to enter ─┘
//
//	entry … call leave ─┐ C→G
//	                    └─ jmp exited ── call Go exit ── ret ─┐
//	entry continues ◄─ ret ─┐ G→C ── resume ◄── jmp ──────────┘
//
// leave drops toCode's frame: while the Go function runs, the goroutine's stack
// holds enter's frame and exited's, both of constant size, which the unwinder
// knows; so the stack may grow and be scanned as under any call. toCode, leave
// and resume write SP; the unwinder stops at such functions, so a signal in them
// or in machine code is harmless. Machine code has no Go function around its pc:
// it is never preempted asynchronously, and profilers count it as external code.
// g in R14 and zero in X15 are restored by the wrappers around ABI0 calls.

#define rcExit		8
#define rcHostSP	16
#define rcHostBP	40
#define rcControlTop	48
#define rcStackTop	56
#define rcLeft		64
#define rcReg(n)	(72+8*n)

// func enter(w *Worker, entry, r1, r2 uint64) (r0 uint64)
TEXT ·enter(SB), NOSPLIT, $8-40
	NO_LOCAL_POINTERS
	MOVQ w+0(FP), BX
	MOVQ BX, 0(SP) // the argument of toCode, and of exited when it takes toCode's place
	MOVQ entry+8(FP), AX
	MOVQ r1+16(FP), DI
	MOVQ r2+24(FP), SI
	CALL ·toCode(SB)
	MOVQ AX, r0+32(FP)
	RET

// func toCode(w *Worker)
// AX = entry, DI = R1, SI = R2. Every other register that a program can name is 0.
TEXT ·toCode(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ w+0(FP), BX
	MOVQ Worker_rc(BX), R12
	MOVQ SP, rcHostSP(R12)
	MOVQ BP, rcHostBP(R12)
	MOVQ rcStackTop(R12), BP
	MOVQ rcControlTop(R12), SP
	XORL BX, BX
	XORL CX, CX
	XORL DX, DX
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	XORL R11, R11
	XORL R13, R13
	XORL R14, R14
	XORL R15, R15
	CALL AX
	MOVQ rcHostSP(R12), SP
	MOVQ rcHostBP(R12), BP
	RET

// func leave()
// What machine code calls to leave: R12 = run context, the return address is where it resumes.
TEXT ·leave(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ AX, rcReg(0)(R12)
	MOVQ CX, rcReg(1)(R12)
	MOVQ DX, rcReg(2)(R12)
	MOVQ BX, rcReg(3)(R12)
	MOVQ SP, rcReg(4)(R12)
	MOVQ BP, rcReg(5)(R12)
	MOVQ SI, rcReg(6)(R12)
	MOVQ DI, rcReg(7)(R12)
	MOVQ R8, rcReg(8)(R12)
	MOVQ R9, rcReg(9)(R12)
	MOVQ R10, rcReg(10)(R12)
	MOVQ R11, rcReg(11)(R12)
	MOVQ R13, rcReg(13)(R12)
	MOVQ R14, rcReg(14)(R12)
	MOVQ R15, rcReg(15)(R12)
	MOVQ 0(SP), AX
	MOVQ AX, rcLeft(R12)
	MOVQ rcHostSP(R12), SP
	MOVQ rcHostBP(R12), BP
	JMP ·exited(SB)

// func exited(w *Worker)
// It stands where toCode stood: its return address is in enter.
TEXT ·exited(SB), NOSPLIT, $16-8
	NO_LOCAL_POINTERS
	MOVQ w+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·exit(SB)
	MOVBLZX 8(SP), AX
	TESTB AX, AX
	JEQ done
	RET ·resume(SB)
done:
	RET

// func resume(w *Worker)
// Continues after leave, whose place on the stack it takes.
TEXT ·resume(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ w+0(FP), BX
	MOVQ Worker_rc(BX), R12
	MOVQ SP, rcHostSP(R12)
	MOVQ BP, rcHostBP(R12)
	MOVQ rcReg(0)(R12), AX
	MOVQ rcReg(1)(R12), CX
	MOVQ rcReg(2)(R12), DX
	MOVQ rcReg(3)(R12), BX
	MOVQ rcReg(4)(R12), SP
	MOVQ rcReg(5)(R12), BP
	MOVQ rcReg(6)(R12), SI
	MOVQ rcReg(7)(R12), DI
	MOVQ rcReg(8)(R12), R8
	MOVQ rcReg(9)(R12), R9
	MOVQ rcReg(10)(R12), R10
	MOVQ rcReg(11)(R12), R11
	MOVQ rcReg(13)(R12), R13
	MOVQ rcReg(14)(R12), R14
	MOVQ rcReg(15)(R12), R15
	RET

// func call5(w *Worker, fn uint64, args *[5]uint64) (r0 uint64)
// Calls a native helper on the control stack.
TEXT ·call5(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ w+0(FP), BX
	MOVQ Worker_rc(BX), R12
	MOVQ fn+8(FP), AX
	MOVQ args+16(FP), R9
	MOVQ 0(R9), DI
	MOVQ 8(R9), SI
	MOVQ 16(R9), DX
	MOVQ 24(R9), CX
	MOVQ 32(R9), R8
	MOVQ SP, rcHostSP(R12)
	MOVQ BP, rcHostBP(R12)
	MOVQ rcControlTop(R12), SP
	CALL AX
	MOVQ rcHostSP(R12), SP
	MOVQ rcHostBP(R12), BP
	MOVQ AX, r0+24(FP)
	RET

// func leaveAddress() uint64
TEXT ·leaveAddress(SB), NOSPLIT, $0-8
	LEAQ ·leave(SB), AX
	MOVQ AX, ret+0(FP)
	RET
