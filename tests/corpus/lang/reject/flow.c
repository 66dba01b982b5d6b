// Control flow, calls, helpers' arguments, callbacks, return values.
#include "pair.h"

PROGRAM("tc", endless, "r0 = 0; 1: " PICK("", "r0 += 1;") "if r0 > 5 goto 2f; goto 1b; 2: exit;")
PROGRAM("tc", endless_counter_unused, "r0 = 0; r1 = 0; 1: r1 += 1; " PICK("if r0 < 5 goto 1b;", "if r1 < 5 goto 1b;") "exit;")
PROGRAM("tc", loop_without_bound, "r2 = *(u32 *)(r1 + 0);" PICK("", "r2 &= 15;") "r0 = 0; 1: r0 += 1; if r0 < r2 goto 1b; r0 = 0; exit;")
PROGRAM("tc", loop_steps_over, "r0 = 0; r1 = 0; 1: r1 += 3; if r1 != " PICK("10", "9") " goto 1b; exit;")
PROGRAM("tc", unreachable, "r0 = 0;" PICK("exit; r0 = 1;", "") "exit;")
PROGRAM("tc", jump_out, "r0 = 0; if r0 == 1 goto " PICK("+5", "+0") "; exit;")
PROGRAM("tc", falls_off, "r0 = 0;" PICK("if r0 == 0 goto +1; exit; r0 = 1;", "exit;"))
PROGRAM("tc", into_wide_immediate, "r0 = 0; if r0 == 1 goto " PICK("+1", "+2") "; r2 = 0x100000001 ll; exit;")
PROGRAM("tc", shift_of_64, "r0 = 1; " PICK(".8byte 0x4000000067;", ".8byte 0x3f00000067;") "r0 = 0; exit;")
PROGRAM("tc", shift32_of_32, "r0 = 1; " PICK(".8byte 0x2000000064;", ".8byte 0x1f00000064;") "r0 = 0; exit;")
PROGRAM("tc", division_by_constant_zero, "r0 = 1; " PICK(".8byte 0x37;", ".8byte 0x200000037;") "exit;")
PROGRAM("tc", unknown_opcode, "r0 = 0; " PICK(".8byte 0xe7;", ".8byte 0x1000000b7;") "r0 = 0; exit;")

// Helpers and their arguments.
PROGRAM("xdp", helper_of_other_type, PICK("r2 = 0; r3 = r10; r3 += -8; r4 = 8; call 26;", "call 7;") "r0 = 2; exit;")
PROGRAM("tc", helper_without_arguments, PICK("", "r2 = 0; r3 = r10; r3 += -8; r4 = 8;") "call 26;" END)
PROGRAM("tc", helper_unknown, PICK("call 9999;", "call 5;") END)
PROGRAM("tc", number_for_map, "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8;" PICK("r1 = 5;", "r1 = %[wide] ll;") "call 1;" END)
PROGRAM("tc", number_for_key, PICK("r2 = 8;", "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8;") "r1 = %[wide] ll; call 1;" END)
PROGRAM("tc", key_too_short, "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += " PICK("-4", "-8") "; r1 = %[wide] ll; call 1;" END)
PROGRAM("tc", value_too_short, "*(u64 *)(r10 - 8) = 0; *(u64 *)(r10 - 16) = 0; *(u64 *)(r10 - 24) = 0; *(u64 *)(r10 - 32) = 0; *(u64 *)(r10 - 40) = 0; r2 = r10; r2 += -40; r3 = r10; r3 += " PICK("-24", "-32") "; r4 = 0; r1 = %[wide] ll; call 2;" END)
PROGRAM("tc", size_negative, "r2 = 0; r3 = r10; r3 += -16;" PICK("r4 = -1;", "r4 = 16;") "call 26;" END)
PROGRAM("tc", size_zero, "r2 = 0; r3 = r10; r3 += -16;" PICK("r4 = 0;", "r4 = 1;") "call 26;" END)
PROGRAM("tc", size_unbounded, "r4 = *(u32 *)(r1 + 0);" PICK("", "r4 &= 7; r4 += 1;") "r2 = 0; r3 = r10; r3 += -16; call 26;" END)
PROGRAM("tc", size_maybe_zero, "r4 = *(u32 *)(r1 + 0); r4 &= 15;" PICK("", "r4 += 1;") "r2 = 0; r3 = r10; r3 += -16; call 26;" END)
PROGRAM("tc", size_one_too_large, "r4 = *(u32 *)(r1 + 0); " PICK("r4 &= 31;", "r4 &= 15;") "r4 += 1; r2 = 0; r3 = r10; r3 += -16; call 26;" END)
PROGRAM("tc", map_of_wrong_kind, "r2 = " PICK("%[wide]", "%[programs]") " ll; r3 = 0; call 12;" END)
PROGRAM("tc", lookup_in_program_array, "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; r1 = " PICK("%[programs]", "%[wide]") " ll; call 1;" END)
PROGRAM("tc", tail_call_without_result, "r2 = %[programs] ll; r3 = 0; call 12;" PICK("", "r0 = 0;") "exit;")
PROGRAM("tc", tail_call_clobbers, "r2 = %[programs] ll; r3 = 0; r6 = r1; call 12; r0 = *(u32 *)(" PICK("r1", "r6") " + 0); exit;")
PROGRAM("tc", context_not_first, "r2 = %[programs] ll; r3 = 0;" PICK("r1 = r10;", "") "call 12;" END)

