/* A map of each kind whose keys or values have a form of their own as JSON, programs that call each other by tail calls,
 * and variables of several types. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]

enum { HASH = 1, ARRAY, PROG_ARRAY, PERCPU_ARRAY = 6, LPM_TRIE = 11, ARRAY_OF_MAPS, QUEUE = 22, STACK, RINGBUF = 27 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static long (*bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;
static long (*bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index;
};

enum color { RED = 1, GREEN, BLUE = 200 };

struct flow {
	u32 addr;
	u16 port;
	u8 proto;
	u8 unused;
};

struct seen {
	u64 packets;
	s32 delta;
	u32 low : 3, high : 5;
	enum color color;
	char name[8];
	u8 mac[6];
	_Bool known;
	u32 list[3];
	union {
		u32 v4;
		u8 v6[16];
	};
	struct {
		u16 first, second;
	};
};

struct prefix {
	u32 length;
	u8 addr[4];
};

struct {
	__uint(type, HASH);
	__uint(max_entries, 4);
	__type(key, struct flow);
	__type(value, struct seen);
} flows SEC(".maps");

struct {
	__uint(type, PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} each SEC(".maps");

struct {
	__uint(type, LPM_TRIE);
	__uint(max_entries, 4);
	__uint(map_flags, 1);
	__type(key, struct prefix);
	__type(value, enum color);
} routes SEC(".maps");

struct {
	__uint(type, QUEUE);
	__uint(max_entries, 4);
	__type(value, u32);
} line SEC(".maps");

struct {
	__uint(type, STACK);
	__uint(max_entries, 4);
	__type(value, u32);
} pile SEC(".maps");

struct {
	__uint(type, RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct inner {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} left SEC(".maps"), right SEC(".maps");

struct {
	__uint(type, ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, struct inner);
} both SEC(".maps") = {.values = {[0] = &left, [2] = &right}};

int pass(struct xdp_md *ctx);
int drop(struct xdp_md *ctx);

struct {
	__uint(type, PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(struct xdp_md *));
} jumps SEC(".maps") = {.values = {[1] = &pass, [3] = &drop}};

const volatile u32 which = 1;
const volatile enum color wanted = GREEN;
u64 total = 40;
char label[8] = "start";
s32 offsets[2];

SEC("xdp") int start(struct xdp_md *ctx)
{
	total += 2;
	bpf_tail_call(ctx, &jumps, which);
	return 0; /* XDP_ABORTED: there is no such program */
}

SEC("xdp") int drop(struct xdp_md *ctx)
{
	offsets[1] = -7;
	return 1;
}

SEC("xdp") int pass(struct xdp_md *ctx)
{
	u32 zero = 0, two = 2, v = 0;
	struct flow f = {.addr = 0x0100007f, .port = 443, .proto = 6};
	struct seen *s = bpf_map_lookup_elem(&flows, &f);
	u32 *mine = bpf_map_lookup_elem(&each, &zero);
	void *map = bpf_map_lookup_elem(&both, &two);
	struct prefix p = {.length = 32, .addr = {10, 1, 2, 3}};
	enum color *c = bpf_map_lookup_elem(&routes, &p);

	if (s) {
		s->packets++;
		s->delta--;
		s->low = s->high;
	}
	if (mine)
		*mine += 5;
	if (map)
		bpf_map_update_elem(map, &zero, &total, 0);
	if (!bpf_map_pop_elem(&line, &v))
		bpf_map_push_elem(&pile, &v, 0);
	bpf_ringbuf_output(&ring, &v, sizeof(v), 0);
	return c && *c == wanted ? 2 : 3;
}

SEC("xdp") int other(struct xdp_md *ctx)
{
	return 4;
}
