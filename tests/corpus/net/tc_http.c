/* HTTP at tc: methods, status lines, a header found in the payload, a state machine over bytes. */
#include "corpus.h"

struct request {
	u8 method;
	u8 path_len;
	u16 port;
	char path[60];
};

PERCPU(buffers, struct request, 1);
LRU(paths, struct request, u64, 1024);
ARRAY(methods, u64, 16);

inline_ int body_offset(struct __sk_buff *skb, u16 *port)
{
	struct iphdr ip;
	struct tcphdr tcp;
	u32 off;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return -1;
	if (ip.protocol != IPPROTO_TCP || ip.ihl < 5)
		return -1;
	off = ETH_HLEN + ip.ihl * 4;
	if (bpf_skb_load_bytes(skb, off, &tcp, sizeof(tcp)) || tcp.doff < 5)
		return -1;
	*port = bpf_ntohs(tcp.dest);
	return off + tcp.doff * 4;
}

inline_ int method_of(const char *p)
{
	switch (p[0]) {
	case 'G':
		return p[1] == 'E' && p[2] == 'T' ? 1 : 0;
	case 'P':
		if (p[1] == 'O')
			return p[2] == 'S' && p[3] == 'T' ? 2 : 0;
		if (p[1] == 'U')
			return p[2] == 'T' ? 3 : 0;
		return p[1] == 'A' && p[2] == 'T' && p[3] == 'C' && p[4] == 'H' ? 4 : 0;
	case 'D':
		return p[1] == 'E' && p[2] == 'L' ? 5 : 0;
	case 'H':
		if (p[1] == 'E')
			return p[2] == 'A' && p[3] == 'D' ? 6 : 0;
		return p[1] == 'T' && p[2] == 'T' && p[3] == 'P' ? 7 : 0;
	case 'O':
		return p[1] == 'P' && p[2] == 'T' ? 8 : 0;
	case 'C':
		return p[1] == 'O' && p[2] == 'N' ? 9 : 0;
	case 'T':
		return p[1] == 'R' && p[2] == 'A' ? 10 : 0;
	}
	return 0;
}

SEC("tc")
int http_methods(struct __sk_buff *skb)
{
	char head[8] = {};
	u16 port = 0;
	u32 method;
	u64 *n;
	int off;

	off = body_offset(skb, &port);
	if (off < 0 || (port != 80 && port != 8080))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, off, head, sizeof(head)))
		return TC_ACT_OK;
	method = method_of(head);
	n = bpf_map_lookup_elem(&methods, &method);
	if (n)
		__sync_fetch_and_add(n, 1);
	return method == 9 || method == 10 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* The path goes byte by byte into a value of a map, to be a key. */
SEC("tc")
int http_paths(struct __sk_buff *skb)
{
	char buf[72] = {};
	struct request *r;
	u32 zero = 0, n = 0, start = 0;
	u16 port = 0;
	u64 *seen, one = 1;
	int off;

	off = body_offset(skb, &port);
	if (off < 0)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, off, buf, sizeof(buf)))
		return TC_ACT_OK;
	r = bpf_map_lookup_elem(&buffers, &zero);
	if (!r)
		return TC_ACT_OK;
	__builtin_memset(r, 0, sizeof(*r));
	r->method = method_of(buf);
	r->port = port;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 10; i++) {
		if (buf[i] == ' ') {
			start = i + 1;
			break;
		}
	}
	if (!start)
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 60; i++) {
		char c = buf[(start + i) & 63];

		if (c == ' ' || c == '?' || c == '\r')
			break;
		r->path[i] = c;
		n++;
	}
	r->path_len = n;
	seen = bpf_map_lookup_elem(&paths, r);
	if (seen)
		*seen += 1;
	else
		bpf_map_update_elem(&paths, r, &one, BPF_ANY);
	return TC_ACT_OK;
}

/* A state machine that looks for the empty line: CR LF CR LF. */
SEC("tc")
int http_header_end(struct __sk_buff *skb)
{
	u8 buf[128];
	u16 port = 0;
	int off, end = -1;
	u32 state = 0;

	off = body_offset(skb, &port);
	if (off < 0 || bpf_skb_load_bytes(skb, off, buf, sizeof(buf)))
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 128; i++) {
		u8 c = buf[i];

		switch (state) {
		case 0:
		case 2:
			state = c == '\r' ? state + 1 : 0;
			break;
		case 1:
			state = c == '\n' ? 2 : 0;
			break;
		case 3:
			if (c == '\n')
				end = i;
			state = 0;
			break;
		}
		if (end >= 0)
			break;
	}
	skb->mark = end;
	return TC_ACT_OK;
}

SEC("tc")
int http_status(struct __sk_buff *skb)
{
	char head[13] = {};
	u16 port = 0;
	u32 code = 0;
	int off;

	off = body_offset(skb, &port);
	if (off < 0 || bpf_skb_load_bytes(skb, off, head, sizeof(head)))
		return TC_ACT_OK;
	if (method_of(head) != 7)
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 9; i < 12; i++) {
		u8 d = head[i] - '0';

		if (d > 9)
			return TC_ACT_SHOT;
		code = code * 10 + d;
	}
	skb->priority = code / 100;
	return code == 599 ? TC_ACT_SHOT : TC_ACT_OK;
}
