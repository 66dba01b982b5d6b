//go:build ignore

/* A classifier for tc: IPv4 packets of a class of traffic get a mark, a priority, a DSCP and a VLAN, and may be sent elsewhere. */
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

#define IPV4 bpf_htons(0x0800)
#define IP_AT sizeof(struct ethernet)

/* What is done with the packets of a class; 0 leaves a thing as it is. */
struct class {
	__u32 mark, priority;
	__u16 vlan;
	__u8 dscp; /* the upper 6 bits of tos */
	__u8 unused;
	__u32 ifindex; /* where they are sent */
};

/* The classes by the protocol number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u8);
	__type(value, struct class);
} classes SEC(".maps");

__u64 unknown = 0; /* packets of no class */

/* Two bytes of the header, tos with what lies before it, are a word of its checksum. */
static __always_inline int set_dscp(struct __sk_buff *skb, __u8 first, __u8 tos, __u8 dscp)
{
	__u8 now = (dscp << 2) | (tos & 3);

	if (bpf_l3_csum_replace(skb, IP_AT + __builtin_offsetof(struct ipv4, checksum), first | tos << 8, first | now << 8, 2))
		return -1;
	return bpf_skb_store_bytes(skb, IP_AT + __builtin_offsetof(struct ipv4, tos), &now, 1, 0);
}

SEC("tc")
int tcmark(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethernet *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct class *class;

	if ((void *)(ip + 1) > end || eth->type != IPV4)
		return TC_ACT_OK;
	class = bpf_map_lookup_elem(&classes, &ip->protocol);
	if (!class) {
		__sync_fetch_and_add(&unknown, 1);
		bpf_printk("no class for protocol %d", ip->protocol);
		return TC_ACT_OK;
	}
	skb->mark = class->mark;
	if (class->priority)
		skb->priority = class->priority;
	if (class->dscp && set_dscp(skb, ip->version_ihl, ip->tos, class->dscp))
		return TC_ACT_SHOT;
	if (class->vlan && bpf_skb_vlan_push(skb, bpf_htons(0x8100), class->vlan))
		return TC_ACT_SHOT;
	if (class->ifindex)
		return bpf_redirect(class->ifindex, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