// Return values.
PROGRAM("cgroup_skb/egress", result_out_of_range, "r0 = " PICK("4", "3") "; exit;")
PROGRAM("cgroup/sock_create", result_out_of_range_sock, "r0 = " PICK("2", "1") "; exit;")
PROGRAM("cgroup_skb/ingress", result_unknown, "r0 = *(u32 *)(r1 + 0);" PICK("", "r0 &= 1;") "exit;")

// Calls.
SUB(uses_r6, "r0 = " PICK("r6", "r1") "; exit;")
PROGRAM("tc", callers_register, "r6 = 5; r1 = 1; call uses_r6; r0 = 0; exit;")
SUB(keeps_nothing, "r0 = 0; r1 = 0; exit;")
PROGRAM("tc", argument_after_subprogram, "r6 = r1; call keeps_nothing; r0 = *(u32 *)(" PICK("r1", "r6") " + 0); exit;")
SUB(sets_no_result, PICK("r6", "r0") " = 0; exit;")
PROGRAM("tc", callee_without_result, "call sets_no_result; exit;")
SUB(recursive, "r0 = 0; if r1 == 0 goto 1f; r1 += -1;" PICK("call recursive;", "") "1: exit;")
PROGRAM("tc", recursion, "r1 = 3; call recursive; r0 = 0; exit;")
SUB(half_stack, "*(u64 *)(r10 - 256) = 0; r0 = 0; exit;")
PROGRAM("tc", stack_of_both, "*(u64 *)(r10 - " PICK("288", "256") ") = 0; call half_stack; exit;")
SUB(own_stack, "*(u64 *)(r10 - 8) = 7; r2 = r10; r2 += -8;" PICK("*(u64 *)(r1 + 0) = r2;", "r2 = 7; *(u64 *)(r1 + 0) = r2;") "r0 = 0; exit;")
PROGRAM("tc", callees_stack_kept, "*(u64 *)(r10 - 8) = 0; r1 = r10; r1 += -8; call own_stack; r1 = *(u64 *)(r10 - 8); " PICK("r0 = *(u64 *)(r1 + 0);", "") "r0 = 0; exit;")
SUB(returns_stack, PICK("r0 = r10; r0 += -8;", "r0 = 0;") "exit;")
PROGRAM("tc", callees_stack_returned, "call returns_stack; r0 = 0; exit;")
SUB(changes_spill, PICK("*(u64 *)(r1 + 0) = 5;", "") "r0 = 0; exit;")
PROGRAM("tc", callers_spill_changed, VALUE "*(u64 *)(r10 - 16) = r7; r1 = r10; r1 += -16; call changes_spill; r1 = *(u64 *)(r10 - 16); *(u8 *)(r1 + 0) = 1;" END)

