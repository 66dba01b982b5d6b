/* What the programs of this directory share: headers, map shorthand, packet cursors.
 *
 * MAP() declares a map in BTF form, or, with -DLEGACY, as a struct in the section "maps", the form of objects
 * built before 2018 and without BTF.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stddef.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#ifndef AF_INET
#define AF_INET 2
#endif
#ifndef AF_INET6
#define AF_INET6 10
#endif
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#define inline_ static __always_inline
#define noinline_ static __attribute__((noinline))
#define hide(x) asm volatile("" : "+r"(x))

#ifdef LEGACY
struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};
#define MAPF(name, mtype, ktype, vtype, max, flags)                                                                    \
	struct bpf_map_def SEC("maps") name = {                                                                       \
		.type = mtype,                                                                                         \
		.key_size = sizeof(ktype),                                                                             \
		.value_size = sizeof(vtype),                                                                           \
		.max_entries = max,                                                                                    \
		.map_flags = flags,                                                                                    \
	}
#define FDMAP(name, mtype, max) MAPF(name, mtype, u32, u32, max, 0)
#else
#define MAPF(name, mtype, ktype, vtype, max, flags)                                                                    \
	struct {                                                                                                       \
		__uint(type, mtype);                                                                                   \
		__uint(max_entries, max);                                                                              \
		__uint(map_flags, flags);                                                                              \
		__type(key, ktype);                                                                                    \
		__type(value, vtype);                                                                                  \
	} name SEC(".maps")
#define FDMAP(name, mtype, max)                                                                                        \
	struct {                                                                                                       \
		__uint(type, mtype);                                                                                   \
		__uint(max_entries, max);                                                                              \
		__uint(key_size, 4);                                                                                   \
		__uint(value_size, 4);                                                                                 \
	} name SEC(".maps")
#endif

#define HASH(name, k, v, n) MAPF(name, BPF_MAP_TYPE_HASH, k, v, n, 0)
#define LRU(name, k, v, n) MAPF(name, BPF_MAP_TYPE_LRU_HASH, k, v, n, 0)
#define ARRAY(name, v, n) MAPF(name, BPF_MAP_TYPE_ARRAY, u32, v, n, 0)
#define PERCPU(name, v, n) MAPF(name, BPF_MAP_TYPE_PERCPU_ARRAY, u32, v, n, 0)
#define LPM(name, k, v, n) MAPF(name, BPF_MAP_TYPE_LPM_TRIE, k, v, n, BPF_F_NO_PREALLOC)

/* linux/icmp.h and linux/if_arp.h would pull in the C library. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define ICMP_ECHO 8
#define ICMP6_ECHO 128
#define ICMP6_NEIGH_SOLICIT 135
#define ICMP6_NEIGH_ADVERT 136

struct icmphdr {
	u8 type;
	u8 code;
	u16 checksum;
	__be16 id;
	__be16 sequence;
};

struct arp_eth_ip {
	__be16 htype, ptype;
	u8 hlen, plen;
	__be16 op;
	u8 sha[6];
	u8 spa[4];
	u8 tha[6];
	u8 tpa[4];
};

struct vlan_hdr {
	__be16 tci;
	__be16 proto;
};

/* A packet and how far it has been read. */
struct cursor {
	void *pos;
	void *end;
};

inline_ void *take(struct cursor *c, u32 n)
{
	void *p = c->pos;

	if (p + n > c->end)
		return 0;
	c->pos = p + n;
	return p;
}

#define cursor_of(ctx) ((struct cursor){ (void *)(long)(ctx)->data, (void *)(long)(ctx)->data_end })

inline_ u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

inline_ int is_vlan(u16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

char _license[] SEC("license") = "GPL";

#endif
