/* Runs the benchmark programs as native code.
 *   native FILE NAME          the result, in hex, on the memory in FILE
 *   native FILE NAME TURNS    and the nanoseconds a turn, CPU time of this thread
 * The memory is the same at the beginning of each call of the first form only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"

NOINLINE u64 helper5(u64 x)
{
	__asm__("" : "+r"(x));
	return x;
}

#define PROGRAMS(X) \
	X(alu, alu) X(primes, primes) X(log2, log2_sum) X(copy64, copy64) X(strcmp, strcmp_) X(switch, switch_) \
	X(packet, packet) X(hash, hash) X(checksum, checksum) X(helpers100, helpers100) X(calls100, calls100) X(trivial, trivial)

#define DECLARE(file, f) u64 f(void *mem, u64 len);
PROGRAMS(DECLARE)

#define ROW(file, f) { #file, f },
static const struct {
	const char *name;
	u64 (*call)(void *, u64);
} programs[] = { PROGRAMS(ROW) };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static u8 mem[SIZE] __attribute__((aligned(64)));
	FILE *f = argc < 3 ? NULL : fopen(argv[1], "rb");

	if (!f || fread(mem, 1, SIZE, f) != SIZE)
		return 2;
	for (u32 i = 0; i < sizeof programs / sizeof *programs; i++) {
		if (strcmp(programs[i].name, argv[2]))
			continue;
		u64 r = programs[i].call(mem, SIZE);
		long turns = argc > 3 ? atol(argv[3]) : 0;
		double start = now();
		for (long n = 0; n < turns; n++)
			programs[i].call(mem, SIZE);
		printf("0x%llx", r);
		if (turns)
			printf(" %.3f", (now() - start) / turns);
		printf("\n");
		return 0;
	}
	return 2;
}
