/* An endpoint of a container network: services, connection tracking, policy, both families, and the same at the socket.
 */
#include <stdbool.h>
#include "corpus.h"

#define CB_SRC 0
#define CB_REASON 1
#define DROP(r) (-(r))
#define TC_OK 0
#define TC_SHOT 2
struct v6 {
	u32 p1, p2, p3, p4;
};

struct tuple4 {
	u32 daddr, saddr;
	u16 dport, sport;
	u8 nexthdr, flags;
} __attribute__((packed));
struct tuple6 {
	struct v6 daddr, saddr;
	u16 dport, sport;
	u8 nexthdr, flags;
} __attribute__((packed));
struct ct_entry {
	u64 rxp, rxb, txp, txb;
	u32 lifetime;
	u16 rxclosing : 1, txclosing : 1, nat46 : 1, lb : 1, seen : 1, res : 11;
	u16 revnat;
	u8 txf, rxf;
	u16 pad;
	u32 src, lasttx, lastrx;
};

struct policy_key {
	u32 identity;
	u16 dport;
	u8 proto;
	u8 egress : 1, pad : 7;
};

struct policy_entry {
	u16 proxy;
	u16 pad;
	u32 deny : 1, auth : 8;
	u64 packets, bytes;
};

struct endpoint {
	u32 ifindex;
	u16 lxc;
	u16 pad;
	u64 mac, nodemac;
	u32 flags;
};

struct lb4_key {
	u32 addr;
	u16 dport;
	u16 slave;
	u8 proto, scope;
	u16 pad;
};

struct lb4_svc {
	union {
		u32 backend;
		u32 affinity;
	};
	u16 count;
	u16 revnat;
	u8 flags, flags2;
	u16 pad;
};

struct lb4_be {
	u32 addr;
	u16 port;
	u8 proto, flags;
};

struct revnat4 {
	u32 addr;
	u16 port;
};

struct scratch {
	struct tuple6 t6;
	struct tuple4 t4;
	u8 buf[128];
	u32 l4off;
};

struct ipcache_key {
	u32 prefixlen;
	u16 pad;
	u8 pad1, family;
	union {
		u32 ip4;
		struct v6 ip6;
	};
};

struct remote {
	u32 seclabel;
	u32 tunnel;
	u16 pad;
	u8 key, flags;
};
LRU(ct4, struct tuple4, struct ct_entry, 65536);
LRU(ct6, struct tuple6, struct ct_entry, 65536);
HASH(policy, struct policy_key, struct policy_entry, 1024);
HASH(lxc, u32, struct endpoint, 1024);
HASH(lb4_services, struct lb4_key, struct lb4_svc, 1024);
HASH(lb4_backends, u32, struct lb4_be, 1024);
HASH(lb4_revnat, u16, struct revnat4, 1024);
PERCPU(scratchmap, struct scratch, 1);
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1000);
	__uint(map_flags, 1);
	__type(key, struct ipcache_key);
	__type(value, struct remote);
} ipcache SEC(".maps");
FDMAP(events, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 0);
FDMAP(calls, BPF_MAP_TYPE_PROG_ARRAY, 32);
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32[251]);
} inner0 SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 100);
	__type(key, u16);
	__array(values, struct inner);
} maglev SEC(".maps");
struct metrics {
	u64 count, bytes;
};

struct metrics_key {
	u8 reason;
	u8 dir : 2, pad : 6;
	u16 r[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct metrics_key);
	__type(value, struct metrics);
} metrics SEC(".maps");

inline_ bool reval(struct __sk_buff *ctx, void **data_, void **end_, void **l3, u32 len, bool pull)
{
	u64 tot = ETH_HLEN + len;
	void *end, *data;
	if (pull) {
		if (ctx->len < tot)
			return false;
		bpf_skb_pull_data(ctx, tot);
	}
	end = (void *)(long)ctx->data_end;
	data = (void *)(long)ctx->data;
	if (data + tot > end)
		return false;
	*data_ = data;
	*end_ = end;
	*l3 = data + ETH_HLEN;
	return true;
}

