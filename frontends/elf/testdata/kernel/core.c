/* Members, types and values of a kernel, in every way in which CO-RE asks for them. */
#include "fixture.h"

#define KERNEL __attribute__((preserve_access_index))
typedef signed int s32;
typedef unsigned short u16;
struct list_head { struct list_head *next, *prev; } KERNEL;
struct qstr { union { struct { u32 hash, len; }; u64 hash_len; }; const u8 *name; } KERNEL;
struct dentry { struct qstr d_name; struct dentry *d_parent; } KERNEL;
struct path { struct dentry *dentry; } KERNEL;
struct file { struct path f_path; u32 f_flags; u64 f_pos; } KERNEL;
struct mm_struct { struct { u64 start_stack, arg_start, arg_end; }; } KERNEL;
struct task_struct { s32 pid, tgid; u32 flags; struct task_struct *real_parent; char comm[16]; struct mm_struct *mm; u32 no_such_member; } KERNEL;
struct task_struct___old { u64 state; } KERNEL;
struct task_struct___new { u32 __state; } KERNEL;
struct sock_common { u16 skc_family; volatile u8 skc_state; u8 skc_reuse:4, skc_reuseport:1, skc_ipv6only:1; s32 skc_bound_dev_if; } KERNEL;
struct sock { struct sock_common __sk_common; u8 sk_gso_disabled:1, sk_kern_sock:1; } KERNEL;
struct sk_buff { u32 len, data_len; u16 mac_len; u8 cloned:1; u8 pkt_type:3; u8 ip_summed:2; u16 protocol; u8 *data; } KERNEL;
struct no_such_struct { int a; } KERNEL;
enum bpf_map_type { BPF_MAP_TYPE_UNSPEC, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_NONE_SUCH = 99 };

static long (*read)(void *, u32, const void *) = (void *)113;
#define FIELD(f, kind) __builtin_preserve_field_info(f, kind)
#define ASK(f) (FIELD(f, 0) + FIELD(f, 1) * 3 + FIELD(f, 2) * 5 + FIELD(f, 3) * 7 + FIELD(f, 4) * 11 + FIELD(f, 5) * 13)

SEC("raw_tp") u64 members(void *ctx)
{
	struct task_struct *t = ctx;
	struct file *f = ctx;
	u64 n = 0;
	read(&n, 4, &t->pid);
	read(&n, 4, &t->comm[3]);
	read(&n, 8, &t->mm);
	read(&n, 8, &t->mm->arg_end);
	read(&n, 8, &f->f_path.dentry->d_name.name);
	read(&n, 4, &f->f_path.dentry->d_name.len);
	read(&n, 8, &f->f_pos);
	return n + ((struct sk_buff *)ctx)->len + ((struct sk_buff *)ctx)->protocol + (u64)((struct sk_buff *)ctx)->data;
}

SEC("raw_tp") u64 aspects(void *ctx)
{
	struct sock *s = ctx;
	struct sk_buff *b = ctx;
	struct task_struct *t = ctx;
	u64 n = ASK(s->__sk_common.skc_family) + ASK(s->__sk_common.skc_reuse) + ASK(s->__sk_common.skc_ipv6only);
	n += ASK(s->sk_kern_sock) + ASK(b->cloned) + ASK(b->pkt_type) + ASK(b->ip_summed) + ASK(t->tgid);
	n += FIELD(t->no_such_member, 2);
	n += FIELD(((struct task_struct___old *)t)->state, 2) + FIELD(((struct task_struct___new *)t)->__state, 2);
	return n;
}

SEC("raw_tp") u64 types(void *ctx)
{
	u64 n = 0;
	n += __builtin_preserve_type_info(*(struct task_struct *)0, 0) + __builtin_preserve_type_info(*(struct sock *)0, 1);
	n += __builtin_preserve_type_info(*(struct no_such_struct *)0, 0) + __builtin_preserve_type_info(*(struct no_such_struct *)0, 1);
	n += __builtin_preserve_type_info(*(struct list_head *)0, 2) + __builtin_preserve_type_info(*(struct path *)0, 2);
	n += __builtin_btf_type_id(*(struct task_struct *)0, 1);
	n += __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_RINGBUF, 1);
	n += __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_NONE_SUCH, 0);
	return n;
}

SEC("raw_tp") u64 dead(void *ctx)
{
	struct task_struct *t = ctx;
	if (FIELD(t->no_such_member, 2))
		return t->no_such_member;
	return 7;
}
