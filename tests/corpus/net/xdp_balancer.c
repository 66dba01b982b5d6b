/* A balancer with a ring, connection tables per CPU and QUIC identifiers; tunnels built and removed. */
#include <stdbool.h>
#include "corpus.h"

struct vip {
	union {
		u32 vip;
		u32 vip6[4];
	};
	u16 port;
	u8 proto;
	u8 pad;
};

struct vmeta {
	u32 flags, num;
};

struct real {
	union {
		u32 dst;
		u32 dst6[4];
	};
	u8 flags;
	u8 pad[3];
};

struct flow {
	union {
		u32 src;
		u32 src6[4];
	};
	union {
		u32 dst;
		u32 dst6[4];
	};
	union {
		u32 ports;
		u16 p16[2];
	};
	u8 proto;
	u8 pad[3];
};

struct pd {
	struct flow flow;
	u32 real_index;
	u8 flags;
	u8 tos;
};

struct pos {
	u32 pos;
	u64 atime;
};

struct stats {
	u64 v1, v2;
};
HASH(vips, struct vip, struct vmeta, 512);
ARRAY(ring, u32, 512 * 65537 / 128);
ARRAY(reals, struct real, 4096);
ARRAY(ctl, u64, 16);
PERCPU(stats, struct stats, 1024);
LRU(lru_fallback, struct flow, struct pos, 1000);
ARRAY(quic, u32, 65536);
struct lru_in {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1000);
	__type(key, struct flow);
	__type(value, struct pos);
} lru0 SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 128);
	__type(key, u32);
	__array(values, struct lru_in);
} lrus SEC(".maps");
inline_ u32 rol(u32 w, u32 s)
{
	return (w << s) | (w >> ((-s) & 31));
}

#define JM(a, b, c)              \
	{                        \
		a -= c;          \
		a ^= rol(c, 4);  \
		c += b;          \
		b -= a;          \
		b ^= rol(a, 6);  \
		a += c;          \
		c -= b;          \
		c ^= rol(b, 8);  \
		b += a;          \
		a -= c;          \
		a ^= rol(c, 16); \
		c += b;          \
		b -= a;          \
		b ^= rol(a, 19); \
		a += c;          \
		c -= b;          \
		c ^= rol(b, 4);  \
		b += a;          \
	}
#define JF(a, b, c)              \
	{                        \
		c ^= b;          \
		c -= rol(b, 14); \
		a ^= c;          \
		a -= rol(c, 11); \
		b ^= a;          \
		b -= rol(a, 25); \
		c ^= b;          \
		c -= rol(b, 16); \
		a ^= c;          \
		a -= rol(c, 4);  \
		b ^= a;          \
		b -= rol(a, 14); \
		c ^= b;          \
		c -= rol(b, 24); \
	}
inline_ u32 jh(const void *key, u32 len, u32 iv)
{
	u32 a, b, c;
	const u8 *k = key;
	a = b = c = 0xdeadbeef + len + iv;
	while (len > 12) {
		a += *(u32 *)k;
		b += *(u32 *)(k + 4);
		c += *(u32 *)(k + 8);
		JM(a, b, c);
		len -= 12;
		k += 12;
	}
	switch (len) {
	case 12:
		c += (u32)k[11] << 24;
	case 11:
		c += (u32)k[10] << 16;
	case 10:
		c += (u32)k[9] << 8;
	case 9:
		c += k[8];
	case 8:
		b += (u32)k[7] << 24;
	case 7:
		b += (u32)k[6] << 16;
	case 6:
		b += (u32)k[5] << 8;
	case 5:
		b += k[4];
	case 4:
		a += (u32)k[3] << 24;
	case 3:
		a += (u32)k[2] << 16;
	case 2:
		a += (u32)k[1] << 8;
	case 1:
		a += k[0];
		JF(a, b, c);
	case 0:
		break;
	}
	return c;
}

noinline_ u32 jh2(u32 a, u32 b, u32 iv)
{
	a += iv + 0xdeadbeef + 8;
	b += iv + 0xdeadbeef + 8;
	u32 c = iv + 0xdeadbeef + 8;
	JF(a, b, c);
	return c;
}

inline_ u32 phash(struct pd *p, bool v6)
{
	if (v6)
		return jh2(jh(p->flow.src6, 16, 512), p->flow.ports, 7);
	return jh2(p->flow.src, p->flow.ports, 7);
}

