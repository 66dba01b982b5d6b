/* Every kind of reference that GCC and the GNU assembler make: symbols and
 * sections, in code and in data, calls within a section and between sections. */
#include "../fixture.h"

u64 first = 1, array[4] = { 10, 20, 30, 40 };
u64 *into = &array[2], *whole = array;
static u64 hidden[3] = { 7, 8, 9 };
u64 *beside = &hidden[1];
u64 zero, zeros[5];

NOINLINE u64 with_array(u64 x) { return x + array[3]; }
NOINLINE u64 twice(u64 x) { return x * 2; }
static NOINLINE u64 local(u64 x) { return x ^ first; }

SEC("mem") u64 gnu(void *mem, u64 len)
{
	zeros[1] = 5;
	zeros[len & 3]++;
	return *into + *whole + *beside + array[1] + with_array(len) + twice(len) + local(len) + zeros[1] + hidden[len & 1];
}
