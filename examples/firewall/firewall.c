//go:build ignore

/* An XDP firewall for IPv4: what comes from a denied network, or goes to a closed port, is dropped, counted and reported. */
#include "../bpf/networking.h"

struct ethernet {
	__u8 dst[6], src[6];
	__be16 type;
};

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 total, id, fragment;
	__u8 ttl, protocol;
	__sum16 checksum;
	__be32 src, dst;
};

struct ports {
	__be16 src, dst;
};

#define IPV4 bpf_htons(0x0800)
#define OFFSET_MASK bpf_htons(0x1fff) /* of a fragment: only the first one has ports */
#define TCP 6
#define UDP 17

struct network {
	__u32 bits; /* of the address that count */
	__be32 addr;
};

struct counter {
	__u64 packets, bytes;
};

enum reason { PASSED, DENIED, CLOSED, BROKEN, REASONS };

struct event {
	__be32 src;
	__u16 port; /* 0 if it was not looked at */
	__u16 reason;
};

/* Networks whose packets are dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u32);
} denied SEC(".maps");

/* Ports that are closed: 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} closed SEC(".maps");

/* What happened, by enum reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

/* What was dropped, as struct event. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile __u32 quiet = 0; /* no events */
__u64 lost = 0;			/* events for which there was no room */

static __always_inline void count(__u32 reason, __u64 bytes)
{
	struct counter *c = bpf_map_lookup_elem(&counters, &reason);

	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
}

static __always_inline void report(__be32 src, __u16 port, __u16 reason)
{
	struct event *e;

	if (quiet)
		return;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	e->src = src;
	e->port = port;
	e->reason = reason;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline int drop(struct ipv4 *ip, __u16 port, __u32 reason, __u64 bytes)
{
	count(reason, bytes);
	report(ip->src, port, reason);
	return XDP_DROP;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 bytes = end - data;
	struct ethernet *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct ports *ports;
	struct network net = {.bits = 32};
	__u32 port, *is_closed;

	if ((void *)(eth + 1) > end || eth->type != IPV4) {
		count(PASSED, bytes);
		return XDP_PASS;
	}
	if ((void *)(ip + 1) > end || (ip->version_ihl & 15) < 5) {
		count(BROKEN, bytes);
		return XDP_DROP;
	}
	net.addr = ip->src;
	if (bpf_map_lookup_elem(&denied, &net))
		return drop(ip, 0, DENIED, bytes);
	if ((ip->protocol != TCP && ip->protocol != UDP) || (ip->fragment & OFFSET_MASK)) {
		count(PASSED, bytes);
		return XDP_PASS;
	}
	ports = (void *)ip + (ip->version_ihl & 15) * 4;
	if ((void *)(ports + 1) > end)
		return drop(ip, 0, BROKEN, bytes);
	port = bpf_ntohs(ports->dst);
	is_closed = bpf_map_lookup_elem(&closed, &port);
	if (is_closed && *is_closed)
		return drop(ip, port, CLOSED, bytes);
	count(PASSED, bytes);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
