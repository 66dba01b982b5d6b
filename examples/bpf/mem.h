/* What the example programs of type mem need, and nothing else.
 *
 * A program of type mem is called with the address of a block of memory and its
 * length in bytes, and returns 64 bits:
 *
 *     SEC("mem") u64 prog(void *mem, u64 len)
 *
 * The section "mem/64" also promises that len is at least 64.
 * The same source compiles as ordinary C, where SEC does nothing.
 */
#ifndef BPFC_MEM_H
#define BPFC_MEM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#if defined(__bpf__) || defined(__BPF__) /* clang, GCC */
#define SEC(name) __attribute__((section(name), used))
#else
#define SEC(name)
#endif

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/* Forgets what is known about memory, so that repeated work is really repeated. */
#define barrier() __asm__ volatile("" ::: "memory")

/* Network byte order to the CPU's; both targets are little-endian. */
#define be16(x) __builtin_bswap16(x)
#define be32(x) __builtin_bswap32(x)

#endif
