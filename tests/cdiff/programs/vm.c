// Machines within the machine: a stack machine, the tape language of eight commands, one of two registers, Life, rule 110.
// in: "++++++++[>++++++++<-]>+."
// in: "\x01\x05\x01\x07\x02\x01\x03\x04\x05\x00\x06\x02\x07"
// in: ",>,<[->+<]>."
#include "prelude.h"

static u8 tape[64];

PROGRAM(tape_language)
{
	u64 h = 0, pc = 0, in = 0;
	u32 at = 0;
	memset(tape, 0, sizeof tape);
	for (u32 steps = 0; pc < len && steps < 5000; steps++, pc++) {
		i32 depth = 0;
		switch (mem[pc]) {
		case '>': at = (at + 1) % sizeof tape; break;
		case '<': at = (at - 1) % sizeof tape; break;
		case '+': tape[at]++; break;
		case '-': tape[at]--; break;
		case '.': FOLD(h, tape[at]); break;
		case ',': tape[at] = in < len ? mem[in++] : 0; break;
		case '[':
			if (tape[at])
				break;
			for (; pc < len; pc++) {
				depth += mem[pc] == '[' ? 1 : mem[pc] == ']' ? -1 : 0;
				if (!depth)
					break;
			}
			break;
		case ']':
			if (!tape[at])
				break;
			for (;; pc--) {
				depth += mem[pc] == ']' ? 1 : mem[pc] == '[' ? -1 : 0;
				if (!depth || !pc)
					break;
			}
			break;
		}
	}
	return h ^ tape[at];
}

PROGRAM(stack_machine)
{
	i64 stack[16];
	u32 n = 0;
	u64 pc = 0;
	for (u32 steps = 0; pc < len && steps < 1000; steps++) {
		u8 op = mem[pc++] & 15;
		i64 a = n > 0 ? stack[n - 1] : 0, b = n > 1 ? stack[n - 2] : 0;
		if (op >= 2 && op <= 9) {
			if (n < 2)
				return 0xbad;
			n -= 2;
		}
		switch (op) {
		case 0: continue;
		case 1: a = pc < len ? (i8)mem[pc++] : 0; break;
		case 2: a = (i64)((u64)a + (u64)b); break;
		case 3: a = (i64)((u64)b - (u64)a); break;
		case 4: a = (i64)((u64)a * (u64)b); break;
		case 5: a = sdiv64(b, a); break;
		case 6: a = smod64(b, a); break;
		case 7: a = b < a; break;
		case 8: a = b >> (a & 63); break;
		case 9: a = (i64)((u64)b << (a & 63)); break;
		case 10:
			if (n > 0 && stack[--n] && pc < len)
				pc = mem[pc] % len;
			continue;
		case 11: break;
		case 12: a = -(i64)(u32)a; break;
		default: a = (i64)__builtin_bswap64((u64)a);
		}
		if (n == 16)
			return 0xf00d;
		stack[n++] = a;
	}
	u64 h = n;
	while (n)
		FOLD(h, stack[--n]);
	return h;
}

PROGRAM(life)
{
	u64 board = len >= 8 ? LOAD64(mem) : 0x0000001c0a040000;
	for (u32 turn = 0; turn < 10; turn++) {
		u64 next = 0;
		for (u32 i = 0; i < 64; i++) {
			u32 neighbours = 0, x = i % 8, y = i / 8;
			for (u32 d = 0; d < 9; d++)
				if (d != 4)
					neighbours += board >> ((y + d / 3 + 7) % 8 * 8 + (x + d % 3 + 7) % 8) & 1;
			next |= (u64)(neighbours == 3 || (neighbours == 2 && board >> i & 1)) << i;
		}
		board = next;
	}
	if (len >= 8)
		STORE64(mem, board);
	return board;
}

PROGRAM(rule110)
{
	u64 h = 0;
	for (u32 turn = 0; turn < 8; turn++) {
		u8 left = 0;
		for (u64 i = 0; i < len; i++) {
			u32 right = i + 1 < len ? mem[i + 1] : 0;
			u32 wide = (u32)left << 16 | (u32)mem[i] << 8 | right;
			left = mem[i];
			u8 next = 0;
			for (u32 b = 0; b < 8; b++)
				next |= (u8)((110 >> (wide >> (7 + b) & 7) & 1) << b);
			mem[i] = next;
		}
		FOLD(h, len ? mem[len / 2] : turn);
	}
	return h;
}
