#include "textflag.h"
#include "funcdata.h"

// How machine code is entered and left. A run switches from the goroutine's
// stack (G) to the worker's control stack (C) and back; calls and returns are
// paired as the CPU's return predictor expects them:
//
//	Go ── call enter ─┐ G→C
//	                  └─ call entry … ret ─┐
//	                  ┌────────────────────┘ C→G
//	      ret to Go ──┘
//
//	entry … call leave ─┐ C→G
//	                    └─ jmp exited ── call Go exit ── ret ─┐
//	entry continues ◄─ ret ─┐ G→C ── resume ◄── jmp ──────────┘
//
// leave restores the stack pointer of enter's caller, so that exited stands
// where enter stood, with the same arguments: while the Go function runs, the
// goroutine's stack holds a frame of constant size that the unwinder knows, and
// may grow and be scanned as under any call. enter, leave and resume write SP;
// the unwinder stops at such functions, so a signal in them or in machine code is
// harmless. Machine code has no Go function around its pc: it is never preempted
// asynchronously, and profilers count it as external code. g in R14 and zero in
// X15 are restored by the wrappers around ABI0 calls.

#define rcExit		8
#define rcHostSP	16
#define rcHostBP	64
#define rcControlTop	72
#define rcStackTop	80
#define rcLeft		88
#define rcReg(n)	(96+8*n)
#define rcArgs	224
#define rcEntry	264
#define rcR1	272
#define rcR2	280
#define leafEntry	0
#define leafLeast	8
#define leafMask	16
#define leafFrame	512
#define loopNext	rcReg(0)
#define loopEnd	rcReg(1)
#define loopRets	rcReg(2)
#define loopStart	rcReg(3)
#define loopStop	rcReg(4)
#define loopMeta	rcReg(5)
#define loopMask	rcReg(6)
#define loopLeast	rcReg(7)

// func enter(w *Worker, rc *runContext) (r0 uint64)
// Registers that a program can name are 0 but for its arguments and R9, whose register keeps the
// stack pointer for the return, which is quicker than the way through memory; it counts only if it is
// what memory says, for the stack may have moved since. No program reads what it has not written.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ rc+8(FP), R12
	MOVQ rcR1(R12), DI
	MOVQ rcR2(R12), SI
	MOVQ SP, R15
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
	CALL rcEntry(R12)
	MOVQ rcHostBP(R12), BP
	CMPQ R15, rcHostSP(R12)
	JNE moved
	MOVQ R15, SP
	MOVQ AX, r0+16(FP)
	RET
moved:
	MOVQ rcHostSP(R12), SP
	MOVQ AX, r0+16(FP)
	RET

// func enterLeaf(l *leaf, mem unsafe.Pointer, n int) (r0 uint64, ran bool)
// Calls the leaf on the goroutine's own stack, unless it has ended or gets too little memory. The BPF stack is in the
// frame, which does not move meanwhile: behind the prologue nothing here is a safe point. leafGrace relies on it as
// well, so that this is the place that looks whether the leaf has ended.
TEXT ·enterLeaf(SB), 0, $512-33
	NO_LOCAL_POINTERS
	MOVQ l+0(FP), DX
	MOVQ mem+8(FP), DI
	MOVQ n+16(FP), SI
	MOVQ leafEntry(DX), AX
	CMPQ SI, leafLeast(DX)
	JLT not
	TESTQ AX, AX
	JEQ not
	TESTQ SI, SI
	CMOVQEQ SI, DI
	LEAQ leafFrame(SP), BP
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
	MOVQ l+0(FP), DX
	ANDQ leafMask(DX), AX
	MOVQ AX, r0+24(FP)
	MOVB $1, ran+32(FP)
	RET
not:
	MOVQ $0, r0+24(FP)
	MOVB $0, ran+32(FP)
	RET

#define eachNext	512
#define eachLeft	520
#define eachRets	528

// func enterLeafEach(l *leaf, mems *[]byte, n int, rets *uint64) (done int)
// Calls the leaf on each of n memories, up to the first that is too short, or until the leaf has ended: see enterLeaf. What the
// loop needs lies in the frame above the BPF stack. No program reads a register that it has not written.
TEXT ·enterLeafEach(SB), 0, $544-40
	NO_LOCAL_POINTERS
	MOVQ mems+8(FP), R9
	MOVQ R9, eachNext(SP)
	MOVQ n+16(FP), R10
	MOVQ R10, eachLeft(SP)
	MOVQ rets+24(FP), R11
	MOVQ R11, eachRets(SP)
	LEAQ leafFrame(SP), BP
	XORL BX, BX
	XORL CX, CX
	XORL R8, R8
	XORL R13, R13
	XORL R14, R14
	XORL R15, R15
each:
	CMPQ eachLeft(SP), $0
	JEQ out
	MOVQ l+0(FP), DX
	MOVQ leafEntry(DX), AX
	MOVQ eachNext(SP), R9
	MOVQ 0(R9), DI
	MOVQ 8(R9), SI
	CMPQ SI, leafLeast(DX)
	JLT out
	TESTQ AX, AX
	JEQ out
	TESTQ SI, SI
	CMOVQEQ SI, DI
	CALL AX
	MOVQ l+0(FP), DX
	ANDQ leafMask(DX), AX
	MOVQ eachRets(SP), R11
	MOVQ AX, 0(R11)
	ADDQ $8, eachRets(SP)
	ADDQ $24, eachNext(SP)
	DECQ eachLeft(SP)
	JMP each
