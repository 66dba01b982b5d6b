/* Identity policy in the style of container networks: endpoints, identities, policy maps, tail calls, events. */
#include "corpus.h"

struct policy_key {
	u32 identity;
	__be16 dport;
	u8 proto;
	u8 egress;
};

struct policy_entry {
	__be16 proxy_port;
	u8 deny;
	u8 pad[5];
	u64 packets;
	u64 bytes;
};

struct ipcache_key {
	u32 len;
	u16 cluster;
	u8 pad;
	u8 family;
	union {
		__be32 ip4;
		u32 ip6[4];
	};
};

struct remote {
	u32 identity;
	__be32 tunnel;
	u32 key;
};

struct event {
	u8 type;
	u8 reason;
	u16 source;
	u32 hash;
	u32 len_orig;
	u16 len_cap;
	u16 version;
	u32 src_label;
	u32 dst_label;
	u32 ifindex;
};

struct metrics_key {
	u8 reason;
	u8 dir;
	u16 pad[3];
};

struct metrics {
	u64 count;
	u64 bytes;
};

HASH(policy, struct policy_key, struct policy_entry, 16384);
LPM(ipcache, struct ipcache_key, struct remote, 16384);
MAPF(metrics_map, BPF_MAP_TYPE_PERCPU_HASH, struct metrics_key, struct metrics, 1024, 0);
MAPF(calls, BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 32, 0);
FDMAP(events, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 128);

enum { CB_SRC, CB_DST, CB_OFF, CB_REASON, CB_PROXY };
enum { CALL_V4 = 1, CALL_V6, CALL_DROP, CALL_LOCAL };

#define DROP_POLICY -133
#define DROP_UNKNOWN_L3 -139
#define DROP_INVALID -134

inline_ void update_metrics(u64 bytes, u8 dir, u8 reason)
{
	struct metrics_key k = { .reason = reason, .dir = dir };
	struct metrics *m, fresh = {};

	m = bpf_map_lookup_elem(&metrics_map, &k);
	if (m) {
		m->count++;
		m->bytes += bytes;
		return;
	}
	fresh.count = 1;
	fresh.bytes = bytes;
	bpf_map_update_elem(&metrics_map, &k, &fresh, 0);
}

inline_ int drop_notify(struct __sk_buff *skb, int reason)
{
	skb->cb[CB_REASON] = -reason;
	bpf_tail_call(skb, &calls, CALL_DROP);
	return TC_ACT_SHOT;
}

inline_ int allowed(struct __sk_buff *skb, struct policy_key *k)
{
	struct policy_entry *e;

	e = bpf_map_lookup_elem(&policy, k);
	if (!e) {
		k->dport = 0;
		k->proto = 0;
		e = bpf_map_lookup_elem(&policy, k);
	}
	if (!e) {
		k->identity = 0;
		e = bpf_map_lookup_elem(&policy, k);
	}
	if (!e)
		return DROP_POLICY;
	__sync_fetch_and_add(&e->packets, 1);
	__sync_fetch_and_add(&e->bytes, skb->len);
	if (e->deny)
		return DROP_POLICY;
	return e->proxy_port;
}

SEC("tc")
int from_container(struct __sk_buff *skb)
{
	skb->cb[CB_SRC] = 0;
	skb->cb[CB_DST] = 0;
	skb->cb[CB_OFF] = ETH_HLEN;
	skb->cb[CB_REASON] = 0;
	skb->tc_classid = 0;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		bpf_tail_call(skb, &calls, CALL_V4);
		break;
	case bpf_htons(ETH_P_IPV6):
		bpf_tail_call(skb, &calls, CALL_V6);
		break;
	case bpf_htons(ETH_P_ARP):
		return TC_ACT_OK;
	}
	return drop_notify(skb, DROP_UNKNOWN_L3);
}

inline_ int pull(struct __sk_buff *skb, u32 len, void **data, void **end)
{
	*data = (void *)(long)skb->data;
	*end = (void *)(long)skb->data_end;
	if (*data + len <= *end)
		return 0;
	if (bpf_skb_pull_data(skb, len))
		return -1;
	*data = (void *)(long)skb->data;
	*end = (void *)(long)skb->data_end;
	return *data + len > *end ? -1 : 0;
}

