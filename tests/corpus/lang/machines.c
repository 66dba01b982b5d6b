// State machines, interpreters, big switches, many branches.
#include "lang.h"

struct machine {
	__u8 code[64];
	__u32 stack[16];
	__u32 state;
	__u32 counts[8];
};

ARRAY(machines, struct machine, 1);

#define MACHINE ({ __u32 k_ = 0; struct machine *v_ = bpf_map_lookup_elem(&machines, &k_); if (!v_) return 0; v_; })

// A small stack machine.
SEC("tc")
int interpreter(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	__u32 pc = 0, sp = 0, step, a, b;

ROLLED
	for (step = 0; step < 3; step++) {
		__u8 op = m->code[pc & 63];

		pc++;
		a = m->stack[(sp - 1) & 15];
		b = m->stack[(sp - 2) & 15];
		switch (op) {
		case 0:
			return a & 1;
		case 1:
			m->stack[sp & 15] = m->code[pc++ & 63];
			sp++;
			break;
		case 2:
			sp--;
			m->stack[(sp - 1) & 15] = a + b;
			break;
		case 3:
			sp--;
			m->stack[(sp - 1) & 15] = a * b;
			break;
		case 4:
			m->stack[sp & 15] = skb->len;
			sp++;
			break;
		default:
			return 2;
		}
	}
	return 0;
}

// HTTP request lines: one state per part.
SEC("tc")
int http(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data + 54, *end = (void *)(long)skb->data_end;
	__u32 state = 0, i, slashes = 0;

ROLLED
	for (i = 0; i < 32; i++) {
		__u8 c;

		if (p + i + 1 > end)
			break;
		c = p[i];
		switch (state) {
		case 0:
			if (c == ' ')
				state = 1;
			else if (c < 'A' || c > 'Z')
				return 0;
			break;
		case 1:
			if (c == '/')
				slashes++;
			else if (c == '?')
				state = 2;
			else if (c == ' ')
				state = 3;
			break;
		case 2:
			if (c == ' ')
				state = 3;
			break;
		default:
			skb->mark = slashes;
			return 1;
		}
	}
	return 0;
}

SEC("tc")
int tcp_states(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	__u32 s = m->state, f = skb->mark & 31;

	switch (s) {
	case 0: s = f & 2 ? 1 : 0; break;
	case 1: s = (f & 18) == 18 ? 2 : s; break;
	case 2: s = f & 16 ? 3 : s; break;
	case 3: s = f & 1 ? 4 : s; break;
	case 4: s = f & 16 ? 5 : s; break;
	case 5: s = f & 1 ? 6 : s; break;
	case 6: s = 0; break;
	default: return 2;
	}
	if (f & 4)
		s = 0;
	m->state = s;
	m->counts[s]++;
	return 0;
}

#define ROW(n) case n: m->counts[(n) & 7] += (n) * 3; r = (n) ^ 5; break;
#define ROWS4(n) ROW(n) ROW(n + 1) ROW(n + 2) ROW(n + 3)
#define ROWS16(n) ROWS4(n) ROWS4(n + 4) ROWS4(n + 8) ROWS4(n + 12)

SEC("tc")
int sixty_four_cases(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	int r = 0;

	switch (skb->len) {
	ROWS16(0)
	ROWS16(16)
	ROWS16(32)
	ROWS16(48)
	}
	return r & 1;
}

// Branches that only touch scalars: the kernel must prune to survive.
SEC("tc")
int many_branches(struct __sk_buff *skb)
{
	__u32 x = skb->len, y = 0;

#define STEP(n) if (x & (1u << n)) { y += n * 17; hide(y); }
	STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
	STEP(8) STEP(9) STEP(10) STEP(11) STEP(12) STEP(13) STEP(14) STEP(15)
	STEP(16) STEP(17) STEP(18) STEP(19) STEP(20) STEP(21) STEP(22) STEP(23)
	STEP(24) STEP(25) STEP(26) STEP(27) STEP(28) STEP(29) STEP(30) STEP(31)
	skb->mark = y;
	return 0;
}

// A regular expression, ab*c+d, as a table in code.
SEC("tc")
int expression(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	__u32 s = 0, i;

ROLLED
	for (i = 0; i < 64; i++) {
		__u8 c = m->code[i];

		if (s == 0)
			s = c == 'a';
		else if (s == 1)
			s = c == 'b' ? 1 : c == 'c' ? 2 : 0;
		else if (s == 2)
			s = c == 'c' ? 2 : c == 'd' ? 3 : 0;
		else
			return 1;
	}
	return 0;
}

// A token bucket per class.
SEC("tc")
int bucket(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	__u32 class = skb->priority & 7, now = bpf_ktime_get_ns() >> 20;
	__u32 tokens = m->counts[class] + (now - m->state) * 100;

	if (tokens > 100000)
		tokens = 100000;
	m->state = now;
	if (tokens < skb->len) {
		m->counts[class] = tokens;
		return 2;
	}
	m->counts[class] = tokens - skb->len;
	return 0;
}

LICENSE("GPL");
