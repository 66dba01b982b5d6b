/* Counts the characters of a text by class. The table of classes is in .rodata,
 * the weights are in .data, the counters are in .bss and so live from run to run.
 * Gives the weighted sum of the counters. */
#include "../bpf/mem.h"

enum class { OTHER, DIGIT, LETTER, BLANK, CLASSES };

static const volatile u8 class_of[256] = {
	['0' ... '9'] = DIGIT, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER,
	[' '] = BLANK, ['\t'] = BLANK, ['\n'] = BLANK,
};

volatile u64 weight[CLASSES] = { 1, 1000, 1000000, 1000000000 };
volatile u64 count[CLASSES];
volatile u64 runs;

SEC("mem")
u64 histogram(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 sum = 0;

	for (u64 i = 0; i < len; i++)
		count[class_of[p[i]] & 3]++;
	for (u32 i = 0; i < CLASSES; i++)
		sum += count[i] * weight[i];
	runs++;
	return sum;
}
