// What compilers make of ordinary code: products as offsets, lengths in 32 bits, words of buffers, the same
// comparison twice, locks among global variables.
#include "lang.h"

struct buffer {
	__u8 bytes[4096];
	__u32 len, other;
	__u8 key[64];
};

PERCPU(scratch, struct buffer, 1);

INLINE struct buffer *buffer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

SEC("xdp") int packet_words(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 len = end - data;
	__u64 sum = 0;

	if (len > 1500)
		return 1;
	ROLLED for (__u32 i = 0; i < len / 8; i++) {
		__u64 *p = data + i * 8;

		if ((void *)(p + 1) > end)
			break;
		sum += *p;
	}
	return sum & 1;
}

SEC("xdp") int value_words(struct xdp_md *ctx)
{
	struct buffer *b = buffer();
	__u32 len;
	__u64 sum = 0;

	if (!b)
		return 0;
	len = b->len;
	if (len > sizeof(b->bytes))
		return 0;
	ROLLED for (__u32 i = 0; i < len / 8; i++)
		sum += ((__u32 *)b->bytes)[i * 2];
	return sum & 1;
}

SEC("xdp") int words_and_rest(struct xdp_md *ctx)
{
	struct buffer *b = buffer();
	__u32 len, n;
	__u64 sum = 0;

	if (!b)
		return 0;
	len = b->len & 0xfff;
	n = len >> 2;
	ROLLED for (__u32 i = 0; i < n; i++)
		sum += ((__u32 *)b->bytes)[i];
	ROLLED for (__u32 i = n << 2; i < len; i++)
		sum += b->bytes[i];
	return sum & 1;
}

SEC("xdp") int rows(struct xdp_md *ctx)
{
	struct buffer *b = buffer();
	__u32 rows, columns;

	if (!b)
		return 0;
	rows = b->len < 16 ? b->len : 16;
	columns = b->other < 32 ? b->other : 32;
	ROLLED for (__u32 r = 0; r < rows; r++) {
		ROLLED for (__u32 c = 0; c < columns; c++)
			b->bytes[r * 32 + c] ^= b->key[c];
	}
	return 0;
}

SEC("xdp") int matrix(struct xdp_md *ctx)
{
	struct buffer *b = buffer();
	__u32 n, *x, *y, *z;

	if (!b || b->len > 6)
		return 0;
	n = b->len;
	x = (__u32 *)b->bytes;
	y = x + 256;
	z = y + 256;
	ROLLED for (__u32 i = 0; i < n; i++) {
		ROLLED for (__u32 j = 0; j < n; j++) {
			__u32 sum = 0;

			ROLLED for (__u32 k = 0; k < n; k++)
				sum += x[i * n + k] * y[k * n + j];
			z[i * n + j] = sum;
		}
	}
	return 0;
}

SEC("xdp") int longest_of_two(struct xdp_md *ctx)
{
	struct buffer *b = buffer();
	__u32 len, most, sum = 0;

	if (!b)
		return 0;
	most = b->other > 7 ? 20 : 40;
	len = b->len < most ? b->len : most;
	ROLLED for (__u32 i = 0; i < len; i++)
		sum += b->bytes[i];
	return sum & 1;
}

SEC("xdp") int compared_twice(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *ip = 0;

	asm volatile("r1 = %[data]; r1 += 34; if r1 > %[end] goto +2; %[ip] = %[data]; %[ip] += 14; if r1 > %[end] goto +1; %[ip] = *(u8 *)(%[ip] + 9)"
		     : [ip] "+r"(ip)
		     : [data] "r"(data), [end] "r"(end)
		     : "r1");
	return ip != 0;
}

struct bpf_spin_lock packets_lock SEC(".data.counted");
__u64 packets SEC(".data.counted");
__u64 bytes SEC(".data.counted");

SEC("tc") int lock_of_globals(struct __sk_buff *ctx)
{
	__u64 n;

	bpf_spin_lock(&packets_lock);
	packets++;
	bytes += ctx->len;
	n = packets;
	bpf_spin_unlock(&packets_lock);
	return n & 1;
}

LICENSE("GPL");
