/* Socket filters as they were written in 2014 to 2016: section names and idioms of that time. */
/* bpftool-type: socket */
#include "corpus.h"

struct pair {
	u64 packets;
	u64 bytes;
};

HASH(hash_map, u32, struct pair, 1024);
ARRAY(my_map, u64, 256);
MAPF(jmp_table, BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 8, 0);
PERCPU(percpu_map, struct pair, 32);

#define PARSE_IP 1
#define PARSE_VLAN 2
#define PARSE_IP6 3

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

SEC("socket1")
int old_by_proto(struct __sk_buff *skb)
{
	int index = load_byte(skb, ETH_HLEN + 9);
	u64 *value;

	value = bpf_map_lookup_elem(&my_map, &index);
	if (value)
		__sync_fetch_and_add(value, skb->len);
	return 0;
}

SEC("socket2")
int old_by_address(struct __sk_buff *skb)
{
	struct pair *value, init = { 1, skb->len };
	u32 key;

	if (load_half(skb, 12) != ETH_P_IP)
		return 0;
	key = load_word(skb, 30);
	value = bpf_map_lookup_elem(&hash_map, &key);
	if (value) {
		__sync_fetch_and_add(&value->packets, 1);
		__sync_fetch_and_add(&value->bytes, skb->len);
	} else {
		bpf_map_update_elem(&hash_map, &key, &init, BPF_ANY);
	}
	return 0;
}

/* A dispatcher: the parsers are programs in jmp_table, the offset travels in cb[0]. */
SEC("socket/0")
int old_dispatch(struct __sk_buff *skb)
{
	u32 proto = load_half(skb, 12);

	skb->cb[0] = ETH_HLEN;
	switch (proto) {
	case ETH_P_8021Q:
	case ETH_P_8021AD:
		bpf_tail_call(skb, &jmp_table, PARSE_VLAN);
		break;
	case ETH_P_IP:
		bpf_tail_call(skb, &jmp_table, PARSE_IP);
		break;
	case ETH_P_IPV6:
		bpf_tail_call(skb, &jmp_table, PARSE_IP6);
		break;
	}
	return 0;
}

SEC("socket/1")
int old_parse_ip(struct __sk_buff *skb)
{
	u32 off = skb->cb[0], src = load_word(skb, off + 12), key = load_byte(skb, off + 9) & 31;
	struct pair *p = bpf_map_lookup_elem(&percpu_map, &key);

	if (p) {
		p->packets++;
		p->bytes += skb->len;
	}
	skb->cb[1] = src;
	return src >> 24 == 10 ? -1 : 0;
}

SEC("socket/2")
int old_parse_vlan(struct __sk_buff *skb)
{
	u32 off = skb->cb[0];
	u32 proto = load_half(skb, off + 2);

	skb->cb[0] = off + 4;
	if (proto == ETH_P_IP)
		bpf_tail_call(skb, &jmp_table, PARSE_IP);
	else if (proto == ETH_P_IPV6)
		bpf_tail_call(skb, &jmp_table, PARSE_IP6);
	return 0;
}

SEC("socket/3")
int old_parse_ip6(struct __sk_buff *skb)
{
	u32 off = skb->cb[0];
	u32 src = load_word(skb, off + 8) ^ load_word(skb, off + 12) ^ load_word(skb, off + 16) ^ load_word(skb, off + 20);
	struct pair *p, init = { 1, skb->len };

	p = bpf_map_lookup_elem(&hash_map, &src);
	if (!p) {
		bpf_map_update_elem(&hash_map, &src, &init, BPF_NOEXIST);
		return 0;
	}
	__sync_fetch_and_add(&p->packets, 1);
	return p->packets > 100 ? 64 : 0;
}
