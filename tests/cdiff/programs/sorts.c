// Sorts of the memory in place: by insertion, heap, shell, quick (with a stack of its own), radix, and merge.
// in: "sphinx of black quartz, judge my vow"
// in: "aaaaaaaaaaaaaaaaab"
// in: "zyxwvutsrqponmlkjihgfedcba"
#include "prelude.h"

PROGRAM(sort_insertion)
{
	u64 moves = 0;
	for (u64 i = 1; i < len; i++) {
		u8 x = mem[i];
		u64 j = i;
		for (; j > 0 && mem[j - 1] > x; j--, moves++)
			mem[j] = mem[j - 1];
		mem[j] = x;
	}
	return moves;
}

NOINLINE void sift(i16 *a, u32 root, u32 n)
{
	for (u32 child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && a[child] < a[child + 1])
			child++;
		if (a[root] >= a[child])
			return;
		i16 t = a[root];
		a[root] = a[child];
		a[child] = t;
	}
}

PROGRAM(sort_heap)
{
	i16 *a = (i16 *)mem;
	u32 n = (u32)(len / 2);
	for (u32 i = n / 2; i-- > 0;)
		sift(a, i, n);
	for (u32 i = n; i-- > 1;) {
		i16 t = a[0];
		a[0] = a[i];
		a[i] = t;
		sift(a, 0, i);
	}
	return n ? (u64)(i64)a[n / 2] : 0;
}

PROGRAM(sort_shell)
{
	static const u16 gaps[] = {57, 23, 10, 4, 1};
	i32 *a = (i32 *)mem;
	i64 n = (i64)(len / 4);
	for (u32 g = 0; g < sizeof gaps / sizeof *gaps; g++)
		for (i64 gap = gaps[g], i = gap; i < n; i++) {
			i32 x = a[i];
			i64 j = i;
			for (; j >= gap && a[j - gap] > x; j -= gap)
				a[j] = a[j - gap];
			a[j] = x;
		}
	return n ? (u64)(u32)a[0] : 0;
}

PROGRAM(sort_quick)
{
	u16 stack[64];
	u32 top = 0;
	u64 h = 0;
	if (len < 2 || len > 1000)
		return 0;
	stack[top++] = 0;
	stack[top++] = (u16)(len - 1);
	while (top >= 2) {
		i32 hi = stack[--top], lo = stack[--top], i = lo - 1, j = hi + 1;
		u8 pivot = mem[(u32)(lo + hi) / 2];
		for (;;) {
			do i++; while (mem[i] < pivot);
			do j--; while (mem[j] > pivot);
			if (i >= j)
				break;
			u8 t = mem[i];
			mem[i] = mem[j];
			mem[j] = t;
		}
		FOLD(h, j);
		/* The larger part goes below, so the stack stays small. */
		i32 first = j - lo > hi - j - 1;
		for (int part = 0; part < 2; part++) {
			i32 a = first == part ? j + 1 : lo, b = first == part ? hi : j;
			if (a < b && top + 2 <= 64) {
				stack[top++] = (u16)a;
				stack[top++] = (u16)b;
			}
		}
	}
	return h;
}

static u32 counts[256];
static u8 scratch[512];

PROGRAM(sort_radix)
{
	u32 *a = (u32 *)mem, *b = (u32 *)scratch, n = (u32)(len / 4);
	if (n > 128)
		n = 128;
	for (int shift = 0; shift < 32; shift += 8) {
		u32 sum = 0;
		memset(counts, 0, sizeof counts);
		for (u32 i = 0; i < n; i++)
			counts[a[i] >> shift & 255]++;
		for (int i = 0; i < 256; i++) {
			u32 c = counts[i];
			counts[i] = sum;
			sum += c;
		}
		for (u32 i = 0; i < n; i++)
			b[counts[a[i] >> shift & 255]++] = a[i];
		for (u32 i = 0; i < n; i++)
			a[i] = b[i];
	}
	return n ? a[n - 1] : 0;
}

PROGRAM(sort_merge)
{
	u64 inversions = 0;
	if (len > sizeof scratch)
		len = sizeof scratch;
	for (u64 width = 1; width < len; width *= 2) {
		for (u64 lo = 0; lo < len; lo += 2 * width) {
			u64 mid = lo + width < len ? lo + width : len, hi = lo + 2 * width < len ? lo + 2 * width : len;
			for (u64 i = lo, j = mid, k = lo; k < hi; k++) {
				if (i < mid && (j >= hi || (i8)mem[i] <= (i8)mem[j])) {
					scratch[k] = mem[i++];
				} else {
					inversions += mid - i;
					scratch[k] = mem[j++];
				}
			}
		}
		memcpy(mem, scratch, len);
	}
	return inversions;
}
