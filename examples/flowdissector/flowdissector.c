//go:build ignore

/* A flow dissector: what flow a frame belongs to, through any nesting of headers. Each header has a parser, a program of
 * its own; they reach one another by tail calls, so a frame may have 33 headers that are parsed.
 *
 * The state lies in the flow keys: thoff is where the next header begins, n_proto and nhoff are the protocol and the place
 * of the innermost network header so far. A header changes the keys only when it is there to its end. */
#include "../bpf/networking.h"

/* Protocols of the network layer, in the order of the network, as headers and n_proto have them. */
#define IPV4 bpf_htons(0x0800)
#define IPV6 bpf_htons(0x86dd)
#define VLAN bpf_htons(0x8100)
#define QINQ bpf_htons(0x88a8)
#define MPLS bpf_htons(0x8847)
#define MPLS_MULTICAST bpf_htons(0x8848)
#define ETHERNET bpf_htons(0x6558) /* a whole frame inside GRE */

/* Protocols of IP. */
enum {
	HOP_BY_HOP = 0,
	ICMP = 1,
	IPV4_INSIDE = 4,
	TCP = 6,
	UDP = 17,
	IPV6_INSIDE = 41,
	ROUTING = 43,
	FRAGMENT = 44,
	GRE = 47,
	ICMPV6 = 58,
	DESTINATION = 60,
	SCTP = 132,
	UDPLITE = 136,
};

/* What the caller asks for, in the flags of the keys. */
enum {
	PARSE_FIRST_FRAGMENT = 1, /* its ports too */
	STOP_AT_FLOW_LABEL = 2,
	STOP_AT_ENCAPSULATION = 4,
};

struct ethernet {
	__u8 dst[6], src[6];
	__be16 type;
};

struct vlan {
	__be16 tci, type;
};

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 total, id, fragment;
	__u8 ttl, protocol;
	__sum16 checksum;
	__be32 src, dst;
};

struct ipv6 {
	__be32 version_class_label;
	__be16 length;
	__u8 next, hops;
	__be32 src[4], dst[4];
};

struct option {
	__u8 next, length; /* in units of 8 bytes, without the first */
};

struct fragment {
	__u8 next, reserved;
	__be16 offset;
	__be32 id;
};

struct gre {
	__be16 flags, type;
};

struct ports {
	__be16 src, dst;
};

struct tcp {
	struct ports ports;
	__be32 sequence, acknowledgement;
	__u8 offset, flags;
	__be16 window;
	__sum16 checksum;
	__be16 urgent;
};

#define IPV4_MORE bpf_htons(0x2000)
#define IPV4_OFFSET bpf_htons(0x1fff)
#define IPV6_OFFSET bpf_htons(0xfff8)
#define FLOW_LABEL bpf_htonl(0x000fffff)
#define GRE_CHECKSUM bpf_htons(0x8000)
#define GRE_ROUTING bpf_htons(0x4000)
#define GRE_KEY bpf_htons(0x2000)
#define GRE_SEQUENCE bpf_htons(0x1000)
#define GRE_VERSION bpf_htons(0x0007)

/* The parsers, each of a header. */
enum { PARSE_ETHERNET, PARSE_VLAN, PARSE_MPLS, PARSE_IPV4, PARSE_IPV6, PARSE_OPTION, PARSE_FRAGMENT, PARSE_GRE, PARSERS };

int parse_ethernet(struct __sk_buff *skb);
int parse_vlan(struct __sk_buff *skb);
int parse_mpls(struct __sk_buff *skb);
int parse_ipv4(struct __sk_buff *skb);
int parse_ipv6(struct __sk_buff *skb);
int parse_option(struct __sk_buff *skb);
int parse_fragment(struct __sk_buff *skb);
int parse_gre(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PARSERS);
	__type(key, __u32);
	__array(values, int(struct __sk_buff *));
} parsers SEC(".maps") = {
	.values = {
		[PARSE_ETHERNET] = (void *)parse_ethernet,
		[PARSE_VLAN] = (void *)parse_vlan,
		[PARSE_MPLS] = (void *)parse_mpls,
		[PARSE_IPV4] = (void *)parse_ipv4,
		[PARSE_IPV6] = (void *)parse_ipv6,
		[PARSE_OPTION] = (void *)parse_option,
		[PARSE_FRAGMENT] = (void *)parse_fragment,
		[PARSE_GRE] = (void *)parse_gre,
	},
};

/* What struct bpf_flow_keys has no place for. */
struct labels {
	__u16 vlans, stack; /* how many tags, how many entries of label stacks */
	__be16 vlan[2];     /* the first two tags */
	__be32 mpls;        /* the first entry */
	__be32 gre_key;     /* the last one */
};

/* Those of the last frame, if anybody wants to know. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct labels);
} last SEC(".maps");

const volatile __u32 with_labels = 0;

static __always_inline struct labels *labels(void)
{
	__u32 zero = 0;

	return with_labels ? bpf_map_lookup_elem(&last, &zero) : NULL;
}

/* A pointer to a piece of the frame: into the packet or, where that is not in one piece, to a copy. */
static __always_inline void *piece(struct __sk_buff *skb, __u32 at, __u32 size, void *copy)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (at > 0xffff - size)
		return NULL;
	if (data + at + size <= end)
		return data + at;
	return bpf_skb_load_bytes(skb, at, copy, size) ? NULL : copy;
}