inline_ void count(u8 reason, u8 dir, u64 bytes)
{
	struct metrics_key k = {.reason = reason, .dir = dir};
	struct metrics *m = bpf_map_lookup_elem(&metrics, &k), n = {};
	if (m) {
		m->count++;
		m->bytes += bytes;
	} else {
		n.count = 1;
		n.bytes = bytes;
		bpf_map_update_elem(&metrics, &k, &n, 0);
	}
}

inline_ int l4ports(struct __sk_buff *ctx, int off, u16 *dport)
{
	return bpf_skb_load_bytes(ctx, off, dport, 4);
}

inline_ int ct_lookup4(struct __sk_buff *ctx, struct tuple4 *t, int off, int dir, u32 *mon)
{
	int ret = 0;
	bool syn = false, fin = false;
	if (t->nexthdr == IPPROTO_TCP) {
		u32 w;
		if (bpf_skb_load_bytes(ctx, off + 12, &w, 4) < 0)
			return -1;
		syn = (w >> 9) & 1;
		fin = (w >> 8) & 1 || (w >> 10) & 1;
		if (l4ports(ctx, off, &t->dport) < 0)
			return -2;
	} else if (t->nexthdr == IPPROTO_UDP) {
		if (l4ports(ctx, off, &t->dport) < 0)
			return -3;
	} else if (t->nexthdr == IPPROTO_ICMP) {
		u8 type;
		if (bpf_skb_load_bytes(ctx, off, &type, 1) < 0)
			return -4;
		u16 id = 0;
		if ((type == 8 || type == 0) && bpf_skb_load_bytes(ctx, off + 4, &id, 2) < 0)
			return -5;
		t->sport = 0;
		t->dport = 0;
		switch (type) {
		case 3:
		case 11:
		case 12:
			t->flags |= 2;
			break;
		case 0:
			t->sport = id;
			break;
		case 8:
			t->dport = id;
		default:
			break;
		}
	} else
		return -6;

#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct ct_entry *e = bpf_map_lookup_elem(&ct4, t);
		if (e) {
			u64 now = bpf_ktime_get_ns() / 1000000000;
			if (!e->rxclosing || !e->txclosing) {
				u32 life = t->nexthdr == IPPROTO_TCP ? (e->seen ? 21600 : 60) : 60;
				e->lifetime = now + life;
				if (e->lasttx + 5 < now) {
					e->lasttx = now;
					*mon = 128;
				}
			}
			if (dir == 0) {
				__sync_fetch_and_add(&e->rxp, 1);
				__sync_fetch_and_add(&e->rxb, ctx->len);
			} else {
				__sync_fetch_and_add(&e->txp, 1);
				__sync_fetch_and_add(&e->txb, ctx->len);
			}
			if (fin) {
				if (dir)
					e->txclosing = 1;
				else
					e->rxclosing = 1;
				if (e->rxclosing && e->txclosing)
					e->lifetime = now + 10;
			} else if (syn && (e->rxclosing | e->txclosing)) {
				e->rxclosing = e->txclosing = 0;
			}
			return e->lb ? 4 + i : 1 + i;
		}
		u32 a = t->daddr;
		t->daddr = t->saddr;
		t->saddr = a;
		u16 p = t->dport;
		t->dport = t->sport;
		t->sport = p;
		t->flags ^= 1;
	}
	return ret;
}

