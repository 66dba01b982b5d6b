/* getsockopt and setsockopt of a cgroup. */
#include "corpus.h"

struct saved {
	u32 tos;
	u32 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct saved);
} saved SEC(".maps");

#define SOL_IP 0
#define SOL_TCP 6
#define IP_TOS 1
#define TCP_CONGESTION 13

SEC("cgroup/setsockopt")
int set_tos(struct bpf_sockopt *ctx)
{
	u8 *val = ctx->optval, *end = ctx->optval_end;
	struct saved *s;

	if (ctx->level != SOL_IP || ctx->optname != IP_TOS)
		goto pass;
	if (val + 1 > end)
		return 0;
	if (!ctx->sk)
		return 0;
	s = bpf_sk_storage_get(&saved, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return 0;
	s->tos = val[0];
	s->calls++;
	val[0] &= 0xfc;
	ctx->optlen = 1;
	return 1;
pass:
	if (ctx->optlen > 4096)
		ctx->optlen = 0;
	return 1;
}

SEC("cgroup/getsockopt")
int get_tos(struct bpf_sockopt *ctx)
{
	u8 *val = ctx->optval, *end = ctx->optval_end;
	struct saved *s;

	if (ctx->level != SOL_IP || ctx->optname != IP_TOS)
		return 1;
	if (!ctx->sk)
		return 1;
	s = bpf_sk_storage_get(&saved, ctx->sk, 0, 0);
	if (!s)
		return 1;
	if (val + 1 > end)
		return 0;
	val[0] = s->tos;
	ctx->retval = 0;
	barrier();
	ctx->optlen = 1;
	return 1;
}

/* The name of the congestion control is compared and replaced. */
SEC("cgroup/setsockopt")
int set_congestion(struct bpf_sockopt *ctx)
{
	char *val = ctx->optval, *end = ctx->optval_end;

	if (ctx->level != SOL_TCP || ctx->optname != TCP_CONGESTION) {
		if (ctx->optlen > 4096)
			ctx->optlen = 0;
		return 1;
	}
	if (val + 6 > end)
		return 1;
	if (val[0] == 'c' && val[1] == 'u' && val[2] == 'b' && val[3] == 'i' && val[4] == 'c') {
		__builtin_memcpy(val, "reno", 5);
		ctx->optlen = 4;
	}
	return 1;
}

SEC("cgroup/getsockopt")
int get_hide(struct bpf_sockopt *ctx)
{
	u32 *val = ctx->optval;
	void *end = ctx->optval_end;
	u32 sum = 0;

	if (ctx->level != 0xdead)
		return 1;
	if ((void *)(val + 8) > end)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++)
		sum += val[i];
	val[0] = sum;
	ctx->retval = 0;
	barrier();
	ctx->optlen = 4;
	bpf_set_retval(0);
	return 1;
}

SEC("cgroup/setsockopt")
int set_owner(struct bpf_sockopt *ctx)
{
	if (bpf_get_retval() < 0)
		return 1;
	if ((u32)bpf_get_current_uid_gid() == 0)
		return 1;
	if (ctx->level == 1 && (ctx->optname == 36 || ctx->optname == 12)) {
		bpf_set_retval(-1);
		return 0;
	}
	return 1;
}