/* The next header. */
static __always_inline void *header(struct __sk_buff *skb, __u32 size, void *copy)
{
	return piece(skb, skb->flow_keys->thoff, size, copy);
}

/* Steps over a header that is longer than its fixed part, if it is there to its end. */
static __always_inline int skip(struct __sk_buff *skb, __u32 size)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 next = skb->flow_keys->thoff + size;
	__u8 byte;

	if (next > 0xffff)
		return -1;
	if (data + next > end && bpf_skb_load_bytes(skb, next - 1, &byte, 1))
		return -1;
	skb->flow_keys->thoff = next;
	return 0;
}

static __always_inline void found(struct bpf_flow_keys *keys, __be16 protocol)
{
	keys->n_proto = protocol;
	keys->nhoff = keys->thoff;
}

/* Goes on with a network header. A frame has no flow if there is no parser for it, or if its headers are too many. */
static __always_inline int network(struct __sk_buff *skb, __be16 protocol)
{
	found(skb->flow_keys, protocol);
	switch (protocol) {
	case IPV4:
		bpf_tail_call(skb, &parsers, PARSE_IPV4);
		break;
	case IPV6:
		bpf_tail_call(skb, &parsers, PARSE_IPV6);
		break;
	case VLAN:
	case QINQ:
		bpf_tail_call(skb, &parsers, PARSE_VLAN);
		break;
	case MPLS:
	case MPLS_MULTICAST:
		bpf_tail_call(skb, &parsers, PARSE_MPLS);
		break;
	case ETHERNET:
		bpf_tail_call(skb, &parsers, PARSE_ETHERNET);
		break;
	}
	return BPF_DROP;
}

static __always_inline int encapsulated(struct __sk_buff *skb, __be16 protocol)
{
	struct bpf_flow_keys *keys = skb->flow_keys;

	keys->is_encap = 1;
	if (keys->flags & STOP_AT_ENCAPSULATION) {
		found(keys, protocol);
		return BPF_OK;
	}
	return network(skb, protocol);
}

/* The end of the headers, or what is in a tunnel. The flow of a protocol without ports is that of its addresses. */
static __always_inline int transport(struct __sk_buff *skb, __u8 protocol)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct tcp *tcp, copy;
	struct ports *ports = NULL;

	switch (protocol) {
	case TCP:
		tcp = header(skb, sizeof(*tcp), &copy);
		if (!tcp || tcp->offset >> 4 < 5)
			return BPF_DROP;
		ports = &tcp->ports;
		break;
	case UDP:
	case UDPLITE:
		ports = header(skb, 8, &copy);
		if (!ports)
			return BPF_DROP;
		break;
	case SCTP:
		ports = header(skb, 12, &copy);
		if (!ports)
			return BPF_DROP;
		break;
	case ICMP:
		return header(skb, 8, &copy) ? BPF_OK : BPF_DROP;
	case ICMPV6:
		return header(skb, 4, &copy) ? BPF_OK : BPF_DROP;
	case GRE:
		bpf_tail_call(skb, &parsers, PARSE_GRE);
		return BPF_DROP;
	case IPV4_INSIDE:
		return encapsulated(skb, IPV4);
	case IPV6_INSIDE:
		return encapsulated(skb, IPV6);
	default:
		return BPF_OK;
	}
	keys->sport = ports->src;
	keys->dport = ports->dst;
	return BPF_OK;
}

/* Goes on behind a header of IPv6. */
static __always_inline int next(struct __sk_buff *skb, __u8 protocol)
{
	skb->flow_keys->ip_proto = protocol;
	switch (protocol) {
	case HOP_BY_HOP:
	case ROUTING:
	case DESTINATION:
		bpf_tail_call(skb, &parsers, PARSE_OPTION);
		return BPF_DROP;
	case FRAGMENT:
		bpf_tail_call(skb, &parsers, PARSE_FRAGMENT);
		return BPF_DROP;
	}
	return transport(skb, protocol);
}

/* Takes note of a fragment, and says whether to look for what follows. */
static __always_inline int goes_on(struct bpf_flow_keys *keys, int first)
{
	keys->is_frag = 1;
	keys->is_first_frag = first;
	return first && keys->flags & PARSE_FIRST_FRAGMENT;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct labels *l = labels();

	if (l)
		__builtin_memset(l, 0, sizeof(*l));
	return network(skb, skb->flow_keys->n_proto);
}

SEC("flow_dissector")
int parse_ethernet(struct __sk_buff *skb)
{
	struct ethernet *eth, copy;

	eth = header(skb, sizeof(*eth), &copy);
	if (!eth)
		return BPF_DROP;
	skb->flow_keys->thoff += sizeof(*eth);
	return network(skb, eth->type);
}