inline_ int policy_can(struct __sk_buff *ctx, u32 id, u16 dport, u8 proto, int dir, u16 *proxy)
{
	struct policy_key k = {.identity = id, .dport = dport, .proto = proto, .egress = !dir};
	struct policy_entry *e;
	e = bpf_map_lookup_elem(&policy, &k);
	if (e)
		goto hit;
	k.dport = 0;
	k.proto = 0;
	e = bpf_map_lookup_elem(&policy, &k);
	if (e)
		goto hit;
	k.identity = 0;
	k.dport = dport;
	k.proto = proto;
	e = bpf_map_lookup_elem(&policy, &k);
	if (e)
		goto hit;
	k.dport = 0;
	k.proto = 0;
	e = bpf_map_lookup_elem(&policy, &k);
	if (e)
		goto hit;
	return -133;
hit:
	__sync_fetch_and_add(&e->packets, 1);
	__sync_fetch_and_add(&e->bytes, ctx->len);
	if (e->deny)
		return -134;
	*proxy = e->proxy;
	return 0;
}

inline_ struct remote *ipc(u32 ip)
{
	struct ipcache_key k = {.prefixlen = 64, .family = 1, .ip4 = ip};
	return bpf_map_lookup_elem(&ipcache, &k);
}

inline_ u32 hash_tuple(struct tuple4 *t)
{
	u32 a = t->saddr, b = t->daddr, c = (u32)t->dport << 16 | t->sport;
#define MIX(a, b, c)               \
	a -= c;                    \
	a ^= (c << 4) | (c >> 28); \
	c += b;                    \
	b -= a;                    \
	b ^= (a << 6) | (a >> 26); \
	a += c;                    \
	c -= b;                    \
	c ^= (b << 8) | (b >> 24); \
	b += a;
	a += 0xdeadbeef;
	b += 0xdeadbeef + 12;
	c += t->nexthdr;
	MIX(a, b, c) c ^= b;
	c -= (b << 14) | (b >> 18);
	return c;
}

inline_ u32 select_maglev(struct tuple4 *t, u16 svc)
{
	u32 zero = 0;
	u32 *be;
	void *in = bpf_map_lookup_elem(&maglev, &svc);
	if (!in)
		return 0;
	be = bpf_map_lookup_elem(in, &zero);
	if (!be)
		return 0;
	u32 idx = hash_tuple(t) % 251;
	asm volatile("" : "+r"(idx));
	if (idx >= 251)
		return 0;
	return be[idx];
}

inline_ u32 select_maglev2(struct tuple4 *t, u16 svc)
{
	u32 zero = 0;
	u32 *be;
	void *in = bpf_map_lookup_elem(&maglev, &svc);
	if (!in)
		return 0;
	be = bpf_map_lookup_elem(in, &zero);
	if (!be)
		return 0;
	u32 idx = hash_tuple(t) % 251, res = 0;
	asm volatile("%[i] <<= 2\n if %[i] > 1000 goto +2\n %[b] += %[i]\n %[r] = *(u32 *)(%[b] + 0)\n"
		     : [r] "+r"(res), [i] "+r"(idx), [b] "+r"(be));
	return res;
}

inline_ int lb4_xlate(struct __sk_buff *ctx, u32 *new_daddr, u32 old_daddr, u8 proto, int l3off, int l4off, u16 port,
		      u16 old)
{
	u64 sum;
	int ret, csum = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 0;
	u32 flag = proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	ret = bpf_skb_store_bytes(ctx, l3off + offsetof(struct iphdr, daddr), new_daddr, 4, 0);
	if (ret < 0)
		return -141;
	sum = bpf_csum_diff(&old_daddr, 4, new_daddr, 4, 0);
	if (bpf_l3_csum_replace(ctx, l3off + offsetof(struct iphdr, check), 0, sum, 0) < 0)
		return -153;
	if (csum) {
		if (bpf_l4_csum_replace(ctx, l4off + csum, 0, sum, BPF_F_PSEUDO_HDR | flag) < 0)
			return -154;
		if (port && port != old) {
			if (bpf_l4_csum_replace(ctx, l4off + csum, old, port, sizeof(port) | flag) < 0)
				return -154;
			if (bpf_skb_store_bytes(ctx, l4off + 2, &port, 2, 0) < 0)
				return -141;
		}
	}
	return 0;
}

