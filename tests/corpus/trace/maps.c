// Every kind of map that a tracing program may touch.
#include "trace.h"

struct pair {
	__u64 a, b;
};

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 64);
	__type(value, struct pair);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 64);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, __u64);
	__uint(map_extra, 3);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 4);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 128);
	__type(key, struct { __u32 bits; __u8 data[16]; });
	__type(value, __u32);
} trie SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &first, &second } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer_hash SEC(".maps");

MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u32, struct pair, 64);
LRU(lru, struct pair, __u32, 64);
HASH(plain, __u32, struct pair, 64);
ARRAY(array, struct pair, 16);
RINGBUF(ring, 4096);

SEC("kprobe/do_nanosleep")
int push(struct pt_regs *ctx)
{
	struct pair p = { bpf_get_current_pid_tgid(), bpf_ktime_get_ns() };

	bpf_map_push_elem(&queue, &p, BPF_EXIST);
	bpf_map_push_elem(&stack, &p.a, 0);
	bpf_map_push_elem(&bloom, &p.b, 0);
	return 0;
}

SEC("kretprobe/do_nanosleep")
int pop(struct pt_regs *ctx)
{
	struct pair p;
	__u64 top;
	__u32 key;

	if (bpf_map_pop_elem(&queue, &p))
		return 0;
	if (bpf_map_peek_elem(&stack, &top) == 0 && top == p.a)
		bpf_map_pop_elem(&stack, &top);
	if (bpf_map_peek_elem(&bloom, &p.b) != 0)
		return 0;
	key = p.a;
	bpf_map_update_elem(&plain, &key, &p, BPF_ANY);
	return 0;
}

SEC("tp/syscalls/sys_enter_getpid")
int drain(void *ctx)
{
	struct pair p;
	__u64 sum = 0;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 64; i++) {
		if (bpf_map_pop_elem(&queue, &p))
			break;
		sum += p.b;
	}
	bpf_map_push_elem(&stack, &sum, BPF_EXIST);
	return 0;
}

SEC("kprobe/do_nanosleep")
int nested_array(struct pt_regs *ctx)
{
	__u32 i = bpf_get_smp_processor_id() & 1, key = PT_REGS_PARM2(ctx);
	void *map = bpf_map_lookup_elem(&outer, &i);
	__u64 one = 1, *n;

	if (!map)
		return 0;
	n = bpf_map_lookup_elem(map, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(map, &key, &one, BPF_ANY);
	return 0;
}

SEC("kprobe/do_nanosleep")
int nested_hash(struct pt_regs *ctx)
{
	__u32 uid = bpf_get_current_uid_gid(), key = 0;
	void *map = bpf_map_lookup_elem(&outer_hash, &uid);
	__u64 *n;

	if (!map)
		return 0;
	for (key = 0; key < 8; key++) {
		n = bpf_map_lookup_elem(map, &key);
		if (!n)
			continue;
		*n ^= key;
		if (*n > 100)
			bpf_map_delete_elem(map, &key);
	}
	return 0;
}

SEC("kprobe/do_nanosleep")
int in_cgroup(struct pt_regs *ctx)
{
	long r = bpf_current_task_under_cgroup(&cgroups, 0);

	if (r != 1)
		return 0;
	return bpf_get_current_cgroup_id() == bpf_get_current_ancestor_cgroup_id(2);
}

SEC("raw_tp/sched_switch")
int percpu(void *ctx)
{
	__u32 key = bpf_get_current_pid_tgid();
	struct pair fresh = { 1, 1 }, *p = bpf_map_lookup_elem(&percpu_hash, &key);

	if (p) {
		p->a++;
		p->b += p->a;
	} else {
		bpf_map_update_elem(&percpu_hash, &key, &fresh, BPF_NOEXIST);
	}
	return 0;
}

SEC("raw_tp/sched_switch")
int other_cpu(void *ctx)
{
	__u32 key = 1, cpu;
	__u64 sum = 0;

	for (cpu = 0; cpu < 4; cpu++) {
		struct pair *p = bpf_map_lookup_percpu_elem(&percpu_hash, &key, cpu);

		if (p)
			sum += p->a;
	}
	return sum == 0;
}

SEC("kprobe/tcp_connect")
int longest_prefix(struct pt_regs *ctx)
{
	struct {
		__u32 bits;
		__u8 data[16];
	} key = { .bits = 32 };
	__u32 *v;

	bpf_probe_read_kernel(key.data, 4, (void *)PT_REGS_PARM1(ctx));
	v = bpf_map_lookup_elem(&trie, &key);
	return v && *v == 7;
}

// A value of one map is the key of another.
SEC("raw_tp/sys_enter")
int value_as_key(void *ctx)
{
	__u32 i, key, one = 1;
	struct pair *p;
	__u32 *seen;

	for (i = 0; i < 16; i++) {
		key = i;
		p = bpf_map_lookup_elem(&array, &key);
		if (!p)
			break;
		seen = bpf_map_lookup_elem(&lru, p);
		if (seen)
			*seen += 1;
		else
			bpf_map_update_elem(&lru, p, &one, BPF_ANY);
	}
	return 0;
}

SEC("raw_tp/sys_exit")
int query(void *ctx)
{
	__u64 free = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) - bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 *slot;

	if (free < 64)
		return 0;
	slot = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!slot)
		return 0;
	*slot = free;
	bpf_ringbuf_submit(slot, 0);
	return 0;
}

LICENSE("GPL");
