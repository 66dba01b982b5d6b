// Block I/O: latency by disk, sizes, sectors, patterns of access.
#include "trace.h"

struct issue_record {
	__u64 common;
	__u32 dev;
	__u32 pad;
	__u64 sector;
	__u32 nr_sector;
	__u32 bytes;
	char rwbs[8];
	char comm[16];
};

struct done_record {
	__u64 common;
	__u32 dev;
	__u32 pad;
	__u64 sector;
	__u32 nr_sector;
	int error;
	char rwbs[8];
};

struct request {
	__u64 sector;
	__u32 dev;
	__u32 pad;
};

struct disk {
	__u64 last;
	__u32 sequential;
	__u32 random;
	__u64 bytes;
	__u32 slots[32];
};

HASH(inflight, struct request, __u64, 8192);
HASH(disks, __u32, struct disk, 128);
ARRAY(sizes, __u64, 32);
ARRAY(flags, __u64, 128);
static const struct disk new_disk;

INLINE struct disk *disk_get(__u32 dev)
{
	struct disk *d = bpf_map_lookup_elem(&disks, &dev);

	if (d)
		return d;
	bpf_map_update_elem(&disks, &dev, &new_disk, BPF_NOEXIST);
	return bpf_map_lookup_elem(&disks, &dev);
}

SEC("tp/block/block_rq_issue")
int issue(struct issue_record *ctx)
{
	struct request r = { .sector = ctx->sector, .dev = ctx->dev };
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&inflight, &r, &now, BPF_ANY);
	return 0;
}

SEC("tp/block/block_rq_complete")
int done(struct done_record *ctx)
{
	struct request r = { .sector = ctx->sector, .dev = ctx->dev };
	__u64 *ts = bpf_map_lookup_elem(&inflight, &r), us;
	struct disk *d;
	__u32 slot;

	if (!ts)
		return 0;
	us = (bpf_ktime_get_ns() - *ts) / 1000;
	bpf_map_delete_elem(&inflight, &r);
	d = disk_get(ctx->dev);
	if (!d)
		return 0;
	slot = log2_u64(us);
	if (slot > 31)
		slot = 31;
	__sync_fetch_and_add(&d->slots[slot], 1);
	return 0;
}

SEC("tp/block/block_rq_issue")
int pattern(struct issue_record *ctx)
{
	struct disk *d = disk_get(ctx->dev);

	if (!d)
		return 0;
	if (d->last) {
		if (d->last == ctx->sector)
			d->sequential++;
		else
			d->random++;
	}
	d->last = ctx->sector + ctx->nr_sector;
	d->bytes += (__u64)ctx->nr_sector * 512;
	return 0;
}

SEC("tp/block/block_rq_issue")
int size(struct issue_record *ctx)
{
	__u32 slot = 0, kb = ctx->bytes / 1024;
	__u64 *n;

	for (; kb && slot < 31; slot++)
		kb >>= 1;
	n = bpf_map_lookup_elem(&sizes, &slot);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

// The letters of rwbs, each counted.
SEC("tp/block/block_rq_issue")
int letters(struct issue_record *ctx)
{
	char rwbs[8];
	int i;

	__builtin_memcpy(rwbs, ctx->rwbs, sizeof(rwbs));
#pragma clang loop unroll(disable)
	for (i = 0; i < 8 && rwbs[i]; i++) {
		__u32 c = rwbs[i] & 127;
		__u64 *n = bpf_map_lookup_elem(&flags, &c);

		if (n)
			*n += 1;
	}
	return 0;
}

LICENSE("GPL");
