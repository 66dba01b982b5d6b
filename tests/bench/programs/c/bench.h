/* What the benchmark programs share. Each is
 *
 *     SEC("mem/2048") u64 NAME(void *mem, u64 len)
 *
 * and does the same work when it is compiled natively. */
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __bpf__
#define SEC(name) __attribute__((section(name), used))
#else
#define SEC(name)
#endif

#define NOINLINE __attribute__((noinline))

/* Memory may have changed: what was read must be read again, what was written must be there. */
#define barrier() __asm__ volatile("" ::: "memory")

/* The layout of the memory, see README.md. */
#define SIZE 2048
#define PACKETS 8
#define PACKET 64
#define TEXT_A 512
#define TEXT_B 1536

#endif
