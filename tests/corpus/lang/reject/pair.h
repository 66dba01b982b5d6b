// Pairs of programs: each source is built twice. With -DUNSAFE it holds the
// mistakes and Linux refuses every program; without, the nearest safe programs.
// The two differ in the arguments of PICK alone.
#ifndef CORPUS_PAIR_H
#define CORPUS_PAIR_H

#include "lang.h"

#ifdef UNSAFE
#define PICK(unsafe, safe) unsafe
#else
#define PICK(unsafe, safe) safe
#endif

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
	__u64 sum;
};

struct timed {
	__u64 n;
	struct bpf_timer timer;
};

ARRAY(cells, __u8[256], 1);
HASH(wide, __u64, __u64[4], 8);
ARRAY(locks, struct locked, 1);
ARRAY(timers, struct timed, 1);
ARRAY(others, struct timed, 1);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

// A program or a subprogram in assembly.
#define CODE(name, text)                                                       \
	__attribute__((naked)) int name(void)                                  \
	{                                                                      \
		asm volatile(text                                              \
			     :                                                 \
			     : [cells] "i"(&cells), [wide] "i"(&wide),         \
			       [locks] "i"(&locks), [ring] "i"(&ring),         \
			       [programs] "i"(&programs),                      \
			       [events] "i"(&events)                           \
			     : "memory");                                      \
	}

#define PROGRAM(section, name, text) SEC(section) CODE(name, text)
#define SUB(name, text) static __attribute__((used, noinline)) CODE(name, text)

// r6 = context, r7 = value of `cells` (256 bytes), r1 = its first 8 bytes.
#define VALUE                                                                  \
	"r6 = r1;"                                                             \
	"*(u64 *)(r10 - 8) = 0;"                                               \
	"r2 = r10;"                                                            \
	"r2 += -8;"                                                            \
	"r1 = %[cells] ll;"                                                    \
	"call 1;"                                                              \
	"if r0 == 0 goto 9f;"                                                  \
	"r7 = r0;"                                                             \
	"r1 = *(u64 *)(r7 + 0);"

// Touches the byte r1 behind the value; ends.
#define TOUCH                                                                  \
	"r7 += r1;"                                                            \
	"*(u8 *)(r7 + 0) = 1;"                                                 \
	"9: r0 = 0;"                                                           \
	"exit;"

#define END                                                                    \
	"9: r0 = 0;"                                                           \
	"exit;"

#endif