out:
	MOVQ n+16(FP), AX
	SUBQ eachLeft(SP), AX
	MOVQ AX, done+32(FP)
	RET

// func enterEach(w *Worker, rc *runContext)
// Enters once for each packet of the loop, of a program that never leaves its code, up to the first that is too short or, of a
// program with a context, touches a multiple of 4 GiB (see cut).
// The loop is in registers that programs preserve. R0 to R5 begin as a run has left them, R6 to R9 with what the loop has
// there; no program reads what it has not written.
TEXT ·enterEach(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ rc+8(FP), R12
	MOVQ SP, rcHostSP(R12)
	MOVQ BP, rcHostBP(R12)
	MOVQ rcStackTop(R12), BP
	MOVQ rcControlTop(R12), SP
	MOVQ loopNext(R12), BX
	MOVQ loopEnd(R12), R13
	MOVQ loopRets(R12), R14
	MOVQ rcEntry(R12), R15
	XORL AX, AX
	XORL CX, CX
	XORL DX, DX
	XORL R8, R8
next:
	CMPQ BX, R13
	JEQ done
	MOVQ 0(BX), DI
	MOVQ 8(BX), SI
	CMPQ SI, loopLeast(R12)
	JLT done
	MOVQ loopStart(R12), R9
	TESTQ R9, R9
	JEQ memory
	LEAQ (DI)(SI*1), AX
	LEAQ -1(DI), R11
	XORQ AX, R11
	SHRQ $32, R11
	JNE done
	MOVQ loopMeta(R12), R10
	MOVQ loopStop(R12), R11
	MOVQ DI, (R9)
	MOVQ DI, (R10)
	MOVQ AX, (R11)
	MOVQ rcR1(R12), DI
	XORL SI, SI
run:
	CALL R15
	ANDQ loopMask(R12), AX
	MOVQ AX, (R14)
	ADDQ $24, BX
	ADDQ $8, R14
	JMP next
memory:
	TESTQ SI, SI
	CMOVQEQ SI, DI
	JMP run
done:
	MOVQ BX, loopNext(R12)
	MOVQ rcHostSP(R12), SP
	MOVQ rcHostBP(R12), BP
	RET

// func leave()
// What machine code calls to leave: R12 = run context, the return address is where it resumes.
// R1 to R5, the arguments of a helper, are stored in pairs, because Go will load them so.
TEXT ·leave(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ DI, X0
	MOVQ SI, X1
	MOVQ DX, X2
	MOVQ CX, X3
	PUNPCKLQDQ X1, X0
	PUNPCKLQDQ X3, X2
	MOVUPS X0, (rcArgs+0)(R12)
	MOVUPS X2, (rcArgs+16)(R12)
	MOVQ R8, (rcArgs+32)(R12)
	MOVQ AX, rcReg(0)(R12)
	MOVQ BX, rcReg(3)(R12)
	MOVQ SP, rcReg(4)(R12)
	MOVQ BP, rcReg(5)(R12)
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

// func exited(w *Worker, rc *runContext) (r0 uint64)
// It stands where enter stood.
TEXT ·exited(SB), NOSPLIT, $16-24
	NO_LOCAL_POINTERS
	MOVQ w+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·exit(SB)
	MOVBLZX 8(SP), AX
	TESTL AX, AX
	JEQ ended
	RET ·resume(SB)
ended:
	MOVQ $0, r0+16(FP)
	RET

// func resume(w *Worker, rc *runContext) (r0 uint64)
// Continues after leave; what follows returns from enter.
TEXT ·resume(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ rc+8(FP), R12
	MOVQ SP, rcHostSP(R12)
	MOVQ BP, rcHostBP(R12)
	MOVQ rcReg(0)(R12), AX
	MOVQ rcReg(3)(R12), BX
	MOVQ rcReg(4)(R12), SP
	MOVQ rcReg(5)(R12), BP
	MOVQ (rcArgs+0)(R12), DI
	MOVQ (rcArgs+8)(R12), SI
	MOVQ (rcArgs+16)(R12), DX
	MOVQ (rcArgs+24)(R12), CX
	MOVQ (rcArgs+32)(R12), R8
	MOVQ rcReg(9)(R12), R9
	MOVQ rcReg(10)(R12), R10
	MOVQ rcReg(11)(R12), R11
	MOVQ rcReg(13)(R12), R13
	MOVQ rcReg(14)(R12), R14
	MOVQ rcReg(15)(R12), R15
	RET

// func call5(rc *runContext, fn uint64, args *[5]uint64) (r0 uint64)
// Calls a native helper on the control stack.
TEXT ·call5(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ rc+0(FP), R12
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

// func storeReleaseNow(p *atomic.Uint64, v uint64)
TEXT ·storeReleaseNow(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ v+8(FP), CX
	MOVQ CX, (AX)
	RET

// func leaveAddress() uint64
TEXT ·leaveAddress(SB), NOSPLIT, $0-8
	LEAQ ·leave(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func goroutine() uint64
// The address of the goroutine's descriptor, which is compared and never followed.
TEXT ·goroutine(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET
