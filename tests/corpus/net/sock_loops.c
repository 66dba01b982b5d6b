/* Loops in programs of sockets and cgroups. */
#include "corpus.h"

struct net {
	__be32 addr, mask;
	u32 allow;
};

ARRAY(nets, struct net, 32);
ARRAY(uids, u32, 16);
ARRAY(levels, u32, 8);

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} socks SEC(".maps");

#define NO_UNROLL _Pragma("clang loop unroll(disable)")

inline_ int net_allowed(__be32 addr)
{
	NO_UNROLL
	for (u32 i = 0; i < 32; i++) {
		u32 k = i;
		struct net *n = bpf_map_lookup_elem(&nets, &k);

		if (!n)
			break;
		if (n->mask && (addr & n->mask) == n->addr)
			return n->allow & 1;
	}
	return 1;
}

SEC("cgroup/connect4")
int loop_connect(struct bpf_sock_addr *ctx)
{
	return net_allowed(ctx->user_ip4);
}

SEC("cgroup/sendmsg4")
int loop_sendmsg(struct bpf_sock_addr *ctx)
{
	return net_allowed(ctx->user_ip4);
}

SEC("cgroup/sock_create")
int loop_owner(struct bpf_sock *sk)
{
	u32 uid = bpf_get_current_uid_gid();

	NO_UNROLL
	for (u32 i = 0; i < 16; i++) {
		u32 k = i, *u = bpf_map_lookup_elem(&uids, &k);

		if (u && *u == uid)
			return 0;
	}
	return 1;
}

SEC("cgroup_skb/egress")
int loop_payload(struct __sk_buff *skb)
{
	u8 buf[40];
	u32 any = 0;

	if (bpf_skb_load_bytes(skb, 40, buf, sizeof(buf)))
		return 1;
	NO_UNROLL
	for (int i = 0; i < 40; i++)
		any |= buf[i];
	return any != 0;
}

SEC("cgroup_skb/ingress")
int loop_direct(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 run = 0;

	NO_UNROLL
	for (int i = 0; i < 48; i++) {
		u8 *q = p + i;

		hide(q);
		if (q + 1 > end)
			break;
		run = *q == 0x90 ? run + 1 : 0;
		if (run > 15)
			return 0;
	}
	return 1;
}

SEC("cgroup/getsockopt")
int loop_mask_value(struct bpf_sockopt *ctx)
{
	u8 *val = ctx->optval, *end = ctx->optval_end;

	if (ctx->level != 0x1234 || val + 32 > end)
		return 1;
	NO_UNROLL
	for (int i = 0; i < 32; i++)
		val[i] = val[i] == ' ' ? '_' : val[i];
	return 1;
}

SEC("cgroup/setsockopt")
int loop_levels(struct bpf_sockopt *ctx)
{
	s32 level = ctx->level;

	if (ctx->optlen > 4096)
		ctx->optlen = 0;
	NO_UNROLL
	for (u32 i = 0; i < 8; i++) {
		u32 k = i, *l = bpf_map_lookup_elem(&levels, &k);

		if (l && *l == (u32)level)
			return 0;
	}
	return 1;
}

SEC("sockops")
int loop_retry_options(struct bpf_sock_ops *ctx)
{
	int window = 1 << 20;

	if (ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		return 1;
	NO_UNROLL
	for (int i = 0; i < 5; i++) {
		if (bpf_setsockopt(ctx, 1, 8, &window, sizeof(window)) == 0)
			break;
		window >>= 1;
	}
	ctx->reply = window;
	return 1;
}

SEC("sockops")
int loop_place(struct bpf_sock_ops *ctx)
{
	u32 h = ctx->remote_ip4 ^ ctx->remote_port;

	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	NO_UNROLL
	for (int i = 0; i < 4; i++) {
		u32 slot = (h + i * i) & 15;

		if (bpf_sock_map_update(ctx, &socks, &slot, BPF_NOEXIST) == 0)
			break;
	}
	return 1;
}

SEC("sk_msg")
int loop_find_line(struct sk_msg_md *msg)
{
	u8 *p = msg->data, *end = msg->data_end;

	NO_UNROLL
	for (int i = 0; i < 80; i++) {
		u8 *q = p + i;

		hide(q);
		if (q + 1 > end)
			return SK_PASS;
		if (*q == '\n') {
			bpf_msg_apply_bytes(msg, i + 1);
			return SK_PASS;
		}
	}
	return SK_DROP;
}

SEC("sk_skb/stream_parser")
int loop_varint_length(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 len = 0, shift = 0;

	NO_UNROLL
	for (int i = 0; i < 4; i++) {
		u8 *q = p + i;

		hide(q);
		if (q + 1 > end)
			return 0;
		len |= (u32)(*q & 0x7f) << shift;
		shift += 7;
		if (!(*q & 0x80))
			return len + i + 1;
	}
	return -1;
}

SEC("sk_skb/stream_verdict")
int loop_verdict(struct __sk_buff *skb)
{
	u8 head[16] = {};
	u32 h = 0;

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return SK_PASS;
	NO_UNROLL
	for (int i = 0; i < 16; i++)
		h = h * 131 + head[i];
	return bpf_sk_redirect_map(skb, &socks, h & 15, 0);
}

SEC("sk_lookup")
int loop_candidates(struct bpf_sk_lookup *ctx)
{
	u32 h = ctx->remote_ip4 ^ ctx->local_port;

	NO_UNROLL
	for (int i = 0; i < 4; i++) {
		u32 slot = (h + i) & 15;
		struct bpf_sock *sk = bpf_map_lookup_elem(&socks, &slot);
		long r;

		if (!sk)
			continue;
		r = bpf_sk_assign(ctx, sk, 0);
		bpf_sk_release(sk);
		if (!r)
			return SK_PASS;
	}
	return SK_DROP;
}

SEC("lwt_xmit")
int loop_lwt(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data;
	u32 sum = 0;

	if ((void *)(p + 20) > (void *)(long)skb->data_end)
		return BPF_DROP;
	p[8]--;
	p[10] = p[11] = 0;
	NO_UNROLL
	for (int i = 0; i < 20; i += 2)
		sum += p[i] << 8 | p[i + 1];
	sum = fold(sum);
	p[10] = sum >> 8;
	p[11] = sum;
	return BPF_OK;
}

SEC("flow_dissector")
int loop_dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	u32 off = k->thoff;
	__be16 proto = k->n_proto;

	if (off > 256)
		return BPF_DROP;
	NO_UNROLL
	for (int i = 0; i < 4; i++) {
		struct vlan_hdr tag;

		if (!is_vlan(proto))
			break;
		if (bpf_skb_load_bytes(skb, off, &tag, sizeof(tag)))
			return BPF_DROP;
		proto = tag.proto;
		off += 4;
	}
	k->n_proto = proto;
	k->nhoff = off;
	k->thoff = off;
	return is_vlan(proto) ? BPF_DROP : BPF_OK;
}

SEC("socket")
int loop_socket_tlv(struct __sk_buff *skb)
{
	u32 off = 42, found = 0;

	NO_UNROLL
	for (int i = 0; i < 12; i++) {
		u8 tlv[2];

		if (bpf_skb_load_bytes(skb, off, tlv, 2))
			break;
		if (tlv[0] == 0)
			break;
		found += tlv[0] == 127;
		off += 2 + tlv[1];
	}
	return found ? skb->len : 0;
}
