/* Contexts, return values, helpers of other types. */
#include "../corpus.h"

HASH(addresses, u64, u64, 16);

/* kind: write to a read-only context field */
SEC("tc")
int write_len(struct __sk_buff *skb)
{
	skb->len = 7;
	return TC_ACT_OK;
}

/* kind: write to the context of a type without writes */
SEC("xdp")
int write_xdp(struct xdp_md *ctx)
{
	*(volatile u32 *)&ctx->rx_queue_index = 1;
	return XDP_PASS;
}

/* kind: context field of another type */
SEC("socket")
int tc_field_in_socket(struct __sk_buff *skb)
{
	return skb->tc_classid;
}

/* kind: access beyond the context */
SEC("xdp")
int beyond_context(struct xdp_md *ctx)
{
	return *(volatile u32 *)((void *)ctx + sizeof(*ctx));
}

/* kind: misaligned context access */
SEC("tc")
int misaligned_context(struct __sk_buff *skb)
{
	return *(volatile u32 *)((void *)&skb->mark + 2);
}

/* kind: wide context access over two fields */
SEC("tc")
int wide_context(struct __sk_buff *skb)
{
	return *(volatile u64 *)&skb->len ? TC_ACT_OK : TC_ACT_SHOT;
}

/* kind: narrow load of a packet pointer field */
SEC("tc")
int half_of_data(struct __sk_buff *skb)
{
	return *(volatile u16 *)&skb->data;
}

/* kind: narrow write to a context field */
SEC("cgroup/connect4")
int narrow_write(struct bpf_sock_addr *ctx)
{
	*(volatile u8 *)&ctx->user_ip4 = 127;
	return 1;
}

/* kind: narrow load that the field does not allow */
SEC("cgroup/connect4")
int narrow_family(struct bpf_sock_addr *ctx)
{
	return *(volatile u8 *)&ctx->user_family == AF_INET;
}

/* kind: wide write to a context field */
SEC("cgroup/getsockopt")
int wide_optlen(struct bpf_sockopt *ctx)
{
	*(volatile u64 *)&ctx->optlen = 4;
	return 1;
}

/* kind: context field of the other family */
SEC("cgroup/connect4")
int v6_field_in_v4(struct bpf_sock_addr *ctx)
{
	return ctx->user_ip6[0] != 0;
}

/* kind: variable offset into the context */
SEC("tc")
int variable_context(struct __sk_buff *skb)
{
	u64 off = skb->hash & 4;
	void *p = skb;

	asm volatile("%0 += %1" : "+r"(p) : "r"(off));
	return *(volatile u32 *)(p + 8);
}

/* kind: atomic on the context */
SEC("tc")
int atomic_context(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&skb->mark, 1);
	return TC_ACT_OK;
}

/* kind: return value outside the range of the type */
SEC("cgroup_skb/ingress")
int return_two(struct __sk_buff *skb)
{
	return 2;
}

/* kind: return value outside the range of the type */
SEC("cgroup/sock_create")
int return_unknown(struct bpf_sock *sk)
{
	return sk->mark;
}

/* kind: return value outside the range of the type */
SEC("cgroup/bind4")
int return_four(struct bpf_sock_addr *ctx)
{
	return 4;
}

/* kind: return value outside the range of the type */
SEC("cgroup/recvmsg4")
int return_refusal(struct bpf_sock_addr *ctx)
{
	return 0;
}

/* kind: return value outside the range of the type */
SEC("sk_lookup")
int return_lookup(struct bpf_sk_lookup *ctx)
{
	return 2;
}

/* kind: helper not allowed for the type */
SEC("xdp")
int helper_of_tc(struct xdp_md *ctx)
{
	return bpf_skb_vlan_pop((void *)ctx);
}

/* kind: helper not allowed for the type */
SEC("cgroup/sock_create")
int helper_of_sockops(struct bpf_sock *sk)
{
	return bpf_sock_ops_cb_flags_set((void *)sk, 1) ? 1 : 0;
}

/* kind: unknown helper */
SEC("xdp")
int helper_unknown(struct xdp_md *ctx)
{
	static long (*const nothing)(void) = (void *)4711;

	return nothing();
}

/* kind: wrong argument type */
SEC("tc")
int number_for_context(struct __sk_buff *skb)
{
	return bpf_skb_vlan_pop((void *)8);
}

/* kind: context moved before a helper call */
SEC("tc")
int moved_context(struct __sk_buff *skb)
{
	void *p = skb;

	asm volatile("%0 += 8" : "+r"(p));
	return bpf_skb_vlan_pop(p);
}

/* kind: stack pointer for a map */
SEC("tc")
int stack_for_map(struct __sk_buff *skb)
{
	u64 k = 0;

	return bpf_map_lookup_elem(&k, &k) ? 1 : 0;
}
