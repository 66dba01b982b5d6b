/* Dynamic pointers: over values, and records of rings as long as the packet says. */
#include "corpus.h"

struct buffer {
	u8 bytes[128];
};
ARRAY(buffers, struct buffer, 2);
HASH(sums, u32, u64, 128);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

extern int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end) __ksym;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *p) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;

inline_ void note(u32 key, u64 value)
{
	bpf_map_update_elem(&sums, &key, &value, BPF_ANY);
}

SEC("tc")
int dynptr_value(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	u32 slot = skb->len & 1, at = skb->mark & 0xff;
	struct buffer *b = bpf_map_lookup_elem(&buffers, &slot);
	u8 part[16] = {};
	u8 *s;

	if (!b || bpf_dynptr_from_mem(b, sizeof(*b), 0, &p))
		return TC_ACT_SHOT;
	bpf_skb_load_bytes(skb, 0, part, sizeof(part));
	note(1, bpf_dynptr_write(&p, at, part, sizeof(part), 0));
	note(2, bpf_dynptr_read(part, sizeof(part), &p, at / 2, 0));
	note(3, bpf_dynptr_adjust(&p, at / 4, 100));
	note(4, bpf_dynptr_size(&p));
	note(5, bpf_dynptr_is_null(&p));
	s = bpf_dynptr_slice_rdwr(&p, at / 8, 0, 8);
	if (s) {
		s[0] ^= 0x5a;
		s[7]++;
	}
	note(6, !!s);
	s = bpf_dynptr_data(&p, 8, 16);
	note(7, s ? s[3] : 1000);
	return TC_ACT_OK;
}

SEC("tc")
int dynptr_record(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	u32 size = skb->len & 511, done = 0;
	u8 part[32] = {};

	if (bpf_ringbuf_reserve_dynptr(&ring, size, 0, &p)) {
		bpf_ringbuf_discard_dynptr(&p, 0);
		return TC_ACT_SHOT;
	}
	for (int i = 0; i < 8; i++) {
		if (bpf_skb_load_bytes(skb, done, part, sizeof(part)) || bpf_dynptr_write(&p, done, part, sizeof(part), 0))
			break;
		done += sizeof(part);
	}
	/* What was not written of a record is anybody's: it is put out only if all of it was. */
	if (done == size)
		bpf_ringbuf_submit_dynptr(&p, 0);
	else
		bpf_ringbuf_discard_dynptr(&p, 0);
	return done > 64 ? TC_ACT_SHOT : TC_ACT_OK;
}

struct event {
	u32 kind, len;
	u8 head[24];
};

SEC("xdp")
int ring_three_ways(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	u8 *h = take(&c, 24);
	struct event *e, kept = { .kind = 9 };

	if (!h)
		return XDP_DROP;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e)
		return XDP_ABORTED;
	e->kind = h[0] & 3;
	e->len = (u32)(ctx->data_end - ctx->data);
	__builtin_memcpy(e->head, h, sizeof(e->head));
	if (e->kind == 2) {
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return XDP_TX;
	}
	bpf_ringbuf_submit(e, 0);
	kept.len = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	return bpf_ringbuf_output(&ring, &kept, sizeof(kept), BPF_RB_FORCE_WAKEUP) ? XDP_DROP : XDP_PASS;
}