inline_ bool get_dst(struct real **r, struct pd *p, struct vmeta *vm, bool v6, void *lru, bool bypass)
{
	u64 now = 0;
	u32 key;
	struct pos nd = {};
	if (!bypass && p->flow.proto == 17)
		now = bpf_ktime_get_ns();
	u32 h = phash(p, v6) % 1021;
	key = 1021 * vm->num + h;
	u32 *pos = bpf_map_lookup_elem(&ring, &key);
	if (!pos)
		return false;
	key = *pos;
	p->real_index = key;
	if (key == 0)
		return false;
	*r = bpf_map_lookup_elem(&reals, &key);
	if (!*r)
		return false;
	if (!(vm->flags & 2) && !bypass) {
		nd.atime = now;
		nd.pos = key;
		bpf_map_update_elem(lru, &p->flow, &nd, BPF_ANY);
	}
	return true;
}

inline_ void conn(struct real **r, struct pd *p, void *lru, bool v6)
{
	struct pos *d = bpf_map_lookup_elem(lru, &p->flow);
	if (!d)
		return;
	if (p->flow.proto == 17) {
		u64 now = bpf_ktime_get_ns();
		if (now - d->atime > 30000000000ull)
			return;
		d->atime = now;
	}
	u32 key = d->pos;
	p->real_index = key;
	*r = bpf_map_lookup_elem(&reals, &key);
}

inline_ int quicid(void *data, void *end, bool v6, u64 off)
{
	u8 *q = data + off + sizeof(struct udphdr);
	if ((void *)q + 1 > end)
		return -1;
	u8 *cid;
	if ((*q & 0x80) == 0x80) {
		if ((void *)q + 18 > end)
			return -1;
		if ((*q & 0x30) < 0x20)
			return 0;
		if (q[5] < 8)
			return 0;
		cid = q + 6;
	} else {
		if ((void *)q + 9 > end)
			return -1;
		cid = q + 1;
	}
	u8 ver = cid[0] >> 6;
	if (ver == 1)
		return ((cid[0] & 0x3f) << 10) | (cid[1] << 2) | (cid[2] >> 6);
	if (ver == 2) {
		u32 id = cid[1] << 16;
		id |= cid[2] << 8;
		id |= cid[3];
		return id;
	}
	return -1;
}

inline_ bool encap4(struct xdp_md *x, struct pd *p, struct real *dst, u32 bytes)
{
	if (bpf_xdp_adjust_head(x, 0 - (int)sizeof(struct iphdr)))
		return false;
	void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end;
	struct ethhdr *ne = d, *oe;
	struct iphdr *ip = d + sizeof(*ne);
	oe = d + sizeof(*ip);
	if ((void *)(ne + 1) > e || (void *)(oe + 1) > e || (void *)(ip + 1) > e)
		return false;
	__builtin_memcpy(ne->h_dest, oe->h_source, 6);
	__builtin_memcpy(ne->h_source, oe->h_dest, 6);
	ne->h_proto = bpf_htons(ETH_P_IP);
	u32 s = (p->flow.p16[0] << 16) ^ p->flow.src;
	s = 0xac10 | (s & 0xffff0000);
	ip->version = 4;
	ip->ihl = 5;
	ip->frag_off = 0;
	ip->protocol = 4;
	ip->check = 0;
	ip->tos = p->tos;
	ip->tot_len = bpf_htons(bytes + 20);
	ip->daddr = dst->dst;
	ip->saddr = s;
	ip->ttl = 64;
	u32 c = 0;
	u16 *w = (u16 *)ip;
#pragma unroll
	for (int i = 0; i < 10; i++)
		c += w[i];
	c = (c & 0xffff) + (c >> 16);
	c += c >> 16;
	ip->check = ~c;
	return true;
}

inline_ bool encap6(struct xdp_md *x, struct pd *p, struct real *dst, u32 bytes)
{
	if (bpf_xdp_adjust_head(x, 0 - (int)sizeof(struct ipv6hdr)))
		return false;
	void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end;
	struct ethhdr *ne = d, *oe = d + 40;
	struct ipv6hdr *ip = d + 14;
	if ((void *)(ip + 1) > e || (void *)(oe + 1) > e)
		return false;
	*ne = *oe;
	ne->h_proto = bpf_htons(ETH_P_IPV6);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->nexthdr = 41;
	ip->hop_limit = 64;
	ip->payload_len = bpf_htons(bytes);
	__builtin_memcpy(&ip->daddr, dst->dst6, 16);
	ip->saddr.s6_addr32[3] = p->flow.src6[3] ^ p->flow.p16[0];
	return true;
}

