/* Functions in .text alone, as compiled without any section. */
#include "fixture.h"

static NOINLINE u64 helper(u64 x) { return x + 1; }
u64 plain(u8 *mem, u64 len) { return helper(len) + helper(len * 2); }
