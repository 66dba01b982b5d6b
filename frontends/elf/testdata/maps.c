/* Map definitions. */
#include "fixture.h"

struct key { u32 a, b; };

struct {
	NUMBER(type, 1);
	TYPE(key, struct key);
	TYPE(value, u64);
	NUMBER(max_entries, 16);
	NUMBER(map_flags, 1);
	NUMBER(pinning, 1);
} hash SEC(".maps");

struct {
	NUMBER(type, 2);
	NUMBER(key_size, 4);
	NUMBER(value_size, 24);
	NUMBER(max_entries, 8);
} array SEC(".maps");

struct {
	NUMBER(type, 27);
	NUMBER(max_entries, 4096);
} ring SEC(".maps");

struct inner {
	NUMBER(type, 2);
	NUMBER(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, u64);
};

struct {
	NUMBER(type, 13);
	NUMBER(max_entries, 4);
	TYPE(key, u32);
	VALUES(values, struct inner);
} nested SEC(".maps");

struct {
	NUMBER(type, 3);
	NUMBER(max_entries, 4);
	TYPE(key, u32);
	VALUES(values, int (void *));
} progs SEC(".maps");

static void *(*lookup)(void *, void *) = (void *)1;

SEC("mem") u64 maps(u8 *mem, u64 len)
{
	u64 sum = 0;

	sum += (u64)lookup(&hash, mem);
	sum += (u64)lookup(&array, mem);
	sum += (u64)lookup(&ring, mem);
	sum += (u64)lookup(&nested, mem);
	sum += (u64)lookup(&progs, mem);
	return sum;
}
