/* Messages between sockets: policies, redirection, changes of the data. */
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
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} socks SEC(".maps");

ARRAY(sizes, u32, 4);

SEC("sk_msg")
int msg_redirect_hash(struct sk_msg_md *msg)
{
	struct conn k = {};

	if (msg->family != AF_INET)
		return SK_PASS;
	k.local_ip = msg->remote_ip4;
	k.remote_ip = msg->local_ip4;
	k.local_port = bpf_ntohl(msg->remote_port);
	k.remote_port = msg->local_port;
	bpf_msg_redirect_hash(msg, &peers, &k, BPF_F_INGRESS);
	return SK_PASS;
}

SEC("sk_msg")
int msg_redirect_map(struct sk_msg_md *msg)
{
	return bpf_msg_redirect_map(msg, &socks, msg->local_port & 15, 0);
}

/* Requests that begin with anything but GET, HEAD or POST are dropped. */
SEC("sk_msg")
int msg_http_methods(struct sk_msg_md *msg)
{
	char *p = msg->data, *end = msg->data_end;

	if (p + 5 > end)
		return SK_PASS;
	switch (p[0]) {
	case 'G':
		return p[1] == 'E' && p[2] == 'T' && p[3] == ' ' ? SK_PASS : SK_DROP;
	case 'H':
		return p[1] == 'E' && p[2] == 'A' && p[3] == 'D' && p[4] == ' ' ? SK_PASS : SK_DROP;
	case 'P':
		return p[1] == 'O' && p[2] == 'S' && p[3] == 'T' && p[4] == ' ' ? SK_PASS : SK_DROP;
	}
	return SK_DROP;
}

SEC("sk_msg")
int msg_batch(struct sk_msg_md *msg)
{
	u32 apply = 0, cork = 1, *n;

	n = bpf_map_lookup_elem(&sizes, &apply);
	if (n)
		bpf_msg_apply_bytes(msg, *n);
	n = bpf_map_lookup_elem(&sizes, &cork);
	if (n)
		bpf_msg_cork_bytes(msg, *n);
	return SK_PASS;
}

/* Inserts a header; the pointers are read again afterwards. */
SEC("sk_msg")
int msg_push(struct sk_msg_md *msg)
{
	u8 *p, *end;

	if (bpf_msg_push_data(msg, 0, 8, 0))
		return SK_PASS;
	if (bpf_msg_pull_data(msg, 0, 8, 0))
		return SK_DROP;
	p = msg->data;
	end = msg->data_end;
	if (p + 8 > end)
		return SK_DROP;
	__builtin_memcpy(p, "HDR0", 4);
	*(u32 *)(p + 4) = msg->size;
	return SK_PASS;
}

SEC("sk_msg")
int msg_mask(struct sk_msg_md *msg)
{
	u8 *p, *end;

	if (bpf_msg_pull_data(msg, 0, 64, 0))
		return SK_PASS;
	p = msg->data;
	end = msg->data_end;
	if (p + 64 > end)
		return SK_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++)
		p[i] ^= 0x5a;
	bpf_msg_pop_data(msg, 0, 4, 0);
	return SK_PASS;
}