SUB(g9, "r0 = 0; exit;")
SUB(g8, PICK("call g9;", "r0 = 0;") "exit;")
SUB(g7, "call g8; exit;")
SUB(g6, "call g7; exit;")
SUB(g5, "call g6; exit;")
SUB(g4, "call g5; exit;")
SUB(g3, "call g4; exit;")
SUB(g2, "call g3; exit;")
PROGRAM("tc", nine_frames, "call g2; exit;")

struct arg {
	__u32 n, m;
};

__noinline int no_null(struct arg *a)
{
	PICK(, if (!a) return 0;)
	return a->n;
}

SEC("tc")
int global_argument(struct __sk_buff *skb)
{
	struct arg a = { 1, 2 };

	return no_null(&a) & 1;
}

__noinline int past(struct arg *a)
{
	if (!a)
		return 0;
	return (&a->n)[PICK(2, 1)];
}

SEC("tc")
int global_argument_past_the_end(struct __sk_buff *skb)
{
	struct arg a = { 1, 2 };

	return past(&a) & 1;
}

__noinline int some_index(int x)
{
	return x & 63;
}

// A global function's result is any number, whatever its body returns.
SEC("tc")
int global_result(struct __sk_buff *skb)
{
	__u32 zero = 0, i = some_index(skb->len);
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);

	hide(i);
	PICK(, i &= 63;)
	return v ? v[i] : 0;
}

// Callbacks.
static long advance(__u32 i, __u64 *at)
{
	*at += 1;
	return 0;
}

SEC("tc")
int callback_changes_ignored(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 at = 0;
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);

	if (!v)
		return 0;
	bpf_loop(1000, advance, &at, 0);
	PICK(, if (at > 255) return 0;)
	return v[at];
}

static long reset(__u32 i, __u64 *at)
{
	*at = 3;
	return 0;
}

SEC("tc")
int callback_never_called(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 at = PICK(1000, 100);
	__u8 *v = bpf_map_lookup_elem(&cells, &zero);

	if (!v)
		return 0;
	bpf_loop(skb->len, reset, &at, 0);
	return v[at];
}

static long result_of_two(__u32 i, void *unused)
{
	return PICK(2, 1);
}

SEC("tc")
int callback_result(struct __sk_buff *skb)
{
	bpf_loop(10, result_of_two, 0, 0);
	return 0;
}

static long index_unchecked(__u32 i, __u8 *v)
{
	PICK(, if (i > 15) return 1;)
	v[i] = 1;
	return 0;
}

SEC("tc")
int callback_index(struct __sk_buff *skb)
{
	__u8 v[16] = {};

	bpf_loop(300, index_unchecked, v, 0);
	return v[3] & 1;
}

static long past_element(void *map, __u64 *key, __u64 *value, void *unused)
{
	value[PICK(4, 3)] = *key;
	return 0;
}

SEC("tc")
int element_past_the_end(struct __sk_buff *skb)
{
	bpf_for_each_map_elem(&wide, past_element, 0, 0);
	return 0;
}

static int nothing(void *map, __u32 *key, struct timed *t)
{
	return 0;
}

SEC("tc")
int timer_of_other_map(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct timed *t = bpf_map_lookup_elem(&timers, &zero);

	if (!t)
		return 0;
	bpf_timer_init(&t->timer, PICK(&others, &timers), 1);
	bpf_timer_set_callback(&t->timer, nothing);
	return 0;
}

SEC("tc")
int timer_written(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct timed *t = bpf_map_lookup_elem(&timers, &zero);

	if (!t)
		return 0;
	*(volatile __u64 *)PICK(&t->timer, &t->n) = 1;
	return 0;
}

LICENSE("GPL");