inline_ int v4(struct __sk_buff *ctx, u32 *dst_id)
{
	void *data, *end;
	struct iphdr *ip4;
	u32 mon = 0;
	int ret, l4off;
	u16 proxy = 0;
	if (!reval(ctx, &data, &end, (void **)&ip4, sizeof(*ip4), true))
		return DROP(134);
	if (ip4->ihl < 5)
		return DROP(1);
	struct tuple4 t = {};
	t.nexthdr = ip4->protocol;
	t.daddr = ip4->daddr;
	t.saddr = ip4->saddr;
	u16 frag = ip4->frag_off;
	if (frag & bpf_htons(0x3fff))
		return DROP(157);
	l4off = ETH_HLEN + ip4->ihl * 4;
	if (l4ports(ctx, l4off, &t.dport) < 0)
		return DROP(135);
	struct lb4_key k = {.addr = ip4->daddr, .dport = t.dport, .proto = t.nexthdr};
	struct lb4_svc *svc = bpf_map_lookup_elem(&lb4_services, &k);
	if (!svc) {
		k.dport = 0;
		svc = bpf_map_lookup_elem(&lb4_services, &k);
		if (svc && !(svc->flags & 8))
			svc = 0;
	}
	if (svc && svc->count) {
		u32 be = 0;
		if (svc->flags2 & 1) {
			be = select_maglev(&t, svc->revnat);
			if (!be)
				be = select_maglev2(&t, svc->revnat);
		} else {
			k.slave = (bpf_get_prandom_u32() % svc->count) + 1;
			struct lb4_svc *s2 = bpf_map_lookup_elem(&lb4_services, &k);
			if (!s2)
				return DROP(158);
			be = s2->backend;
		}
		struct lb4_be *b = bpf_map_lookup_elem(&lb4_backends, &be);
		if (!b)
			return DROP(158);
		u32 new = b->addr;
		u16 np = b->port;
		ret = lb4_xlate(ctx, &new, t.daddr, t.nexthdr, ETH_HLEN, l4off, np, t.dport);
		if (ret < 0)
			return ret;
		t.daddr = new;
		t.dport = np;
	}
	struct remote *r = ipc(t.daddr);
	if (r && r->seclabel)
		*dst_id = r->seclabel;
	else
		*dst_id = 2;
	ret = ct_lookup4(ctx, &t, l4off, 1, &mon);
	if (ret < 0)
		return ret;
	int verdict = policy_can(ctx, *dst_id, t.dport, t.nexthdr, 0, &proxy);
	if (ret == 0) {
		if (verdict < 0)
			return verdict;
		struct ct_entry e = {.src = 7, .txp = 1, .txb = ctx->len};
		e.seen = t.nexthdr != 6;
		if (bpf_map_update_elem(&ct4, &t, &e, 0) < 0)
			return DROP(155);
	}
	if (!reval(ctx, &data, &end, (void **)&ip4, sizeof(*ip4), false))
		return DROP(134);
	u32 d = ip4->daddr;
	struct endpoint *ep = bpf_map_lookup_elem(&lxc, &d);
	if (ep) {
		if (ip4->ttl <= 1)
			return DROP(133);
		u8 nt = ip4->ttl - 1;
		bpf_l3_csum_replace(ctx, ETH_HLEN + offsetof(struct iphdr, check), ip4->ttl, nt, 2);
		bpf_skb_store_bytes(ctx, ETH_HLEN + offsetof(struct iphdr, ttl), &nt, 1, 0);
		bpf_skb_store_bytes(ctx, 6, &ep->nodemac, 6, 0);
		bpf_skb_store_bytes(ctx, 0, &ep->mac, 6, 0);
		ctx->cb[CB_SRC] = *dst_id;
		ctx->mark = 0xf00;
		if (ep->flags & 1)
			bpf_tail_call(ctx, &calls, ep->lxc);
		return bpf_redirect(ep->ifindex, 0);
	}
	return TC_OK;
}

