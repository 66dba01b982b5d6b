// Paths from dentries: the name is built backwards into a large buffer.
#include "trace.h"
#include "kernel.h"

#define SIZE 8192
#define HALF 4096
#define DEPTH 20

struct buffer {
	char data[SIZE];
};

PERCPU(buffers, struct buffer, 1);
PERF_EVENTS(events);

SEC("kprobe/vfs_open")
int backwards(struct pt_regs *ctx)
{
	struct path *path = (void *)PT_REGS_PARM1(ctx);
	struct dentry *d = BPF_CORE_READ(path, dentry);
	struct dentry *parent, *root = BPF_CORE_READ(path, mnt, mnt_root);
	__u32 zero = 0, off = HALF, len;
	struct buffer *b = bpf_map_lookup_elem(&buffers, &zero);
	const unsigned char *name;
	int i;

	if (!b)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < DEPTH; i++) {
		parent = BPF_CORE_READ(d, d_parent);
		if (d == root || d == parent)
			break;
		len = BPF_CORE_READ(d, d_name.len) & (256 - 1);
		name = BPF_CORE_READ(d, d_name.name);
		if (len + 1 > off)
			break;
		off -= len + 1;
		b->data[off & (HALF - 1)] = '/';
		if (bpf_probe_read_kernel(&b->data[(off + 1) & (HALF - 1)], len & 255, name))
			break;
		d = parent;
	}
	b->data[HALF] = 0;
	off &= HALF - 1;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &b->data[off], HALF - off);
	return 0;
}

struct component {
	char name[32];
};

struct chain {
	__u32 n;
	struct component part[DEPTH];
};

PERCPU(chains, struct chain, 1);

// Forwards: one fixed slot per component.
SEC("kprobe/vfs_unlink")
int components(struct pt_regs *ctx)
{
	struct dentry *d = (void *)PT_REGS_PARM3(ctx);
	__u32 zero = 0;
	struct chain *c = bpf_map_lookup_elem(&chains, &zero);
	__u32 i;

	if (!c)
		return 0;
	c->n = 0;
	for (i = 0; i < DEPTH; i++) {
		struct dentry *up;

		bpf_probe_read_kernel_str(c->part[i].name, sizeof(c->part[i].name),
					  BPF_CORE_READ(d, d_name.name));
		c->n++;
		up = BPF_CORE_READ(d, d_parent);
		if (up == d)
			break;
		d = up;
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, c, sizeof(*c));
	return 0;
}

// Follows fd → file → inode.
SEC("kprobe/__x64_sys_read")
int file_of_fd(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pt_regs *regs = (void *)PT_REGS_PARM1(ctx);
	struct {
		__u64 ino;
		__u32 dev;
		__u32 mode;
		char name[64];
	} e = {};
	struct file **fds, *file = 0;
	unsigned long fd;
	unsigned int max;

	bpf_probe_read_kernel(&fd, sizeof(fd), &PT_REGS_PARM1(regs));
	max = BPF_CORE_READ(task, files, fdt, max_fds);
	if (fd >= max)
		return 0;
	fds = BPF_CORE_READ(task, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), fds + fd);
	if (!file)
		return 0;
	e.ino = BPF_CORE_READ(file, f_inode, i_ino);
	e.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	e.mode = BPF_CORE_READ(file, f_inode, i_mode);
	BPF_CORE_READ_STR_INTO(&e.name, file, f_path.dentry, d_name.name);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

// The last component of a string, found by a backward loop.
SEC("kprobe/do_unlinkat")
int basename(struct pt_regs *ctx)
{
	char path[96];
	long n = bpf_probe_read_user_str(path, sizeof(path), (void *)PT_REGS_PARM2(ctx));
	long i;

	if (n <= 0 || n > (long)sizeof(path))
		return 0;
#pragma clang loop unroll(disable)
	for (i = n - 1; i > 0; i--)
		if (path[i - 1] == '/')
			break;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, path, sizeof(path));
	return i;
}

// How deep is a path? Counts the slashes of its first letters.
SEC("tp/syscalls/sys_enter_openat")
int slashes(struct { __u64 common; int nr; int pad; long fd; const char *name; } *ctx)
{
	char path[32];
	int n = 0, i;

	if (bpf_probe_read_user_str(path, sizeof(path), ctx->name) < 0)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < (int)sizeof(path) && path[i]; i++)
		if (path[i] == '/')
			n++;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &n, sizeof(n));
	return 0;
}

LICENSE("GPL");