inline_ int swapm(void *d)
{
	u16 t[3];
	__builtin_memcpy(t, d, 6);
	__builtin_memcpy(d, d + 6, 6);
	__builtin_memcpy(d + 6, t, 6);
	return XDP_TX;
}

struct icmph {
	u8 type, code;
	u16 sum;
	u16 id, seq;
};

inline_ int icmp(void *d, void *e, u64 off, u16 *pb, struct pd *p, u64 *noff)
{
	struct icmph *ic = d + off;
	if ((void *)(ic + 1) > e)
		return XDP_DROP;
	if (ic->type == 8) {
		struct iphdr *ip = d + 14;
		ic->type = 0;
		ic->sum += 8;
		u32 t = ip->daddr;
		ip->daddr = ip->saddr;
		ip->saddr = t;
		return swapm(d);
	}
	if (ic->type != 3)
		return XDP_PASS;
	off += 8;
	struct iphdr *ip = d + off;
	if ((void *)(ip + 1) > e)
		return XDP_DROP;
	if (ip->ihl != 5)
		return XDP_DROP;
	p->flow.proto = ip->protocol;
	p->flags |= 1;
	p->flow.src = ip->daddr;
	p->flow.dst = ip->saddr;
	*noff = off + 20;
	return -1;
}

inline_ int process(struct xdp_md *x, u64 off, bool v6)
{
	void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end;
	struct pd p = {};
	struct vip vk = {};
	u16 pb = 0;
	u8 proto;
	int a;
	struct real *dst = 0;
	if (v6) {
		struct ipv6hdr *h = d + off;
		if ((void *)(h + 1) > e)
			return XDP_DROP;
		proto = h->nexthdr;
		p.tos = (h->priority << 4) | ((h->flow_lbl[0] & 0xF0) >> 4);
		pb = bpf_ntohs(h->payload_len);
		off += 40;
		if (proto == 44)
			return XDP_DROP;
		__builtin_memcpy(p.flow.src6, &h->saddr, 16);
		__builtin_memcpy(p.flow.dst6, &h->daddr, 16);
		p.flow.proto = proto;
	} else {
		struct iphdr *h = d + off;
		if ((void *)(h + 1) > e)
			return XDP_DROP;
		if (h->ihl != 5)
			return XDP_DROP;
		p.tos = h->tos;
		proto = h->protocol;
		p.flow.proto = proto;
		pb = bpf_ntohs(h->tot_len);
		off += 20;
		if (h->frag_off & bpf_htons(0x3fff))
			return XDP_DROP;
		if (proto == 1) {
			a = icmp(d, e, off, &pb, &p, &off);
			if (a >= 0)
				return a;
			proto = p.flow.proto;
		} else {
			p.flow.src = h->saddr;
			p.flow.dst = h->daddr;
		}
	}
	if (proto == 6) {
		struct tcphdr *t = d + off;
		if ((void *)(t + 1) > e)
			return XDP_DROP;
		if (t->syn)
			p.flags |= 2;
		if (!(p.flags & 1)) {
			p.flow.p16[0] = t->source;
			p.flow.p16[1] = t->dest;
		} else {
			p.flow.p16[0] = t->dest;
			p.flow.p16[1] = t->source;
		}
	} else if (proto == 17) {
		struct udphdr *u = d + off;
		if ((void *)(u + 1) > e)
			return XDP_DROP;
		p.flow.p16[0] = u->source;
		p.flow.p16[1] = u->dest;
	} else
		return XDP_PASS;
	if (v6)
		__builtin_memcpy(vk.vip6, p.flow.dst6, 16);
	else
		vk.vip = p.flow.dst;
	vk.port = p.flow.p16[1];
	vk.proto = p.flow.proto;
	struct vmeta *vm = bpf_map_lookup_elem(&vips, &vk);
	if (!vm) {
		vk.port = 0;
		vm = bpf_map_lookup_elem(&vips, &vk);
		if (!vm)
			return XDP_PASS;
		if (!(vm->flags & 0x30))
			p.flow.p16[1] = 0;
	}
	if (e - d > 1514)
		return XDP_DROP;
	u32 sk = 515;
	struct stats *st = bpf_map_lookup_elem(&stats, &sk);
	if (!st)
		return XDP_DROP;
	st->v1++;
	if ((vm->flags & 4)) {
		int id = quicid(d, e, v6, off);
		if (id > 0) {
			u32 k = id;
			u32 *rp = bpf_map_lookup_elem(&quic, &k);
			if (rp) {
				k = *rp;
				if (k) {
					p.real_index = k;
					dst = bpf_map_lookup_elem(&reals, &k);
				}
			}
		}
	}
	if (!dst) {
		u32 cpu = bpf_get_smp_processor_id();
		void *lru = bpf_map_lookup_elem(&lrus, &cpu);
		if (!lru)
			lru = &lru_fallback;
		if (!(p.flags & 2) && !(vm->flags & 2))
			conn(&dst, &p, lru, v6);
		if (!dst) {
			if (!get_dst(&dst, &p, vm, v6, lru, false))
				return XDP_DROP;
		}
	}
	u32 ck = 0;
	u64 *mac = bpf_map_lookup_elem(&ctl, &ck);
	if (!mac)
		return XDP_DROP;
	if (dst->flags & 1) {
		if (!encap6(x, &p, dst, pb))
			return XDP_DROP;
	} else if (!encap4(x, &p, dst, pb))
		return XDP_DROP;
	u32 rk = p.real_index & 1023;
	struct stats *rs = bpf_map_lookup_elem(&stats, &rk);
	if (rs) {
		rs->v1++;
		rs->v2 += pb;
	}
	return XDP_TX;
}

