// String and byte functions written by hand, over stack, map values and packets.
#include "lang.h"

#define N 48

struct pair {
	char a[N], b[N];
	__u32 out[8];
};

ARRAY(pairs, struct pair, 1);

#define PAIR ({ __u32 k_ = 0; struct pair *v_ = bpf_map_lookup_elem(&pairs, &k_); if (!v_) return 0; v_; })

INLINE __u32 length(const char *s, __u32 max)
{
	__u32 n;

ROLLED
	for (n = 0; n < max; n++)
		if (!s[n])
			break;
	return n;
}

OUTLINE __u32 length_called(const char *s)
{
	if (!s)
		return 0;
	return length(s, N);
}

SEC("tc")
int strlen_twice(struct __sk_buff *skb)
{
	struct pair *p = PAIR;

	p->out[0] = length(p->a, N);
	p->out[1] = length(p->b, N);
	return p->out[0] > p->out[1];
}

SEC("tc")
int strlen_called(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	char local[N] = "a local string";

	local[skb->len & 31] = 0;
	return (length_called(p->a) + length_called(local)) & 1;
}

SEC("tc")
int by_hand_strcmp(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int i;

ROLLED
	for (i = 0; i < N; i++) {
		if (p->a[i] != p->b[i])
			return p->a[i] < p->b[i] ? 1 : 2;
		if (!p->a[i])
			return 0;
	}
	return 0;
}

SEC("tc")
int by_hand_strcpy(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int i;

ROLLED
	for (i = 0; i < N - 1 && p->b[i]; i++)
		p->a[i] = p->b[i];
	p->a[i] = 0;
	return i;
}

SEC("tc")
int by_hand_strcat(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 at = length(p->a, N - 1), i;

	if (at > N - 1)
		return 0;
ROLLED
	for (i = 0; i < N; i++) {
		if (at + i >= N - 1 || !p->b[i])
			break;
		p->a[(at + i) & 31] = p->b[i];
	}
	return 0;
}

SEC("tc")
int by_hand_strchr(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	char c = skb->mark;
	int i, last = -1;

ROLLED
	for (i = 0; i < N && p->a[i]; i++)
		if (p->a[i] == c)
			return i;
	return last;
}

SEC("tc")
int by_hand_strstr(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int i, j;

ROLLED
	for (i = 0; i < N - 8; i++) {
ROLLED
		for (j = 0; j < 8 && p->b[j]; j++)
			if (p->a[i + j] != p->b[j])
				break;
		if (j == 8 || !p->b[j])
			return 1;
	}
	return 0;
}

SEC("tc")
int reversed(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int i;

ROLLED
	for (i = 0; i < N / 2; i++) {
		char t = p->a[i];

		p->a[i] = p->a[N - 1 - i];
		p->a[N - 1 - i] = t;
	}
	return 0;
}

SEC("tc")
int palindrome(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int lo = 0, hi = N - 1;

	while (lo < hi) {
		if (p->a[lo] != p->a[hi])
			return 0;
		lo++;
		hi--;
	}
	return 1;
}

SEC("tc")
int letters(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u8 count[26] = {};
	int i, best = 0;

ROLLED
	for (i = 0; i < N; i++) {
		__u32 c = ((p->a[i] | 32) - 'a') & 255;

		hide(c);
		if (c < 26)
			count[c]++;
	}
ROLLED
	for (i = 1; i < 26; i++)
		if (count[i] > count[0])
			count[0] = count[i];
	return count[0] + best;
}

SEC("tc")
int number(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 v = 0;
	int i, sign = p->a[0] == '-';

ROLLED
	for (i = 0; i < 11; i++) {
		__u8 d = p->a[i + sign] - '0';

		if (d > 9)
			break;
		v = v * 10 + d;
	}
	p->out[0] = sign ? -v : v;
	return 0;
}

SEC("tc")
int dotted_quad(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 addr = 0, part = 0, i;

ROLLED
	for (i = 0; i < 15; i++) {
		char c = p->a[i];

		if (c == '.') {
			addr = addr << 8 | (part & 255);
			part = 0;
		} else if (c >= '0' && c <= '9') {
			part = part * 10 + (c - '0');
		} else {
			break;
		}
	}
	p->out[0] = addr << 8 | (part & 255);
	return 0;
}

SEC("tc")
int digits(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 v = skb->len, i;

ROLLED
	for (i = 10; i > 0; i--) {
		p->a[i - 1] = '0' + v % 10;
		v /= 10;
	}
	p->a[10] = 0;
	return 0;
}

SEC("tc")
int glob(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 i = 0, j = 0, star = 0, step;

ROLLED
	for (step = 0; step < 5; step++) {
		char c = p->a[i & 15], g = p->b[j & 15];

		if (!c)
			break;
		if (g == '*') {
			star = ++j;
		} else if (g == c || g == '?') {
			i++;
			j++;
		} else if (star) {
			j = star;
			i++;
		} else {
			return 0;
		}
	}
	return 1;
}

SEC("tc")
int token_of_packet(struct __sk_buff *skb)
{
	char *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	char word[16] = {};
	__u32 i;

ROLLED
	for (i = 0; i < 15; i++) {
		if (p + i + 1 > end || p[i] == ' ')
			break;
		word[i] = p[i];
	}
	return word[0] == 'G' && word[1] == 'E' && word[2] == 'T' && i == 3;
}

SEC("tc")
int memchr_backwards(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	int i;

ROLLED
	for (i = N - 1; i >= 0; i--)
		if (p->a[i] == '/')
			break;
	return i;
}

SEC("tc")
int memmove_overlapping(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 n = skb->len & 15, i;

ROLLED
	for (i = N - 1; i >= 16; i--) {
		__u32 from = i - n;

		hide(from);
		if (from < N)
			p->a[i] = p->a[from];
	}
	return 0;
}

SEC("tc")
int compare_words(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u64 *a = (void *)p->a, *b = (void *)p->b;
	int i, same = 0;

ROLLED
	for (i = 0; i < N / 8; i++)
		same += a[i] == b[i];
	return same == N / 8;
}

LICENSE("GPL");
