// Load-acquire and store-release (6.15 and later), encoded by hand: clang 19
// does not know them.
#include "lang.h"

ARRAY(cells, __u64[4], 1);

#define CODE(name, text)                                                       \
	SEC("tc") __attribute__((naked)) int name(void)                        \
	{                                                                      \
		asm volatile("*(u32 *)(r10 - 4) = 0;"                          \
			     "r2 = r10;"                                       \
			     "r2 += -4;"                                       \
			     "r1 = %[cells] ll;"                               \
			     "call 1;"                                         \
			     "if r0 == 0 goto 9f;" text                        \
			     "9: r0 = 0;"                                      \
			     "exit;" : : [cells] "i"(&cells));                 \
	}

// r1 = load_acquire((u64 *)(r0 + 8))
CODE(load_acquire, ".8byte 0x00000100000801db;" "r1 += 1;")

// w1 = load_acquire((u32 *)(r0 + 0))
CODE(load_acquire_32, ".8byte 0x00000100000001c3;" "r1 &= 3;")

// store_release((u64 *)(r0 + 16), r1)
CODE(store_release, "r1 = 7;" ".8byte 0x00000110001010db;")

LICENSE("GPL");
