/* Data sections, and addresses in data. */
#include "fixture.h"

const volatile u32 table[4] = { 1, 2, 3, 4 };
volatile u64 counter = 5;
static volatile u64 hidden[3] = { 6, 7, 8 };
volatile u64 zero;
volatile u64 custom SEC(".data.custom") = 9;
static volatile u64 own SEC(".bss.own");
volatile u64 *pointers[2] = { &counter, &hidden[1] };
int common;

SEC("mem") u64 data(u8 *mem, u64 len)
{
	u64 sum = table[len & 3] + counter + hidden[len & 1] + hidden[2] + zero + custom + own + common;

	return sum + *pointers[len & 1];
}