inline_ int skip6(struct __sk_buff *ctx, int off, u8 *nexthdr)
{
	u8 nh = *nexthdr;
	int len = sizeof(struct ipv6hdr);
	struct {
		u8 next, len;
	} opt;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		switch (nh) {
		case 59:
			return -156;
		case 44:
			return -157;
		case 0:
		case 43:
		case 51:
		case 60:
			if (bpf_skb_load_bytes(ctx, off + len, &opt, 2) < 0)
				return -134;
			if (nh == 51)
				len += (opt.len + 2) << 2;
			else
				len += (opt.len + 1) << 3;
			nh = opt.next;
			break;
		default:
			*nexthdr = nh;
			return len;
		}
	}
	return -156;
}

inline_ int v6(struct __sk_buff *ctx)
{
	void *data, *end;
	struct ipv6hdr *ip6;
	u32 z = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratchmap, &z);
	if (!s)
		return DROP(1);
	if (!reval(ctx, &data, &end, (void **)&ip6, sizeof(*ip6), true))
		return DROP(134);
	struct tuple6 *t = &s->t6;
	__builtin_memset(t, 0, sizeof(*t));
	__builtin_memcpy(&t->daddr, &ip6->daddr, 16);
	__builtin_memcpy(&t->saddr, &ip6->saddr, 16);
	t->nexthdr = ip6->nexthdr;
	int hl = skip6(ctx, ETH_HLEN, &t->nexthdr);
	if (hl < 0)
		return hl;
	s->l4off = ETH_HLEN + hl;
	if (l4ports(ctx, ETH_HLEN + hl, &t->dport) < 0)
		return DROP(135);
	struct ct_entry *e = bpf_map_lookup_elem(&ct6, t);
	if (e) {
		e->rxp++;
	} else {
		struct ct_entry n = {};
		bpf_map_update_elem(&ct6, t, &n, 0);
	}
	struct ipcache_key k = {.prefixlen = 32 + 128, .family = 2};
	__builtin_memcpy(&k.ip6, &t->daddr, 16);
	struct remote *r = bpf_map_lookup_elem(&ipcache, &k);
	if (r && r->tunnel) {
		struct bpf_tunnel_key tk = {
			.tunnel_id = r->seclabel, .remote_ipv4 = bpf_htonl(r->tunnel), .tunnel_ttl = 64};
		if (bpf_skb_set_tunnel_key(ctx, &tk, sizeof(tk), BPF_F_ZERO_CSUM_TX) < 0)
			return DROP(141);
		return bpf_redirect(4, 0);
	}
	return TC_OK;
}

inline_ int drop(struct __sk_buff *ctx, int reason)
{
	struct {
		u8 type, sub;
		u16 src;
		u32 hash, olen, clen, label;
	} ev = {.type = 1,
		.sub = -reason,
		.hash = bpf_get_hash_recalc(ctx),
		.olen = ctx->len,
		.clen = ctx->len < 128 ? ctx->len : 128};
	count(-reason, 1, ctx->len);
	bpf_perf_event_output(ctx, &events, (u64)ev.clen << 32 | BPF_F_CURRENT_CPU, &ev, sizeof(ev));
	return TC_SHOT;
}

SEC("tc") int from_container(struct __sk_buff *ctx)
{
	int ret;
	u32 id = 0;
	bpf_skb_pull_data(ctx, 0);

#pragma unroll
	for (int i = 0; i < 5; i++)
		ctx->cb[i] = 0;
	switch (ctx->protocol) {
	case bpf_htons(ETH_P_IP):
		ret = v4(ctx, &id);
		break;
	case bpf_htons(ETH_P_IPV6):
		ret = v6(ctx);
		break;
	case bpf_htons(ETH_P_ARP):
		bpf_tail_call(ctx, &calls, 4);
		ret = DROP(140);
		break;
	default:
		ret = DROP(140);
	}
	if (ret < 0)
		return drop(ctx, ret);
	return ret;
}

