/* Calls: within a section, from one section to another, of static and global functions. */
#include "fixture.h"

static NOINLINE u64 leaf(u64 x) { return x * 3; }
NOINLINE u64 global(u64 x) { return leaf(x) + 1; }
static NOINLINE u64 outer(u64 x) { return global(x) + leaf(x + 2); }

__attribute__((section("other"))) static NOINLINE u64 beside(u64 x) { return x ^ 0x55; }
__attribute__((section("lib"))) NOINLINE u64 shared(u64 x) { return x + 7; }

SEC("mem") NOINLINE u64 first(u8 *mem, u64 len) { return outer(len); }
SEC("mem") u64 second(u8 *mem, u64 len) { return shared(len) + first(mem, len); }
SEC("other") u64 third(u8 *mem, u64 len) { return beside(len) + leaf(len); }
SEC("?mem/8") u64 off(u8 *mem, u64 len) { return mem[0]; }

char terms[] SEC("license") = "Apache-2.0";
