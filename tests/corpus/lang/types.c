// Program types that the other files do not use, with helpers of their own:
// sysctl, device, syscall, socket options, address hooks.
#include "lang.h"

HASH(seen, __u32, __u64, 64);
ARRAY(texts, char[64], 2);

SEC("cgroup/sysctl")
int sysctl_number(struct bpf_sysctl *ctx)
{
	char text[32] = {};
	long v = 0;

	if (!ctx->write)
		return 1;
	if (bpf_sysctl_get_new_value(ctx, text, sizeof(text)) < 0)
		return 0;
	if (bpf_strtol(text, sizeof(text), 0, &v) <= 0)
		return 0;
	return v >= 0 && v < 4096;
}

SEC("cgroup/sysctl")
int sysctl_three_numbers(struct bpf_sysctl *ctx)
{
	char text[64] = {};
	unsigned long v, sum = 0;
	long n, off = 0;
	int i;

	if (bpf_sysctl_get_current_value(ctx, text, sizeof(text)) < 0)
		return 1;
#pragma clang loop unroll(full)
	for (i = 0; i < 3; i++) {
		n = bpf_strtoul(text + off, 21, 0, &v);
		if (n <= 0 || n > 21)
			return 1;
		off += n;
		hide(off);
		if (off > 42)
			return 1;
		sum += v;
	}
	return sum < 100000;
}

SEC("cgroup/sysctl")
int sysctl_name(struct bpf_sysctl *ctx)
{
	static const char want[] = "net/ipv4/tcp_mem";
	char name[32] = {};
	__u32 i;

	if (bpf_sysctl_get_name(ctx, name, sizeof(name), 0) < 0)
		return 1;
ROLLED
	for (i = 0; i < sizeof(want); i++)
		if (name[i] != want[i])
			return 1;
	return 0;
}

SEC("cgroup/sysctl")
int sysctl_replaced(struct bpf_sysctl *ctx)
{
	if (ctx->file_pos)
		return 1;
	bpf_sysctl_set_new_value(ctx, "600", 3);
	return 1;
}

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx)
{
	__u32 type = ctx->access_type & 0xffff, access = ctx->access_type >> 16;

	if (type == BPF_DEVCG_DEV_BLOCK)
		return 0;
	if (ctx->major != 1)
		return access == BPF_DEVCG_ACC_READ;
	switch (ctx->minor) {
	case 3: case 5: case 7: case 8: case 9:
		return 1;
	}
	return 0;
}

struct args {
	__u64 n;
	__u32 key;
	__u32 pad;
	__u64 result;
};

SEC("syscall")
int sum_of_squares(struct args *ctx)
{
	__u64 i, n = ctx->n, sum = 0;

	if (n > 100)
		return -22;
ROLLED
	for (i = 0; i < n; i++) {
		sum += i * i;
		hide(sum);
	}
	ctx->result = sum;
	return 0;
}

SEC("syscall")
int update(struct args *ctx)
{
	__u32 key = ctx->key;
	__u64 v = ctx->n;

	return bpf_map_update_elem(&seen, &key, &v, BPF_ANY);
}

SEC("syscall")
int from_user(struct args *ctx)
{
	__u32 i = 1;
	char *text = bpf_map_lookup_elem(&texts, &i);
	__u32 n = ctx->key;

	if (!text || n > 64 || n == 0)
		return -22;
	return bpf_copy_from_user(text, n, (void *)ctx->n);
}

SEC("cgroup/bind4")
int bind(struct bpf_sock_addr *ctx)
{
	__u16 port = bpf_ntohs(ctx->user_port);

	if (port < 1024 && port != 0)
		return 0;
	if (ctx->user_ip4 == bpf_htonl(0x7f000001))
		ctx->user_port = bpf_htons(port + 1);
	return 1;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	__u32 a = ctx->user_ip6[0], b = ctx->user_ip6[3];
	__u64 cookie = bpf_get_socket_cookie(ctx);
	__u32 key = a ^ b;

	bpf_map_update_elem(&seen, &key, &cookie, BPF_ANY);
	if (a == bpf_htonl(0xfe800000))
		ctx->user_ip6[3] = b ^ bpf_htonl(1);
	return 1;
}

SEC("cgroup/getsockopt")
int getsockopt(struct bpf_sockopt *ctx)
{
	__u8 *p = ctx->optval, *end = ctx->optval_end;

	if (ctx->level != 1 || ctx->optname != 99)
		return 1;
	if (p + 4 > end)
		return 0;
	*(__u32 *)p = 7;
	ctx->optlen = 4;
	asm volatile("" : : : "memory");
	ctx->retval = 0;
	return 1;
}

SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	__u32 key = ctx->local_port;

	if (ctx->protocol != 6)
		return SK_PASS;
	return bpf_map_lookup_elem(&seen, &key) ? SK_DROP : SK_PASS;
}

SEC("sockops")
int established(struct bpf_sock_ops *ctx)
{
	__u32 op = ctx->op, key = ctx->remote_ip4;
	__u64 v = bpf_ktime_get_ns();
	int window = 40;

	switch (op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		bpf_map_update_elem(&seen, &key, &v, BPF_ANY);
		bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_RTT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_RWND_INIT:
		ctx->reply = window;
		break;
	case BPF_SOCK_OPS_RTT_CB:
		if (ctx->srtt_us > 1000000)
			bpf_map_delete_elem(&seen, &key);
		break;
	default:
		ctx->reply = -1;
	}
	return 1;
}

SEC("socket")
int classic_like(struct __sk_buff *skb)
{
	__u8 proto;
	__u32 key;
	__u64 *n;

	if (bpf_skb_load_bytes(skb, 23, &proto, 1))
		return 0;
	key = proto;
	n = bpf_map_lookup_elem(&seen, &key);
	if (n)
		__sync_fetch_and_add(n, skb->len);
	return proto == 6 ? 96 : 0;
}

LICENSE("GPL");
