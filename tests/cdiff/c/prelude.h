/* What the C programs of this suite share. The same source is compiled for BPF and
 * for this machine; it has no undefined behaviour, and only types of fixed width. */
#ifndef CDIFF_PRELUDE_H
#define CDIFF_PRELUDE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef _Bool bool;

extern void *memcpy(void *, const void *, unsigned long);
extern void *memmove(void *, const void *, unsigned long);
extern void *memset(void *, int, unsigned long);
extern int memcmp(const void *, const void *, unsigned long);

#define INLINE static inline __attribute__((always_inline, unused))
#define NOINLINE static __attribute__((noinline, unused))

/* PROGRAM(name) begins a program: u64 name(u8 *mem, u64 len). */
#ifdef __bpf__
#define PROGRAM(name) __attribute__((section("mem"), used)) u64 name(u8 *mem, u64 len)
#else
#define PROGRAM(name) u64 native_##name(u8 *mem, u64 len)
#endif

/* Division as BPF has it where the divisor is 0: by a test, so that C allows it. */
#define UNSIGNED_DIVISION(bits) \
	INLINE u##bits udiv##bits(u##bits a, u##bits b) { return b ? a / b : 0; } \
	INLINE u##bits umod##bits(u##bits a, u##bits b) { return b ? a % b : a; }
UNSIGNED_DIVISION(32)
UNSIGNED_DIVISION(64)

/* Signed division is an instruction from -mcpu=v4 on. */
#if !defined(__bpf__) || defined(__BPF_FEATURE_SDIV_SMOD)
#define SIGNED_DIVISION(bits, min) \
	INLINE i##bits sdiv##bits(i##bits a, i##bits b) { return b == 0 ? 0 : a == min && b == -1 ? a : a / b; } \
	INLINE i##bits smod##bits(i##bits a, i##bits b) { return b == 0 ? a : b == -1 ? 0 : a % b; }
#else
#define SIGNED_DIVISION(bits, min) \
	INLINE u##bits abs##bits(i##bits a) { return a < 0 ? -(u##bits)a : (u##bits)a; } \
	INLINE i##bits sdiv##bits(i##bits a, i##bits b) \
	{ u##bits q = udiv##bits(abs##bits(a), abs##bits(b)); return (i##bits)((a < 0) != (b < 0) ? -q : q); } \
	INLINE i##bits smod##bits(i##bits a, i##bits b) \
	{ u##bits m = umod##bits(abs##bits(a), abs##bits(b)); return (i##bits)(a < 0 ? -m : m); }
#endif
SIGNED_DIVISION(32, (-2147483647 - 1))
SIGNED_DIVISION(64, (-9223372036854775807ll - 1))

/* Atomics that return the old value are instructions from -mcpu=v3 on; below it, one thread is alone anyway. */
#if !defined(__bpf__) || __BPF_CPU_VERSION__ >= 3
#define FETCH_ADD(p, v) __sync_fetch_and_add(p, v)
#define FETCH_AND(p, v) __sync_fetch_and_and(p, v)
#define FETCH_OR(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define FETCH_XOR(p, v) __atomic_fetch_xor(p, v, __ATOMIC_RELAXED)
#define EXCHANGE(p, v) __sync_lock_test_and_set(p, v)
#define COMPARE_AND_SWAP(p, old, v) __sync_val_compare_and_swap(p, old, v)
#else
#define PLAIN(p, new) ({ __typeof__(*(p)) was = *(p); *(p) = (new); was; })
#define FETCH_ADD(p, v) PLAIN(p, was + (v))
#define FETCH_AND(p, v) PLAIN(p, was & (v))
#define FETCH_OR(p, v) PLAIN(p, was | (v))
#define FETCH_XOR(p, v) PLAIN(p, was ^ (v))
#define EXCHANGE(p, v) PLAIN(p, v)
#define COMPARE_AND_SWAP(p, old, v) PLAIN(p, was == (old) ? (v) : was)
#endif
/* Addition is one at every level, if nobody asks for the old value. */
#define ATOMIC_ADD(p, v) ((void)__sync_fetch_and_add(p, v))

/* Values at any address. */
struct __attribute__((packed)) packed16 { u16 v; };
struct __attribute__((packed)) packed32 { u32 v; };
struct __attribute__((packed)) packed64 { u64 v; };
#define LOAD16(p) (((const struct packed16 *)(p))->v)
#define LOAD32(p) (((const struct packed32 *)(p))->v)
#define LOAD64(p) (((const struct packed64 *)(p))->v)
#define STORE16(p, x) (((struct packed16 *)(p))->v = (x))
#define STORE32(p, x) (((struct packed32 *)(p))->v = (x))
#define STORE64(p, x) (((struct packed64 *)(p))->v = (x))
#define BE16(p) __builtin_bswap16(LOAD16(p))
#define BE32(p) __builtin_bswap32(LOAD32(p))
#define BE64(p) __builtin_bswap64(LOAD64(p))

INLINE u32 rotl32(u32 x, u32 n) { return x << (n & 31) | x >> (-n & 31); }
INLINE u64 rotl64(u64 x, u32 n) { return x << (n & 63) | x >> (-n & 63); }

/* Folds a value into a result. */
#define FOLD(h, x) ((h) = rotl64((h) ^ (u64)(x), 29) * 0x9e3779b97f4a7c15ull)

#endif
