/* Programs that a process calls: memory in, memory out, maps between. */
#include "corpus.h"

struct args {
	u64 op, a, b, out;
	u32 status, list[8];
	u64 more;
};

HASH(table, u64, u64, 64);
ARRAY(log_, u64, 16);
u64 called;

inline_ void note(u32 slot, u64 v)
{
	u64 *p = bpf_map_lookup_elem(&log_, &slot);

	if (p)
		*p = v;
}

SEC("syscall")
int call_table(struct args *a)
{
	u64 key = a->a & 15, value = a->b, *v;

	called++;
	switch (a->op & 3) {
	case 0:
		a->status = bpf_map_update_elem(&table, &key, &value, BPF_ANY);
		break;
	case 1:
		a->status = bpf_map_delete_elem(&table, &key);
		break;
	case 2:
		v = bpf_map_lookup_elem(&table, &key);
		a->out = v ? *v : ~0ull;
		break;
	default:
		a->status = bpf_map_update_elem(&table, &key, &value, BPF_EXIST);
	}
	note(a->op & 3, a->status);
	return a->op & 3;
}

SEC("syscall")
int call_sort(struct args *a)
{
	u32 l[4], swaps = 0;

	for (int i = 0; i < 4; i++)
		l[i] = a->list[i];
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3 - i; j++)
			if (l[j] > l[j + 1]) {
				u32 t = l[j];

				l[j] = l[j + 1];
				l[j + 1] = t;
				swaps++;
			}
	for (int i = 0; i < 4; i++)
		a->list[i] = l[i];
	return swaps;
}

static long multiply(u32 i, u64 *v)
{
	v[0] = (v[0] * v[1]) % 1000003;
	return i > 40;
}

SEC("syscall")
int call_power(struct args *a)
{
	u64 v[2] = { 1, a->a % 1000003 };

	a->out = bpf_loop(a->b & 63, multiply, v, 0);
	a->more = v[0];
	note(15, v[0] / ((a->b & 3) ?: 1));
	return 0;
}
