// States that look alike and are not: a path must not be skipped because an
// earlier one was safe, and a loop must not be believed from its first round.
#include "pair.h"

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

PROGRAM("tc", second_path_differs, VALUE "r2 = *(u32 *)(r6 + 0); r1 = 3; if r2 > 50 goto 1f; goto 2f; 1: r1 = " PICK("300", "200") "; 2:" TOUCH)
PROGRAM("tc", second_path_differs_in_memory, VALUE "r2 = *(u32 *)(r6 + 0); *(u64 *)(r10 - 16) = 3; if r2 > 50 goto 1f; goto 2f; 1: *(u64 *)(r10 - 16) = " PICK("300", "200") "; 2: r1 = *(u64 *)(r10 - 16);" TOUCH)
PROGRAM("tc", second_path_differs_before_arithmetic, VALUE "r2 = *(u32 *)(r6 + 0); r3 = 3; if r2 > 50 goto 1f; goto 2f; 1: r3 = " PICK("30", "20") "; 2: r1 = r3; r1 *= 10; " TOUCH)
PROGRAM("tc", second_path_differs_in_copy, VALUE "r2 = *(u32 *)(r6 + 0); r3 = 3; if r2 > 50 goto 1f; goto 2f; 1: r3 = " PICK("300", "200") "; 2: r4 = r3; r5 = r4; r1 = r5;" TOUCH)
PROGRAM("tc", second_path_loses_pointer, VALUE "r2 = *(u32 *)(r6 + 0); if r2 > 50 goto 1f; goto 2f; 1:" PICK("r7 = 8;", "r7 += 8;") "2: *(u8 *)(r7 + 0) = 1;" END)
PROGRAM("tc", second_path_has_null, VALUE "r2 = *(u32 *)(r6 + 0); r8 = r7; if r2 > 50 goto 1f; goto 2f; 1:" PICK("r8 = 0;", "r8 += 1;") "2: *(u8 *)(r8 + 0) = 1;" END)
PROGRAM("tc", second_path_unset, VALUE "r2 = *(u32 *)(r6 + 0); if r2 > 50 goto 1f; r8 = 0; goto 2f; 1:" PICK("", "r8 = 1;") "2: r0 = r8; exit;" "9: r0 = 0; exit;")
PROGRAM("tc", deep_join, VALUE "r2 = *(u32 *)(r6 + 0); r3 = 1; if r2 & 1 goto 1f; r3 += 1; 1: if r2 & 2 goto 2f; r3 += 2; 2: if r2 & 4 goto 3f; r3 *= 4; 3: if r2 & 8 goto 4f; r3 *= " PICK("16", "15") "; 4: r1 = r3;" TOUCH)
PROGRAM("tc", same_counter_other_flag, VALUE "r2 = *(u32 *)(r6 + 0); r8 = 0; r9 = 0; 1: r9 += 1; if r2 & 1 goto 2f; r8 = " PICK("256", "255") "; 2: r2 >>= 1; if r9 < 3 goto 1b; r1 = r8;" TOUCH)
PROGRAM("tc", packet_range_of_other_path, "r6 = r1; r7 = *(u32 *)(r1 + 76); r8 = *(u32 *)(r1 + 80); r3 = *(u32 *)(r1 + 0); r2 = r7; if r3 > 100 goto 1f; r2 += 14; goto 2f; 1: r2 += " PICK("10", "20") "; 2: if r2 > r8 goto 9f; r1 = *(u8 *)(r7 + 13);" END)
PROGRAM("tc", index_grows_in_loop, VALUE "r8 = 0; r9 = 0; 1: r1 = r7; r1 += r8; *(u8 *)(r1 + 0) = 1; r8 += " PICK("26", "25") "; r9 += 1; if r9 < 11 goto 1b;" END)
PROGRAM("tc", last_iteration_oversteps, VALUE "r8 = 0; 1: r1 = r7; r1 += r8; *(u32 *)(r1 + 0) = 1; r8 += 4; if r8 " PICK("<=", "<") " 256 goto 1b;" END)
PROGRAM("tc", goto_self, "r0 = 0; r1 = *(u32 *)(r1 + 0); if r1 == 0 goto 1f; exit; 1:" PICK("goto 1b;", "exit;"))

SEC("tc")
int index_grows_in_iterator(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);
	struct bpf_iter_num it;
	__u64 at = 0;

	if (!v)
		return 0;
	bpf_iter_num_new(&it, 0, 1000);
	while (bpf_iter_num_next(&it)) {
		PICK(, if (at > 255) break;)
		v[at]++;
		at += 2;
	}
	bpf_iter_num_destroy(&it);
	return 0;
}

SEC("tc")
int pointer_changes_in_iterator(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u8 *v = bpf_map_lookup_elem(&cells, &zero), *p;
	struct bpf_iter_num it;

	if (!v)
		return 0;
	p = v;
	bpf_iter_num_new(&it, 0, 10);
	while (bpf_iter_num_next(&it)) {
		*p = 1;
		p = PICK((void *)(long)bpf_get_prandom_u32(), v + (bpf_get_prandom_u32() & 127));
	}
	bpf_iter_num_destroy(&it);
	return 0;
}

SEC("tc")
int index_grows_in_may_goto(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);
	__u64 at = 0;

	if (!v)
		return 0;
	for (;;) {
		asm volatile goto("may_goto %l[out]" : : : : out);
		PICK(, if (at > 255) break;)
		v[at]++;
		at += bpf_get_prandom_u32() & 1;
	}
out:
	return 0;
}

// The second of two equal subprogram calls has a worse argument.
OUTLINE int at_index(__u8 *v, __u64 i)
{
	return v[i];
}

SEC("tc")
int second_call_differs(struct __sk_buff *skb)
{
	__u32 zero = 0, n;
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);

	if (!v)
		return 0;
	n = at_index(v, 5);
	return n + at_index(v, PICK(256, 255));
}

LICENSE("GPL");
