/* Text: numbers read from the payload, formatted output, words compared. */
#include "corpus.h"
#include <bpf/bpf_tracing.h>

struct line {
	char text[64];
	s64 length;
};

ARRAY(lines, struct line, 4);
HASH(words, u32, u64, 64);

struct numbers {
	s64 read[4];
	s64 value;
	u64 plain;
};
ARRAY(found, struct numbers, 2);

/* The last 24 bytes of the packet, as text. */
inline_ int tail_text(struct __sk_buff *skb, char *to, u32 size)
{
	if (skb->len < size)
		return -1;
	return bpf_skb_load_bytes(skb, skb->len - size, to, size);
}

SEC("tc")
int text_report(struct __sk_buff *skb)
{
	u32 slot = skb->len & 3;
	struct line *l = bpf_map_lookup_elem(&lines, &slot);
	u8 first[8] = {};

	if (!l)
		return TC_ACT_OK;
	bpf_skb_load_bytes(skb, 0, first, sizeof(first));
	l->length = BPF_SNPRINTF(l->text, sizeof(l->text), "len %d mark %x first %pI4 to %pi4 (%s)", skb->len, skb->mark, first, first + 4, "end");
	return l->length > (s64)sizeof(l->text) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int text_numbers(struct __sk_buff *skb)
{
	struct numbers n = {};
	char text[24];
	u32 slot = skb->mark & 1;

	if (tail_text(skb, text, sizeof(text)))
		return TC_ACT_UNSPEC;
	text[23] = 0;
	n.read[0] = bpf_strtol(text, sizeof(text), 0, (long *)&n.value);
	n.read[1] = bpf_strtoul(text + 4, 16, 16, (unsigned long *)&n.plain);
	text[0] = '-';
	text[1] = '0' + (text[2] & 7);
	text[2] = ' ';
	n.read[2] = bpf_strtol(text, sizeof(text), 10, (long *)&n.value);
	text[0] = '0';
	text[1] = 'x';
	text[2] = 'f';
	text[3] = '1';
	text[4] = '\n';
	n.read[3] = bpf_strtoul(text, sizeof(text), 0, (unsigned long *)&n.plain);
	bpf_map_update_elem(&found, &slot, &n, BPF_ANY);
	return TC_ACT_OK;
}

SEC("tc")
int text_words(struct __sk_buff *skb)
{
	static const char get[] = "GET ", ssh[] = "SSH-";
	char head[8];
	u32 key;
	u64 one = 1, *n;

	if (bpf_skb_load_bytes(skb, skb->len >= 62 ? 54 : 0, head, sizeof(head)))
		return TC_ACT_OK;
	key = bpf_strncmp(head, 4, get) == 0 ? 1 : bpf_strncmp(head, 4, ssh) < 0 ? 2 : 3;
	n = bpf_map_lookup_elem(&words, &key);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&words, &key, &one, BPF_NOEXIST);
	return key;
}

SEC("xdp")
int text_printed(struct xdp_md *ctx)
{
	u64 size = ctx->data_end - ctx->data;
	u32 slot = 3;
	struct line *l = bpf_map_lookup_elem(&lines, &slot);

	if (!l)
		return XDP_ABORTED;
	l->length = BPF_SNPRINTF(l->text, 24, "%5d|%-6u|%06llx|%c|%%", (int)size, (u32)size * 3, size * 0x12345, 'a' + (char)(size & 15));
	return XDP_PASS;
}