SEC("xdp") int balancer(struct xdp_md *x)
{
	void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end;
	struct ethhdr *eth = d;
	if (d + sizeof(*eth) > e)
		return XDP_DROP;
	u32 p = eth->h_proto;
	if (p == bpf_htons(ETH_P_IP))
		return process(x, 14, false);
	if (p == bpf_htons(ETH_P_IPV6))
		return process(x, 14, true);
	return XDP_PASS;
}

noinline_ int pnoinl(struct xdp_md *x, u64 off, bool v6)
{
	return process(x, off, v6);
}

SEC("xdp") int balancer_noinline(struct xdp_md *x)
{
	void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end;
	struct ethhdr *eth = d;
	if (d + sizeof(*eth) > e)
		return XDP_DROP;
	u32 p = eth->h_proto;
	if (p == bpf_htons(ETH_P_IP))
		return pnoinl(x, 14, false);
	if (p == bpf_htons(ETH_P_IPV6))
		return pnoinl(x, 14, true);
	return XDP_PASS;
}

// tc tunnels by adjust_room
SEC("tc") int tun(struct __sk_buff *s)
{
	struct iphdr ip;
	struct {
		struct iphdr i;
		struct udphdr u;
		u8 pad[16];
	} __attribute__((packed)) h;
	if (bpf_skb_load_bytes(s, 14, &ip, sizeof(ip)) < 0)
		return 0;
	if (ip.ihl != 5)
		return 0;
	if (ip.protocol == 6) {
		struct tcphdr t;
		if (bpf_skb_load_bytes(s, 34, &t, sizeof(t)) < 0)
			return 0;
		if (t.dest != bpf_htons(8000))
			return 0;
	}
	u32 len = s->len - 14;
	int olen = sizeof(struct iphdr);
	u64 fl = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	if (s->mark & 1) {
		fl |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
		olen += 8;
		h.u = (struct udphdr){.dest = 5555, .len = bpf_htons(len + 8)};
	}
	if (s->mark & 2) {
		fl |= BPF_F_ADJ_ROOM_ENCAP_L2(14);
		if (bpf_skb_load_bytes(s, 0, (u8 *)&h + olen, 14))
			return 2;
		olen += 14;
	}
	if (bpf_skb_adjust_room(s, olen, BPF_ADJ_ROOM_MAC, fl))
		return 2;
	h.i = ip;
	h.i.tot_len = bpf_htons(olen + len);
	h.i.protocol = 17;
	if (bpf_skb_store_bytes(s, 14, &h, olen, BPF_F_INVALIDATE_HASH) < 0)
		return 2;
	return 0;
}

SEC("tc") int dec(struct __sk_buff *s)
{
	struct iphdr ip;
	if (bpf_skb_load_bytes(s, 14, &ip, sizeof(ip)) < 0)
		return 0;
	int olen = sizeof(ip);
	switch (ip.protocol) {
	case 4:
		break;
	case 47: {
		u16 g[2];
		if (bpf_skb_load_bytes(s, 34, g, 4) < 0)
			return 0;
		olen += 4;
		switch (g[1]) {
		case bpf_htons(0x8847):
			olen += 4;
			break;
		case bpf_htons(0x6558):
			olen += 14;
		}
		break;
	}
	case 17:
		olen += 8;
		break;
	default:
		return 0;
	}
	if (bpf_skb_adjust_room(s, -olen, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return 2;
	return 0;
}
