package amd64

// listings are programs and all of their code. A branch names the offset that it goes to.
var listings = []struct {
	name, cpu string
	frame     int // of a program of one function
	ir, want  string
}{
	{"mov of 0 is xor", "", 0, `
		r0 = mov64 0
		exit`, `
		xor eax, eax
		ret`},
	{"small constants are 32 bits", "", 0, `
		r1 = mov64 1
		r2 = mov64 4294967295
		r3 = mov64 -1
		r4 = mov32 -1
		r5 = mov64 -2147483648
		r0 = mov64 81985529216486895
		exit`, `
		mov edi, 0x1
		mov esi, -0x1
		mov rdx, -0x1
		mov ecx, -0x1
		mov r8, -0x80000000
		mov rax, 0x123456789abcdef
		ret`},
	{"32-bit moves zero-extend", "", 0, `
		r0 = mov32 r1
		r2 = mov32 r2
		r0 = mov64 r2
		exit`, `
		mov eax, edi
		mov esi, esi
		mov rax, rsi
		ret`},
	{"add", "", 0, `
		r0 = mov64 r1
		r0 = add64 r0, 1
		r0 = add64 r0, 127
		r0 = add64 r0, 128
		r0 = add32 r0, r2
		r0 = add64 r0, r3
		exit`, `
		mov rax, rdi
		add rax, 0x1
		add rax, 0x7f
		add rax, 0x80
		add eax, esi
		add rax, rdx
		ret`},
	{"add in three addresses is lea", "", 0, `
		r0 = add64 r1, 8
		r0 = add64 r1, r2
		r0 = add32 r1, r0
		exit`, `
		lea rax, ptr [rdi+0x8]
		lea rax, ptr [rdi+rsi]
		add eax, edi
		ret`},
	{"add of an immediate that fits none", "", 0, `
		r0 = add64 r1, 4294967296
		exit`, `
		mov r11, 0x100000000
		lea rax, ptr [rdi+r11]
		ret`},
	{"sub", "", 0, `
		r0 = sub64 r1, 8
		r0 = sub64 r0, r2
		r0 = sub64 r3, r0
		r0 = sub32 r0, 1
		r0 = sub64 r1, -2147483648
		exit`, `
		lea rax, ptr [rdi-0x8]
		sub rax, rsi
		neg rax
		add rax, rdx
		sub eax, 0x1
		mov rax, rdi
		sub rax, -0x80000000
		ret`},
	{"logic", "", 0, `
		r0 = and64 r1, 255
		r0 = and32 r0, 65535
		r0 = or64 r0, 16
		r0 = xor64 r0, -1
		r0 = and64 r2, r0
		r0 = xor32 r0, r3
		exit`, `
		movzx eax, dil
		movzx eax, ax
		or rax, 0x10
		not rax
		and rax, rsi
		xor eax, edx
		ret`},
	{"mul", "", 0, `
		r0 = mul64 r1, 10
		r0 = mul32 r0, r2
		r0 = mul64 r3, r0
		r0 = mul64 r1, 1000
		exit`, `
		imul rax, rdi, 0xa
		imul eax, esi
		imul rax, rdx
		imul rax, rdi, 0x3e8
		ret`},
	{"neg, extensions, byte order", "", 0, `
		r0 = neg64 r1
		r0 = neg32 r0
		r0 = sext32.s8 r0
		r0 = sext64.s16 r1
		r0 = sext64.s32 r0
		r0 = zext.u8 r2
		r0 = zext.u32 r0
		r0 = bswap.u16 r1
		r0 = bswap.u32 r0
		r0 = bswap.u64 r2
		exit`, `
		mov rax, rdi
		neg rax
		neg eax
		movsx eax, al
		movsx rax, di
		movsxd rax, eax
		movzx eax, sil
		mov eax, eax
		movzx eax, di
		rol ax, 0x8
		bswap eax
		mov rax, rsi
		bswap rax
		ret`},
	{"shifts by constants", "", 0, `
		r0 = lsh64 r1, 3
		r0 = rsh32 r0, 1
		r0 = arsh64 r0, 63
		exit`, `
		mov rax, rdi
		shl rax, 0x3
		shr eax, 0x1
		sar rax, 0x3f
		ret`},
	{"a shift by R4 needs nothing", "", 0, `
		r1 = lsh64 r1, r4
		r1 = rsh32 r1, r4
		r0 = mov64 r1
		exit`, `
		shl rdi, cl
		shr edi, cl
		mov rax, rdi
		ret`},
	{"a shift by another register keeps R4 if it is read later", "", 0, `
		r1 = lsh64 r1, r2
		r0 = mov64 r1
		r0 = add64 r0, r4
		exit`, `
		mov r11, rcx
		mov ecx, esi
		shl rdi, cl
		mov rcx, r11
		mov rax, rdi
		add rax, rcx
		ret`},
	{"a shift by another register takes rcx if R4 is dead", "", 0, `
		r1 = arsh64 r1, r2
		r0 = mov64 r1
		exit`, `
		mov ecx, esi
		sar rdi, cl
		mov rax, rdi
		ret`},
	{"a shift of R4", "", 0, `
		r4 = rsh64 r4, r2
		r0 = mov64 r4
		exit`, `
		mov r10, rcx
		mov ecx, esi
		shr r10, cl
		mov rcx, r10
		mov rax, rcx
		ret`},
	{"a shift of R4 by itself", "", 0, `
		r4 = lsh64 r4, r4
		r0 = mov64 r4
		exit`, `
		mov r10, rcx
		shl r10, cl
		mov rcx, r10
		mov rax, rcx
		ret`},
	{"BMI2 shifts any register by any", "x86-64-v3", 0, `
		r0 = lsh64 r1, r2
		r0 = rsh32 r0, r5
		r0 = arsh64 r0, r4
		exit`, `
		shlx rax, rdi, rsi
		shrx rax, rax, r8 (32)
		sarx rax, rax, rcx
		ret`},
	{"32-bit operands are divided in 32 bits", "", 0, `
		r0 = div32 r2, r1
		exit`, `
		test edi, edi
		jz 11
		mov eax, esi
		xor edx, edx
		div edi
		ret
		xor eax, eax
		jmp 10`},
	{"a division keeps R3 if it is read later", "", 0, `
		r0 = mod32 r2, r1
		r0 = add64 r0, r3
		exit`, `
		test edi, edi
		jz 22
		mov r10, rdx
		mov eax, esi
		xor edx, edx
		div edi
		mov eax, edx
		mov rdx, r10
		add rax, rdx
		ret
		mov eax, esi
		jmp 18`},
	{"a division by a constant has no special cases", "", 0, `
		r0 = div32 r1, 10
		exit`, `
		mov r11d, 0xa
		mov eax, edi
		xor edx, edx
		div r11d
		ret`},
	{"a signed division", "", 0, `
		r0 = sdiv32 r2, r1
		exit`, `
		test edi, edi
		jz 15
		cmp edi, -0x1
		jz 19
		mov eax, esi
		cdq
		idiv edi
		ret
		xor eax, eax
		jmp 14
		mov eax, esi
		neg eax
		jmp 14`},
	{"64-bit operands are tried in 32 bits", "", 0, `
		r0 = div64 r2, r1
		exit`, `
		test rdi, rdi
		jz 30
		mov rax, rsi
		mov rdx, rax
		or rdx, rdi
		shr rdx, 0x20
		jz 27
		xor edx, edx
		div rdi
		jmp 29
		div edi
		ret
		xor eax, eax
		jmp 29`},
	{"divisions that divide nothing", "", 0, `
		r0 = div64 r1, 1
		r0 = mod64 r0, 1
		r0 = sdiv64 r0, -1
		r0 = smod32 r0, -1
		r0 = div32 r1, 0
		r0 = mod32 r1, 0
		exit`, `
		mov rax, rdi
		xor eax, eax
		neg rax
		xor eax, eax
		xor eax, eax
		mov eax, edi
		ret`},
	{"loads fold their address", "", 0, `
		r0 = load.u8 [r1+1]
		r0 = load.u16 [r1+r2*2+16]
		r0 = load.u32 [r1+r0*4]
		r0 = load.s8 [r1-1]
		r0 = load.s32 [r1+1024]
		r0 = load.u64 [r1]
		exit`, `
		movzx eax, byte ptr [rdi+0x1]
		movzx eax, word ptr [rdi+2*rsi+0x10]
		mov eax, dword ptr [rdi+4*rax]
		movsx rax, byte ptr [rdi-0x1]
		movsxd rax, dword ptr [rdi+0x400]
		mov rax, qword ptr [rdi]
		ret`},
	{"stores", "", 16, `
		store.u8 [r10-1], 255
		store.u16 [r10-2], r1
		store.u32 [r1+4], 7
		store.u64 [r1+r2*8], r3
		store.u64 [r10-16], -1
		store.u64 [r10-16], 4294967295
		r0 = mov64 0
		exit`, `
		mov byte ptr [rbp-0x1], 0xff
		mov word ptr [rbp-0x2], di
		mov dword ptr [rdi+0x4], 0x7
		mov qword ptr [rdi+8*rsi], rdx
		mov qword ptr [rbp-0x10], -0x1
		mov r11d, -0x1
		mov qword ptr [rbp-0x10], r11
		xor eax, eax
		ret`},
	{"acquire and release are free", "", 0, `
		r0 = load.u64.acquire [r1]
		store.u64.release [r1], r0
		store.u32.seqcst [r1], 0
		exit`, `
		mov rax, qword ptr [rdi]
		mov qword ptr [rdi], rax
		mov dword ptr [rdi], 0x0
		mfence
		ret`},
	{"lea", "", 16, `
		r0 = lea [r1+r2*4+8]
		r0 = lea [r10-16]
		exit`, `
		lea rax, ptr [rdi+4*rsi+0x8]
		lea rax, ptr [rbp-0x10]
		ret`},
	{"atomics without a result", "", 0, `
		atomic.add.u64.relaxed [r1], r2
		atomic.or.u32.relaxed [r1+4], r2
		atomic.and.u64.relaxed [r1], r2
		atomic.xor.u64.relaxed [r1], r2
		r0 = mov64 0
		exit`, `
		lock add qword ptr [rdi], rsi
		lock or dword ptr [rdi+0x4], esi
		lock and qword ptr [rdi], rsi
		lock xor qword ptr [rdi], rsi
		xor eax, eax
		ret`},
	{"atomics with a result", "", 0, `
		r2 = atomic.add.u64.seqcst [r1], r2
		r3 = atomic.xchg.u32.seqcst [r1+4], r3
		r0 = mov64 r4
		r0 = atomic.cmpxchg.u64.seqcst [r1], r2, r0
		r0 = atomic.cmpxchg.u32.seqcst [r1], r3, r0
		r0 = add64 r2, r3
		exit`, `
		lock xadd qword ptr [rdi], rsi
		xchg dword ptr [rdi+0x4], edx
		mov rax, rcx
		lock cmpxchg qword ptr [rdi], rsi
		lock cmpxchg dword ptr [rdi], edx
		mov eax, eax
		lea rax, ptr [rsi+rdx]
		ret`},
	{"an atomic or with a result loops", "", 0, `
		r2 = atomic.or.u64.seqcst [r1+8], r2
		r0 = mov64 r2
		exit`, `
		lea r11, ptr [rdi+0x8]
		mov rax, qword ptr [r11]
		mov r10, rax
		or r10, rsi
		lock cmpxchg qword ptr [r11], r10
		jnz 7
		mov rsi, rax
		mov rax, rsi
		ret`},
	{"a compare with zero is test", "", 0, `
		b0:
		br64 eq r1, 0 -> b2, b1
		b1:
		r0 = mov64 1
		exit
		b2:
		r0 = mov64 2
		exit`, `
		test rdi, rdi
		jz 11
		mov eax, 0x1
		ret
		mov eax, 0x2
		ret`},
	{"a compare with a register or a byte", "", 0, `
		b0:
		br32 slt r1, 10 -> b2, b1
		b1:
		br64 uge r1, r2 -> b2, b3
		b2:
		r0 = mov64 1
		exit
		b3:
		r0 = mov64 2
		exit`, `
		cmp edi, 0xa
		jl 10
		cmp rdi, rsi
		jb 16
		mov eax, 0x1
		ret
		mov eax, 0x2
		ret`},
	{"a branch on bits", "", 0, `
		b0:
		br64 set r1, 8 -> b2, b1
		b1:
		br32 set r1, r2 -> b2, b3
		b2:
		r0 = mov64 1
		exit
		b3:
		r0 = mov64 2
		exit`, `
		test dil, 0x8
		jnz 10
		test edi, esi
		jz 16
		mov eax, 0x1
		ret
		mov eax, 0x2
		ret`},
	{"a branch on what was just computed compares nothing", "", 0, `
		b0:
		r1 = sub64 r1, 1
		br64 ne r1, 0 -> b0, b1
		b1:
		r1 = and32 r1, 7
		br32 sgt r1, 0 -> b0, b2
		b2:
		r0 = mov64 r1
		exit`, `
		sub rdi, 0x1
		jnz 0
		and edi, 0x7
		jnle 0
		mov rax, rdi
		ret`},
	{"the flags of a sum are those of no order", "", 0, `
		b0:
		r1 = add64 r1, -1
		br64 sgt r1, 0 -> b0, b1
		b1:
		r0 = mov64 r1
		exit`, `
		add rdi, -0x1
		test rdi, rdi
		jnle 0
		mov rax, rdi
		ret`},
	{"the half of a register is zero when the whole is, not conversely", "", 0, `
		b0:
		r1 = and32 r1, 7
		br64 eq r1, 0 -> b1, b2
		b1:
		r1 = and64 r1, 7
		br32 eq r1, 0 -> b0, b2
		b2:
		r0 = mov64 r1
		exit`, `
		and edi, 0x7
		jnz 12
		and edi, 0x7
		test edi, edi
		jz 0
		mov rax, rdi
		ret`},
	{"an immediate that fits no compare", "", 0, `
		b0:
		br64 ugt r1, 4294967296 -> b1, b2
		b1:
		r0 = mov64 1
		exit
		b2:
		r0 = mov64 2
		exit`, `
		mov r11, 0x100000000
		cmp rdi, r11
		jbe 21
		mov eax, 0x1
		ret
		mov eax, 0x2
		ret`},
	{"jumps to the next block vanish", "", 0, `
		b0:
		jmp -> b1
		b1:
		br64 ne r1, 1 -> b2, b0
		b2:
		br64 ne r2, 1 -> b0, b1`, `
		cmp rdi, 0x1
		jz 0
		cmp rsi, 0x1
		jnz 0
		jmp 0`},
	{"callee-saved registers that are written", "", 0, `
		r6 = mov64 r1
		r9 = mov64 r2
		r0 = add64 r6, r9
		exit`, `
		push rbx
		push r15
		mov rbx, rdi
		mov r15, rsi
		lea rax, ptr [rbx+r15]
		pop r15
		pop rbx
		ret`},
	{"a call with no register saved pads", "", 8, `
		func@0 "test" pos 0 frame 8 {
		b0:
		call func@1
		exit
		}
		func@1 "callee" pos 2 frame 0 {
		b0:
		r0 = mov64 r1
		exit
		}`, `
		sub rsp, 0x8
		sub rbp, 0x8
		call 32
		add rbp, 0x8
		add rsp, 0x8
		ret`},
	{"a call with one register saved does not", "", 8, `
		func@0 "test" pos 0 frame 0 {
		b0:
		r6 = mov64 r1
		call func@1
		r0 = add64 r0, r6
		exit
		}
		func@1 "callee" pos 2 frame 0 {
		b0:
		r0 = mov64 r1
		exit
		}`, `
		push rbx
		mov rbx, rdi
		call 16
		add rax, rbx
		pop rbx
		ret`},
	{"native helpers are called directly", "", 0, `
		r1 = mov64 1
		r2 = mov64 2
		call.helper helper@0
		exit`, `
		sub rsp, 0x8
		mov edi, 0x1
		mov esi, 0x2
		call 19
		add rsp, 0x8
		ret`},
	{"Go helpers leave", "", 0, `
		r1 = mov64 1
		call.helper helper@1
		exit`, `
		sub rsp, 0x8
		mov edi, 0x1
		call qword ptr [r12+0x8]
		add rsp, 0x8
		ret`},
	{"addresses are relative", "", 0, `
		r1 = addr data@0, 4
		r2 = addr value@0, 16
		r3 = addr func@0, 0
		r0 = load.u32 [r1]
		exit`, `
		lea rdi, ptr [rip]
		lea rsi, ptr [rip]
		mov rdx, 0x100000000
		mov eax, dword ptr [rdi]
		ret`},
	{"a guard compares with one region", "", 0, `
		guard.mem.r32 [r1+8], region 1, rule memory @3
		r0 = load.u32 [r1+8] @3
		exit`, `
		lea r11, ptr [rdi+0x8]
		sub r11, qword ptr [r12+0x150]
		cmp r11, qword ptr [r12+0x168]
		jnb 26
		mov eax, dword ptr [rdi+0x8]
		ret
		lea r11, ptr [rdi+0x8]
		call 37
		jmp 22`},
	{"a guard of a write never predicts read-only data", "", 0, `
		guard.mem.w8 [r1], region 3, rule memory @3
		store.u8 [r1], 0 @3
		r0 = mov64 0
		exit`, `
		mov r11, rdi
		sub r11, qword ptr [r12+0x180]
		cmp r11, qword ptr [r12+0x188]
		jnb 27
		mov byte ptr [rdi], 0x0
		xor eax, eax
		ret
		mov r11, rdi
		call 37
		jmp 21`},
	{"a guard of alignment", "", 0, `
		guard.align.w32 [r1+4], rule alignment @3
		atomic.add.u32.relaxed [r1+4], r2 @3
		r0 = mov64 0
		exit`, `
		lea r11, ptr [rdi+0x4]
		test r11b, 0x3
		jnz 17
		lock add dword ptr [rdi+0x4], esi
		xor eax, eax
		ret
		mov qword ptr [r12+0x18], r11
		call qword ptr [r12+0x8]`},
	{"a poll is a decrement and a branch", "", 0, `
		b0:
		poll @0
		r1 = sub64 r1, 1
		br64 ne r1, 0 -> b0, b1
		b1:
		r0 = mov64 0
		exit`, `
		dec qword ptr [r12]
		js 15
		sub rdi, 0x1
		jnz 0
		xor eax, eax
		ret
		call qword ptr [r12+0x8]
		jmp 6`},
	{"zeroing", "", 40, `
		zero [r10-40], 40
		r0 = load.u64 [r10-8]
		exit`, `
		xorps xmm0, xmm0
		movups xmmword ptr [rbp-0x28], xmm0
		movups xmmword ptr [rbp-0x18], xmm0
		mov qword ptr [rbp-0x8], 0x0
		mov rax, qword ptr [rbp-0x8]
		ret`},
	{"zeroing a word", "", 8, `
		zero [r10-8], 8
		r0 = load.u64 [r10-8]
		exit`, `
		mov qword ptr [rbp-0x8], 0x0
		mov rax, qword ptr [rbp-0x8]
		ret`},
	{"zeroing much loops", "", 264, `
		zero [r10-264], 264
		r0 = load.u64 [r10-8]
		exit`, `
		xorps xmm0, xmm0
		lea r11, ptr [rbp+0xfffffef8]
		mov r10d, 0x10
		movups xmmword ptr [r11], xmm0
		add r11, 0x10
		sub r10d, 0x1
		jnz 16
		mov qword ptr [r11], 0x0
		mov rax, qword ptr [rbp-0x8]
		ret`},
	{"a mask of the low half is a move", "", 0, `
		r0 = and64 r1, 4294967295
		exit`, `
		mov eax, edi
		ret`},
	{"a fault", "", 0, `
		b0:
		br64 eq r1, 0 -> b1, b2
		b1:
		fault r2, rule call @7
		b2:
		r0 = mov64 0
		exit`, `
		test rdi, rdi
		jnz 15
		mov qword ptr [r12+0x18], rsi
		call qword ptr [r12+0x8]
		xor eax, eax
		ret`},
}
