/* Stream parsers and verdicts on socket maps. */
#include "corpus.h"

struct conn {
	u32 local_ip, remote_ip;
	u32 local_port, remote_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1024);
	__type(key, struct conn);
	__type(value, u64);
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 20);
	__type(key, int);
	__type(value, int);
} socks SEC(".maps");

ARRAY(verdicts, u64, 4);

SEC("sk_skb/stream_parser")
int parser_whole(struct __sk_buff *skb)
{
	return skb->len;
}

/* A length in the first four bytes. */
SEC("sk_skb/stream_parser")
int parser_prefixed(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 len;

	if (data + 4 > end)
		return 0;
	len = bpf_ntohl(*(u32 *)data);
	if (len > 1 << 20)
		return -1;
	return len + 4;
}

/* A line ends at the first newline among the first 64 bytes. */
SEC("sk_skb/stream_parser")
int parser_line(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		u8 *p = data + i;

		if ((void *)(p + 1) > end)
			return 0;
		if (*p == '\n')
			return i + 1;
	}
	return -1;
}

SEC("sk_skb/stream_verdict")
int verdict_hash(struct __sk_buff *skb)
{
	struct conn k = {};

	k.local_ip = skb->remote_ip4;
	k.remote_ip = skb->local_ip4;
	k.local_port = bpf_ntohl(skb->remote_port);
	k.remote_port = skb->local_port;
	return bpf_sk_redirect_hash(skb, &peers, &k, BPF_F_INGRESS);
}

SEC("sk_skb/stream_verdict")
int verdict_map(struct __sk_buff *skb)
{
	int slot = skb->local_port == 10000 ? 10 : 1;
	u32 pass = SK_PASS;
	u64 *n = bpf_map_lookup_elem(&verdicts, &pass);

	if (n)
		__sync_fetch_and_add(n, 1);
	if (skb->remote_port == bpf_htonl(10001))
		return SK_DROP;
	return bpf_sk_redirect_map(skb, &socks, slot, 0);
}

/* Grows the data, pulls it, writes a header. */
SEC("sk_skb/stream_verdict")
int verdict_header(struct __sk_buff *skb)
{
	void *data, *end;
	u32 len = skb->len;

	if (bpf_skb_adjust_room(skb, 4, 0, 0))
		return SK_DROP;
	if (bpf_skb_pull_data(skb, 8))
		return SK_DROP;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + 8 > end)
		return SK_DROP;
	*(u32 *)data = bpf_htonl(len);
	*(u8 *)(data + 4) = 'd';
	if (bpf_skb_change_tail(skb, len, 0))
		return SK_DROP;
	return SK_PASS;
}
