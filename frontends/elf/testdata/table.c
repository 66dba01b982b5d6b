/* Addresses of functions in data. */
#include "fixture.h"
static NOINLINE u64 one(u64 x) { return x + 1; }
static NOINLINE u64 two(u64 x) { return x + 2; }
u64 (*volatile table[2])(u64) = { one, two };
SEC("mem") u64 functions(u8 *mem, u64 len) { return (u64)table[len & 1]; }
