#include "fixture.h"
struct { u32 type, key, value, entries, flags; } m SEC("maps") = { 2, 4, 8, 1, 0 };
static void *(*lookup)(void *, void *) = (void *)1;
SEC("mem") u64 oldmaps(u8 *mem, u64 len) { return (u64)lookup(&m, mem); }