SEC("flow_dissector")
int parse_vlan(struct __sk_buff *skb)
{
	struct vlan *vlan, copy;
	struct labels *l;

	vlan = header(skb, sizeof(*vlan), &copy);
	if (!vlan)
		return BPF_DROP;
	l = labels();
	if (l) {
		if (l->vlans == 0)
			l->vlan[0] = vlan->tci;
		else if (l->vlans == 1)
			l->vlan[1] = vlan->tci;
		l->vlans++;
	}
	skb->flow_keys->thoff += sizeof(*vlan);
	return network(skb, vlan->type);
}

/* One entry of a label stack. What is below the last one does not say what it is: the version of IP tells. */
SEC("flow_dissector")
int parse_mpls(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u8 *entry, copy[4], *below;
	struct labels *l;

	entry = header(skb, sizeof(copy), copy);
	if (!entry)
		return BPF_DROP;
	l = labels();
	if (l) {
		if (l->stack == 0)
			__builtin_memcpy(&l->mpls, entry, sizeof(copy));
		l->stack++;
	}
	keys->thoff += sizeof(copy);
	if (!(entry[2] & 1))
		return network(skb, keys->n_proto);
	below = header(skb, 1, copy);
	if (!below)
		return BPF_DROP;
	switch (*below >> 4) {
	case 4:
		return network(skb, IPV4);
	case 6:
		return network(skb, IPV6);
	}
	return BPF_OK;
}

SEC("flow_dissector")
int parse_ipv4(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct ipv4 *ip, copy;

	ip = header(skb, sizeof(*ip), &copy);
	if (!ip || ip->version_ihl >> 4 != 4 || (ip->version_ihl & 15) < 5 || skip(skb, (ip->version_ihl & 15) * 4))
		return BPF_DROP;
	if (keys->addr_proto) { /* of the header around it */
		__builtin_memset(keys->ipv6_src, 0, sizeof(keys->ipv6_src));
		__builtin_memset(keys->ipv6_dst, 0, sizeof(keys->ipv6_dst));
	}
	keys->addr_proto = bpf_ntohs(IPV4);
	keys->ipv4_src = ip->src;
	keys->ipv4_dst = ip->dst;
	keys->ip_proto = ip->protocol;
	if (ip->fragment & (IPV4_MORE | IPV4_OFFSET) && !goes_on(keys, !(ip->fragment & IPV4_OFFSET)))
		return BPF_OK;
	return transport(skb, ip->protocol);
}

SEC("flow_dissector")
int parse_ipv6(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct ipv6 *ip, copy;

	ip = header(skb, sizeof(*ip), &copy);
	if (!ip || *(__u8 *)ip >> 4 != 6)
		return BPF_DROP;
	keys->thoff += sizeof(*ip);
	keys->addr_proto = bpf_ntohs(IPV6);
	__builtin_memcpy(keys->ipv6_src, ip->src, sizeof(ip->src));
	__builtin_memcpy(keys->ipv6_dst, ip->dst, sizeof(ip->dst));
	keys->flow_label = ip->version_class_label & FLOW_LABEL;
	keys->ip_proto = ip->next;
	if (keys->flow_label && keys->flags & STOP_AT_FLOW_LABEL)
		return BPF_OK;
	return next(skb, ip->next);
}

/* Hop-by-hop options, routing headers and destination options have the same form. */
SEC("flow_dissector")
int parse_option(struct __sk_buff *skb)
{
	struct option *option, copy;

	option = header(skb, sizeof(*option), &copy);
	if (!option || skip(skb, (option->length + 1) * 8))
		return BPF_DROP;
	return next(skb, option->next);
}

SEC("flow_dissector")
int parse_fragment(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct fragment *fragment, copy;

	fragment = header(skb, sizeof(*fragment), &copy);
	if (!fragment)
		return BPF_DROP;
	keys->thoff += sizeof(*fragment);
	keys->ip_proto = fragment->next;
	if (!goes_on(keys, !(fragment->offset & IPV6_OFFSET)))
		return BPF_OK;
	return next(skb, fragment->next);
}

/* GRE with routing or of another version is not what RFC 2784 and RFC 2890 describe: its flow is that of its addresses. */
SEC("flow_dissector")
int parse_gre(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u32 size = sizeof(struct gre), key_at;
	struct gre *gre, copy;
	__be32 *key, key_copy;
	struct labels *l;

	gre = header(skb, sizeof(*gre), &copy);
	if (!gre)
		return BPF_DROP;
	if (gre->flags & (GRE_ROUTING | GRE_VERSION))
		return BPF_OK;
	size += gre->flags & GRE_CHECKSUM ? 4 : 0;
	key_at = keys->thoff + size;
	size += gre->flags & GRE_KEY ? 4 : 0;
	size += gre->flags & GRE_SEQUENCE ? 4 : 0;
	if (skip(skb, size))
		return BPF_DROP;
	l = labels();
	if (l && gre->flags & GRE_KEY) {
		key = piece(skb, key_at, sizeof(*key), &key_copy);
		if (key)
			l->gre_key = *key;
	}
	return encapsulated(skb, gre->type);
}

char _license[] SEC("license") = "GPL";
