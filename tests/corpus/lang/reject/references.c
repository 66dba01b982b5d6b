// Things that are taken and must be given back: ring buffer records, sockets,
// spin locks, iterators, dynptrs.
#include "pair.h"

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

#define RESERVE "r1 = %[ring] ll; r2 = 16; r3 = 0; call 131;"
#define SUBMIT "r2 = 0; call 132;"

PROGRAM("tc", record_leaked, RESERVE "if r0 == 0 goto 9f;" PICK("", "r1 = r0;" SUBMIT) END)
PROGRAM("tc", record_without_null_check, RESERVE PICK("", "if r0 == 0 goto 9f;") "*(u64 *)(r0 + 0) = 1; r1 = r0;" SUBMIT END)
PROGRAM("tc", record_twice, RESERVE "if r0 == 0 goto 9f; r6 = r0; r1 = r0;" SUBMIT PICK("r1 = r6;" SUBMIT, "") END)
PROGRAM("tc", record_used_after, RESERVE "if r0 == 0 goto 9f; r6 = r0; r1 = r0;" PICK(SUBMIT "*(u64 *)(r6 + 0) = 1;", "*(u64 *)(r6 + 0) = 1;" SUBMIT) END)
PROGRAM("tc", record_leaked_on_one_path, "r7 = *(u32 *)(r1 + 0);" RESERVE "if r0 == 0 goto 9f; r1 = r0; if r7 > 100 goto 1f;" SUBMIT "goto 9f; 1:" PICK("", SUBMIT) END)
PROGRAM("tc", record_moved, RESERVE "if r0 == 0 goto 9f; r1 = r0;" PICK("r1 += 8;", "") SUBMIT END)
PROGRAM("tc", record_past_the_end, RESERVE "if r0 == 0 goto 9f;" PICK("*(u64 *)(r0 + 16) = 1;", "*(u64 *)(r0 + 8) = 1;") "r1 = r0;" SUBMIT END)
PROGRAM("tc", record_overwritten, RESERVE "if r0 == 0 goto 9f; r6 = r0;" PICK("r6 = 0; r1 = r6;", "r1 = r6;") SUBMIT END)
PROGRAM("tc", value_submitted, VALUE RESERVE "if r0 == 0 goto 9f; r6 = r0; " PICK("r1 = r7;", "r1 = r6;") SUBMIT END)
PROGRAM("tc", record_in_tail_call, "r8 = r1;" RESERVE "if r0 == 0 goto 9f; r7 = r0;" PICK("", "r1 = r7;" SUBMIT) "r1 = r8; r2 = %[programs] ll; r3 = 0; call 12;" PICK("r1 = r7;" SUBMIT, "") END)
PROGRAM("tc", record_taken_in_loop, "r6 = 0; 1:" RESERVE "if r0 == 0 goto 9f; r1 = r0;" PICK("r7 = r1;", SUBMIT) "r6 += 1; if r6 < 3 goto 1b;" PICK("r1 = r7;" SUBMIT, "") END)

#define SOCKET "*(u64 *)(r10 - 8) = 0; *(u64 *)(r10 - 16) = 0; r2 = r10; r2 += -16; r3 = 12; r4 = -1; r5 = 0; call 84;"

PROGRAM("tc", socket_leaked, SOCKET "if r0 == 0 goto 9f;" PICK("", "r1 = r0; call 86;") END)
PROGRAM("tc", socket_without_null_check, SOCKET PICK("", "if r0 == 0 goto 9f;") "r1 = r0; call 86;" END)
PROGRAM("tc", socket_twice, SOCKET "if r0 == 0 goto 9f; r6 = r0; r1 = r0; call 86;" PICK("r1 = r6; call 86;", "") END)
PROGRAM("tc", socket_used_after, SOCKET "if r0 == 0 goto 9f; r6 = r0;" PICK("", "r7 = *(u32 *)(r6 + 4);") "r1 = r0; call 86;" PICK("r7 = *(u32 *)(r6 + 4);", "") END)
PROGRAM("tc", socket_written, SOCKET "if r0 == 0 goto 9f; r6 = r0;" PICK("*(u32 *)(r6 + 4) = 1;", "") "r1 = r6; call 86;" END)

#define LOCKS "r6 = r1; *(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; r1 = %[locks] ll; call 1; if r0 == 0 goto 9f; r7 = r0; r1 = r0;"

PROGRAM("tc", lock_kept, LOCKS "call 93;" PICK("", "r1 = r7; call 94;") END)
PROGRAM("tc", lock_twice, LOCKS "call 93;" PICK("r1 = r7; call 93;", "") "r1 = r7; call 94;" END)
PROGRAM("tc", unlock_alone, LOCKS PICK("", "call 93; r1 = r7;") "call 94;" END)
PROGRAM("tc", call_under_lock, LOCKS "call 93;" PICK("call 7;", "") "r1 = r7; call 94;" END)
PROGRAM("tc", lock_as_number, LOCKS PICK("*(u32 *)(r7 + 0) = 1;", "*(u32 *)(r7 + 4) = 1;") END)
PROGRAM("tc", lock_elsewhere, LOCKS PICK("r1 += 4;", "") "call 93; r1 = r7; call 94;" END)
PROGRAM("tc", lock_on_one_path, LOCKS "r8 = *(u32 *)(r6 + 0); call 93; r1 = r7; if r8 > 5 goto 1f; call 94; goto 9f; 1:" PICK("", "call 94;") END)

SEC("tc")
int iterator_kept(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int n = 0;

	bpf_iter_num_new(&it, 0, 10);
	while (bpf_iter_num_next(&it))
		n++;
	PICK(, bpf_iter_num_destroy(&it);)
	return n & 1;
}

SEC("tc")
int iterator_unset(struct __sk_buff *skb)
{
	struct bpf_iter_num it;

	PICK(, bpf_iter_num_new(&it, 0, 10);)
	bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return 0;
}

SEC("tc")
int iterator_without_null_check(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *v, n = 0;

	bpf_iter_num_new(&it, 0, 10);
	v = bpf_iter_num_next(&it);
	if (PICK(1, v))
		n = *v;
	bpf_iter_num_destroy(&it);
	return n & 1;
}

SEC("tc")
int iterator_used_after(struct __sk_buff *skb)
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, 10);
	PICK(bpf_iter_num_destroy(&it); bpf_iter_num_next(&it);, bpf_iter_num_next(&it); bpf_iter_num_destroy(&it);)
	return 0;
}

SEC("tc")
int dynptr_kept(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &p);
	PICK(, bpf_ringbuf_discard_dynptr(&p, 0);)
	return 0;
}

SEC("tc")
int dynptr_slice_after(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	__u64 *v;

	bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &p);
	v = bpf_dynptr_data(&p, 0, 8);
	PICK(bpf_ringbuf_submit_dynptr(&p, 0);, )
	if (v)
		*v = 1;
	PICK(, bpf_ringbuf_submit_dynptr(&p, 0);)
	return 0;
}

SEC("tc")
int dynptr_overwritten(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &p);
	PICK(*(volatile __u64 *)&p = 5;, )
	bpf_ringbuf_discard_dynptr(&p, 0);
	return 0;
}

LICENSE("GPL");
