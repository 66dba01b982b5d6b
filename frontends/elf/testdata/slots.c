/* A map of maps with initial contents. */
#include "fixture.h"
struct inner { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, u64); } in SEC(".maps");
struct { NUMBER(type, 12); NUMBER(max_entries, 4); TYPE(key, u32); VALUES(values, struct inner); } nested SEC(".maps") = { .values = { [1] = &in } };
static void *(*lookup)(void *, void *) = (void *)1;
SEC("mem") u64 slots(u8 *mem, u64 len) { return (u64)lookup(&nested, mem); }