SEC("tc") int from_container_calls(struct __sk_buff *ctx)
{
	u32 slot = ctx->cb[1];
	bpf_tail_call(ctx, &calls, slot & 31);
	return drop(ctx, -140);
}

noinline_ int pol(struct __sk_buff *ctx, struct tuple4 *t, u16 *proxy)
{
	return policy_can(ctx, ctx->cb[CB_SRC], t->dport, t->nexthdr, 1, proxy);
}

SEC("tc") int to_container(struct __sk_buff *ctx)
{
	void *data, *end;
	struct iphdr *ip4;
	struct tuple4 t = {};
	u16 proxy = 0;
	u32 mon = 0;
	if (!reval(ctx, &data, &end, (void **)&ip4, sizeof(*ip4), true))
		return drop(ctx, -134);
	t.nexthdr = ip4->protocol;
	t.saddr = ip4->saddr;
	t.daddr = ip4->daddr;
	int off = ETH_HLEN + (ip4->ihl << 2);
	int r = ct_lookup4(ctx, &t, off, 0, &mon);
	if (r < 0)
		return drop(ctx, r);
	if (r == 0) {
		int v = pol(ctx, &t, &proxy);
		if (v < 0)
			return drop(ctx, v);
		if (proxy) {
			ctx->mark = 0x200 | (u32)proxy << 16;
			return TC_OK;
		}
	}
	return TC_OK;
}

struct revkey {
	u64 cookie;
	u32 addr;
	u16 port, pad;
};
LRU(rev, struct revkey, struct revnat4, 1024);
inline_ int sock4(struct bpf_sock_addr *ctx)
{
	u32 ip = ctx->user_ip4;
	u16 port = ctx->user_port;
	struct lb4_key k = {.addr = ip, .dport = port, .proto = ctx->protocol};
	struct lb4_svc *s = bpf_map_lookup_elem(&lb4_services, &k);
	if (!s) {
		k.dport = bpf_htons(30000);
		s = bpf_map_lookup_elem(&lb4_services, &k);
		if (!s)
			return -6;
	}
	if (!s->count)
		return -6;
	k.slave = bpf_get_prandom_u32() % s->count + 1;
	struct lb4_svc *s2 = bpf_map_lookup_elem(&lb4_services, &k);
	if (!s2)
		return -2;
	u32 id = s2->backend;
	struct lb4_be *b = bpf_map_lookup_elem(&lb4_backends, &id);
	if (!b)
		return -2;
	struct revkey rk = {.cookie = bpf_get_socket_cookie(ctx), .addr = b->addr, .port = b->port};
	struct revnat4 rv = {.addr = ip, .port = port};
	if (ctx->protocol == IPPROTO_UDP && bpf_map_update_elem(&rev, &rk, &rv, 0) < 0)
		return -1;
	ctx->user_ip4 = b->addr;
	ctx->user_port = b->port;
	return 0;
}

SEC("cgroup/connect4") int conn4(struct bpf_sock_addr *ctx)
{
	sock4(ctx);
	return 1;
}

SEC("cgroup/sendmsg4") int send4(struct bpf_sock_addr *ctx)
{
	sock4(ctx);
	return 1;
}

SEC("cgroup/recvmsg4") int recv4(struct bpf_sock_addr *ctx)
{
	struct revkey rk = {.cookie = bpf_get_socket_cookie(ctx), .addr = ctx->user_ip4, .port = ctx->user_port};
	struct revnat4 *v = bpf_map_lookup_elem(&rev, &rk);
	if (v) {
		ctx->user_ip4 = v->addr;
		ctx->user_port = v->port;
	}
	return 1;
}
