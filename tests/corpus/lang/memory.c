// Memory: copies, bit fields, unions, globals, spin locks, dynptrs, ring buffers.
#include "lang.h"

struct flags {
	__u32 a : 3, b : 5, c : 9, d : 15;
	__u64 e : 40, f : 24;
	signed int g : 4, h : 12;
};

union value {
	__u64 q;
	struct {
		__u16 lo, mid;
		__u32 hi;
	};
	__u8 b[8];
};

struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
	__u64 sum;
};

struct record {
	__u64 when;
	__u32 len;
	__u8 data[52];
};

ARRAY(flags, struct flags, 1);
ARRAY(locks, struct locked, 2);
HASH(records, __u32, struct record, 16);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} commands SEC(".maps");

int counter;
__u64 table[32] = { 1, 2, 3 };
static __u8 text[64] = "data section";
static struct record last;
__u32 zeroes[16];

SEC("tc")
int bit_fields(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct flags *f = bpf_map_lookup_elem(&flags, &zero);

	if (!f)
		return 0;
	f->a = skb->len;
	f->c += 3;
	f->d ^= f->c;
	f->e = f->f + f->b;
	f->h = f->g - 3;
	return f->h < 0;
}

SEC("tc")
int unions(struct __sk_buff *skb)
{
	union value v = { .q = (__u64)skb->hash << 32 | skb->len }, w;

	w.lo = v.mid;
	w.mid = v.lo;
	w.hi = bpf_htonl(v.hi);
	return (w.b[0] ^ v.b[7] ^ (w.q >> 63)) & 1;
}

SEC("tc")
int copies(struct __sk_buff *skb)
{
	struct record a = {}, b;
	__u32 key = skb->hash;

	a.when = bpf_ktime_get_ns();
	a.len = skb->len;
	__builtin_memset(a.data, 0xaa, sizeof(a.data));
	__builtin_memcpy(&b, &a, sizeof(b));
	__builtin_memmove(b.data + 4, b.data, 16);
	bpf_map_update_elem(&records, &key, &b, BPF_ANY);
	return 0;
}

SEC("tc")
int from_packet(struct __sk_buff *skb)
{
	void *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct record r = {};
	__u32 key = 1;

	if (p + 40 > end)
		return 0;
	__builtin_memcpy(r.data, p, 40);
	bpf_map_update_elem(&records, &key, &r, 0);
	return 0;
}

SEC("tc")
int compare(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (p + 12 > end)
		return 0;
	return __builtin_memcmp(p, p + 6, 6) == 0;
}

SEC("tc")
int globals(struct __sk_buff *skb)
{
	__u32 i = skb->len & 31;

	counter++;
	table[i] += counter;
	text[i] = skb->protocol;
	zeroes[i & 15]++;
	last.len = skb->len;
	last.data[i] = text[63 - i];
	return table[31 - i] & 1;
}

SEC("tc")
int globals_in_a_loop(struct __sk_buff *skb)
{
	int i;

ROLLED
	for (i = 0; i < 32; i++)
		table[i] = table[(i * 7) & 31] + zeroes[i / 2];
	return 0;
}

SEC("tc")
int spin_lock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&locks, &zero);

	if (!l)
		return 0;
	bpf_spin_lock(&l->lock);
	l->n++;
	l->sum += skb->len;
	bpf_spin_unlock(&l->lock);
	return 0;
}

SEC("tc")
int spin_lock_branches(struct __sk_buff *skb)
{
	__u32 one = 1, len = skb->len;
	struct locked *l = bpf_map_lookup_elem(&locks, &one);

	if (!l)
		return 0;
	bpf_spin_lock(&l->lock);
	if (l->n > 100) {
		l->n = 0;
		bpf_spin_unlock(&l->lock);
		return 1;
	}
	if (len > 1000)
		l->sum -= 1;
	else
		l->sum += len;
	bpf_spin_unlock(&l->lock);
	return 0;
}

SEC("tc")
int ring_of_two(struct __sk_buff *skb)
{
	struct record *a, *b;

	a = bpf_ringbuf_reserve(&ring, sizeof(*a), 0);
	if (!a)
		return 0;
	b = bpf_ringbuf_reserve(&ring, sizeof(*b), 0);
	if (!b) {
		bpf_ringbuf_discard(a, 0);
		return 0;
	}
	a->len = skb->len;
	b->len = a->len;
	bpf_ringbuf_submit(b, 0);
	bpf_ringbuf_submit(a, 0);
	return 0;
}

SEC("tc")
int ring_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	struct record *r;
	__u32 n = skb->len & 0xff;

	if (bpf_ringbuf_reserve_dynptr(&ring, 64 + n, 0, &p)) {
		bpf_ringbuf_discard_dynptr(&p, 0);
		return 0;
	}
	r = bpf_dynptr_data(&p, 0, sizeof(*r));
	if (r)
		r->len = n;
	bpf_dynptr_write(&p, 8, &n, sizeof(n), 0);
	bpf_ringbuf_submit_dynptr(&p, 0);
	return 0;
}

static long command(struct bpf_dynptr *p, struct record *r)
{
	__u32 v;

	if (bpf_dynptr_read(&v, sizeof(v), p, 0, 0))
		return 1;
	r->len += v;
	return 0;
}

SEC("raw_tp/sys_enter")
int drain(void *ctx)
{
	struct record r = {};

	return bpf_user_ringbuf_drain(&commands, command, &r, 0) > 10;
}

SEC("tc")
int dynptr_of_map(struct __sk_buff *skb)
{
	__u32 key = 2, v = 0;
	struct record *r = bpf_map_lookup_elem(&records, &key);
	struct bpf_dynptr p;

	if (!r)
		return 0;
	if (bpf_dynptr_from_mem(r->data, sizeof(r->data), 0, &p))
		return 0;
	bpf_dynptr_read(&v, sizeof(v), &p, skb->len & 15, 0);
	return v & 1;
}

LICENSE("GPL");