SEC("tc")
int policy_v4(struct __sk_buff *skb)
{
	struct ipcache_key ck = { .len = 32 + 32, .family = 1 };
	struct policy_key pk = { .egress = 1 };
	struct remote *r;
	struct iphdr *ip;
	void *data, *end;
	int verdict;

	if (pull(skb, ETH_HLEN + sizeof(*ip), &data, &end))
		return drop_notify(skb, DROP_INVALID);
	ip = data + ETH_HLEN;
	ck.ip4 = ip->daddr;
	pk.proto = ip->protocol;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		u32 off = ETH_HLEN + ip->ihl * 4 + 2;

		if (bpf_skb_load_bytes(skb, off, &pk.dport, 2) < 0)
			return drop_notify(skb, DROP_INVALID);
	}
	r = bpf_map_lookup_elem(&ipcache, &ck);
	pk.identity = r ? r->identity : 2;
	skb->cb[CB_DST] = pk.identity;
	verdict = allowed(skb, &pk);
	if (verdict < 0)
		return drop_notify(skb, verdict);
	update_metrics(skb->len, 2, 0);
	if (verdict > 0) {
		skb->mark = 0x0200 | (u32)verdict << 16;
		return TC_ACT_OK;
	}
	if (r && r->tunnel) {
		struct bpf_tunnel_key key = {};

		key.remote_ipv4 = bpf_ntohl(r->tunnel);
		key.tunnel_id = r->identity;
		if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
			return drop_notify(skb, DROP_INVALID);
		return bpf_redirect(7, 0);
	}
	return TC_ACT_OK;
}

SEC("tc")
int policy_v6(struct __sk_buff *skb)
{
	struct ipcache_key ck = { .len = 32 + 128, .family = 2 };
	struct policy_key pk = {};
	struct ipv6hdr *ip6;
	struct remote *r;
	void *data, *end;
	u32 off = ETH_HLEN + sizeof(*ip6);
	int verdict;
	u8 next;

	if (pull(skb, off, &data, &end))
		return drop_notify(skb, DROP_INVALID);
	ip6 = data + ETH_HLEN;
	__builtin_memcpy(ck.ip6, &ip6->saddr, 16);
	next = ip6->nexthdr;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		u8 opt[2];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
			break;
		if (bpf_skb_load_bytes(skb, off, opt, 2) < 0)
			return drop_notify(skb, DROP_INVALID);
		off += next == IPPROTO_AH ? (opt[1] + 2) << 2 : (opt[1] + 1) << 3;
		next = opt[0];
	}
	pk.proto = next;
	if (next == IPPROTO_TCP || next == IPPROTO_UDP)
		if (bpf_skb_load_bytes(skb, off + 2, &pk.dport, 2) < 0)
			return drop_notify(skb, DROP_INVALID);
	r = bpf_map_lookup_elem(&ipcache, &ck);
	pk.identity = r ? r->identity : 2;
	verdict = allowed(skb, &pk);
	if (verdict < 0)
		return drop_notify(skb, verdict);
	bpf_tail_call(skb, &calls, CALL_LOCAL);
	return TC_ACT_OK;
}

SEC("tc")
int send_drop_event(struct __sk_buff *skb)
{
	u64 len = skb->len, cap = len < 128 ? len : 128;
	struct event e = {};

	e.type = 1;
	e.reason = skb->cb[CB_REASON];
	e.hash = bpf_get_hash_recalc(skb);
	e.len_orig = len;
	e.len_cap = cap;
	e.version = 1;
	e.src_label = skb->cb[CB_SRC];
	e.dst_label = skb->cb[CB_DST];
	e.ifindex = skb->ifindex;
	bpf_perf_event_output(skb, &events, cap << 32 | BPF_F_CURRENT_CPU, &e, sizeof(e));
	update_metrics(len, 1, e.reason);
	return TC_ACT_SHOT;
}

/* Delivery within the node: the endpoint's program is chosen at run time. */
SEC("tc")
int local_delivery(struct __sk_buff *skb)
{
	u32 endpoint = skb->cb[CB_DST] & 0xffff;

	if (skb->mark & 0x0f00) {
		bpf_skb_change_type(skb, PACKET_HOST);
		skb->mark = 0;
	}
	if (endpoint < 32)
		bpf_tail_call(skb, &calls, endpoint);
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}
