package verifier

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/sdk/cheader"
)

// cMistakes are C programs with one mistake each. The fix that is shown is applied to the source,
// which is compiled again: then the program is accepted.
var cMistakes = []struct {
	name   string
	code   verifier.Code
	leaks  bool
	source string
	by     [2]string // how the source is changed, where the fix is no statement before or after a line
	fix    string    // what it says then
}{
	{name: "null_same_function", code: verifier.CodeNull, source: `
SEC("xdp") int null_same_function(struct xdp_md *ctx)
{
	__u32 k = 1;
	struct val *v = bpf_map_lookup_elem(&hash, &k);
	v->a += 1;
	return XDP_PASS;
}`},
	{name: "null_in_callee", code: verifier.CodeNull, source: `
static __noinline int use(struct val *v) { return v->n; }
SEC("xdp") int null_in_callee(struct xdp_md *ctx)
{
	__u32 k = ctx->ingress_ifindex;
	struct val *v;

	v = bpf_map_lookup_elem(&values, &k);
	if (ctx->rx_queue_index == 3)
		return XDP_DROP;
	return use(v) ? XDP_DROP : XDP_PASS;
}`},
	{name: "null_of_context", code: verifier.CodeNull, source: `
SEC("tc") int null_of_context(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	return sk->family & 1;
}`},
	{name: "null_of_another", code: verifier.CodeNull, source: `
SEC("tc") int null_of_another(struct __sk_buff *skb)
{
	__u32 k = skb->mark, sum = 0;
	struct val *a = bpf_map_lookup_elem(&hash, &k), *b;
	k++;
	b = bpf_map_lookup_elem(&hash, &k);
	if (a)
		sum = b->n;
	return sum & 1;
}`},
	{name: "null_record", code: verifier.CodeNull, source: `
SEC("tc") int null_record(struct __sk_buff *skb)
{
	__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);
	*e = 5;
	bpf_ringbuf_submit(e, 0);
	return 0;
}`},
	{name: "packet_never_compared", code: verifier.CodePacket, source: `
SEC("xdp") int packet_never_compared(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ethernet *eth = data;
	return eth->proto == 8 ? XDP_PASS : XDP_DROP;
}`},
	{name: "packet_second_header", code: verifier.CodePacket, source: `
SEC("xdp") int packet_second_header(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethernet *eth = data;
	struct ipv4 *ip;
	if (data + sizeof(*eth) > data_end)
		return XDP_DROP;
	ip = data + sizeof(*eth);
	return ip->protocol == 6 ? XDP_PASS : XDP_DROP;
}`},
	{name: "packet_variable_length", code: verifier.CodePacket, source: `
SEC("tc") int packet_variable_length(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4 *ip = data + 14;
	__u16 *port;
	if ((void *)(ip + 1) > end)
		return 0;
	port = (void *)ip + (ip->vihl & 15) * 4;
	return *port == 80 ? 2 : 0;
}`},
	{name: "packet_more_bytes", code: verifier.CodePacket, source: `
SEC("xdp") int packet_more_bytes(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (p + 10 > end)
		return 0;
	return (p[8] ^ p[11]) & 3;
}`},
	{name: "packet_store", code: verifier.CodePacket, source: `
SEC("tc") int packet_store(struct __sk_buff *skb)
{
	struct ethernet *eth = (void *)(long)skb->data;
	eth->proto = 8;
	return 0;
}`},
	{name: "index_from_context", code: verifier.CodeUnbounded, source: `
SEC("xdp") int index_from_context(struct xdp_md *ctx)
{
	__u32 k = 0, i = ctx->rx_queue_index;
	struct val *v = bpf_map_lookup_elem(&values, &k);
	if (!v)
		return XDP_DROP;
	return v->list[i] ? XDP_PASS : XDP_DROP;
}`},
	{name: "index_off_by_one", code: verifier.CodeBounds, source: `
int table[32];
SEC("xdp") int index_off_by_one(struct xdp_md *ctx)
{
	__u32 i = ctx->rx_queue_index;
	if (i > 32)
		return 0;
	table[i]++;
	return XDP_PASS;
}`},
	{name: "index_negative", code: verifier.CodeStackBounds, source: `
SEC("tc") int index_negative(struct __sk_buff *skb)
{
	char buf[16] = {};
	int n = skb->mark;
	bpf_skb_load_bytes(skb, 0, buf, sizeof(buf));
	if (n < 16) {
		return buf[n] & 1;
	}
	return 0;
}`},
	{name: "index_negative_of_words", code: verifier.CodeUnbounded, source: `
long words[8] SEC(".data.words");
SEC("tc") int index_negative_of_words(struct __sk_buff *skb)
{
	int n = skb->mark;
	if (n < 8) {
		return words[n] & 1;
	}
	return 0;
}`},
	{name: "index_expression", code: verifier.CodeBounds, source: `
SEC("tc") int index_expression(struct __sk_buff *skb)
{
	__u32 k = 0;
	struct val *v = bpf_map_lookup_elem(&hash, &k);
	if (!v)
		return 0;
	return v->list[v->n & 31] & 1;
}`,
		by: [2]string{"	return v->list[v->n & 31] & 1;", "	__u32 i = v->n & 31;\n	if (i >= 17) return 0;\n	return v->list[i] & 1;"}, fix: "add `if (i >= 17) return 0;`, where i is a variable with the index, `v->n & 31`"},
	{name: "size_of_helper", code: verifier.CodeStackBounds, source: `
SEC("tc") int size_of_helper(struct __sk_buff *skb)
{
	char buf[64];
	__u32 n = skb->len;
	if (n > 100)
		n = 100;
	bpf_skb_load_bytes(skb, 0, buf, n);
	return buf[0] & 1;
}`},
	{name: "size_negative", code: verifier.CodeSize, source: `
SEC("tc") int size_negative(struct __sk_buff *skb)
{
	char buf[64];
	int n = skb->len;
	if (n > 64)
		return 0;
	bpf_skb_load_bytes(skb, 0, buf, n);
	return buf[0] & 1;
}`},
	{name: "stack_key", code: verifier.CodeStackUnset, leaks: true, source: `
SEC("xdp") int stack_key(struct xdp_md *ctx)
{
	__u32 key;
	return bpf_map_lookup_elem(&hash, &key) ? XDP_PASS : XDP_DROP;
}`,
		by: [2]string{"	__u32 key;", "	__u32 key = {0};"}, fix: "initialise `key` where it is declared: `= {0}`"},
	{name: "stack_padding", code: verifier.CodeStackUnset, leaks: true, source: `
SEC("xdp") int stack_padding(struct xdp_md *ctx)
{
	__u32 key = 1;
	struct val v;
	v.a = 1;
	return bpf_map_update_elem(&hash, &key, &v, 0) ? 1 : 2;
}`,
		by: [2]string{"	struct val v;\n	v.a", "	struct val v = {0};\n	v.a"}, fix: "initialise `v` where it is declared: `= {0}`"},
	{name: "stack_on_one_way", code: verifier.CodeStackUnset, leaks: true, source: `
SEC("tc") int stack_on_one_way(struct __sk_buff *skb)
{
	__u64 pair[2];
	if (skb->mark)
		pair[0] = 1;
	return bpf_ringbuf_output(&ring, pair, sizeof(pair), 0) ? 1 : 2;
}`,
		by: [2]string{"	__u64 pair[2];", "	__u64 pair[2] = {0};"}, fix: "initialise `pair` where it is declared: `= {0}`"},
	{name: "leak_socket", code: verifier.CodeRefLeak, source: `
SEC("tc") int leak_socket(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), -1, 0);
	return sk ? 1 : 0;
}`},
	{name: "leak_early_return", code: verifier.CodeRefLeak, source: `
SEC("tc") int leak_early_return(struct __sk_buff *skb)
{
	__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!e)
		return 0;
	*e = skb->len;
	if (skb->len > 100)
		return 1;
	bpf_ringbuf_submit(e, 0);
	return 0;
}`,
		by: [2]string{"	if (skb->len > 100)\n		return 1;", "	if (skb->len > 100) {\n		if (e) bpf_ringbuf_discard(e, 0);\n		return 1;\n	}"}, fix: "add `if (e) bpf_ringbuf_discard(e, 0);`"},
	{name: "leak_one_state", code: verifier.CodeRefLeak, source: `
SEC("tc") int leak_one_state(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv4), -1, 0);
	if (!sk)
		return 0;
	if (sk->state == 10) {
		bpf_sk_release(sk);
		return 1;
	}
	return 0;
}`,
		by: [2]string{"		return 1;\n	}\n	return 0;\n}\n//leak_one_state", "		return 1;\n	}\n	if (sk) bpf_sk_release(sk);\n	return 0;\n}\n//leak_one_state"}, fix: "add `if (sk) bpf_sk_release(sk);`"},
	{name: "leak_of_callee", code: verifier.CodeRefLeak, source: `
static __noinline void *reserve(void) { return bpf_ringbuf_reserve(&ring, 16, 0); }
SEC("tc") int leak_of_callee(struct __sk_buff *skb)
{
	__u64 *e = reserve();
	if (e)
		e[0] = 1;
	return 0;
}`,
		by: [2]string{"		e[0] = 1;\n	return 0;", "		e[0] = 1;\n	if (e) bpf_ringbuf_discard(e, 0);\n	return 0;"}, fix: "add `if (p) bpf_ringbuf_discard(p, 0);`, where p is what line"},
	{name: "loop_on_memory", code: verifier.CodeEndless, source: `
SEC("tc") int loop_on_memory(struct __sk_buff *skb)
{
	__u32 k = 0;
	struct val *v = bpf_map_lookup_elem(&values, &k);
	if (!v)
		return 0;
	for (;;) {
		if (*(volatile __u32 *)&v->n == 7)
			break;
	}
	return 0;
}`,
		by: [2]string{"	for (;;) {\n		if (*(vol", "	for (int turns = 0;;) {\n		if (++turns > 5000) break;\n		if (*(vol"}, fix: "add `if (++turns > MAX) break;` at the beginning of the loop's body"},
	{name: "loop_with_goto", code: verifier.CodeEndless, source: `
SEC("tc") int loop_with_goto(struct __sk_buff *skb)
{
	int c = 0;
again:
	c += bpf_get_prandom_u32();
	if (c & 0x10000)
		goto again;
	return 1;
}`,
		by: [2]string{"	int c = 0;\nagain:\n", "	int c = 0, turns = 0;\nagain:\n	if (++turns > 5000) return 0;\n"}, fix: "count the turns"},
	{name: "loop_with_a_clock", code: verifier.CodeTooComplex, source: `
SEC("tc") int loop_with_a_clock(struct __sk_buff *skb)
{
	__u64 s = 0;
	for (__u64 i = 0; i != bpf_ktime_get_ns(); i++) {
		s += i;
	}
	return s & 1;
}`,
		by: [2]string{"i++) {\n		s += i;", "i++) {\n		if (i > 5000) break;\n		s += i;"}, fix: "count the turns"},
}

const cDeclarations = `#include "sets.h"
struct ethernet { __u8 dst[6], src[6]; __u16 proto; } __attribute__((packed));
struct ipv4 { __u8 vihl, tos; __u16 len, id, frag; __u8 ttl, protocol; __u16 check; __u32 saddr, daddr; };
struct val { __u64 a; __u32 n; __u32 list[16]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, struct val); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 16); __type(key, __u32); __type(value, struct val); } values SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
char _license[] SEC("license") = "GPL";
`

// compiled is a C source as an object.
func compiled(t *testing.T, cpu, header, source string) *obj.Object {
	clang := ""
	for _, name := range []string{"clang", "clang-19", "clang-18", "clang-17"} {
		if path, err := exec.LookPath(name); err == nil {
			clang = path
			break
		}
	}
	if clang == "" {
		t.Skip("there is no clang: apt-get install clang")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "fixes.c"), filepath.Join(dir, "fixes.o")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sets.h"), []byte(header), 0o600))
	require.NoError(t, os.WriteFile(in, []byte(source), 0o600))
	text, err := exec.Command(clang, "-target", "bpf", "-mcpu="+cpu, "-O2", "-g", "-Wall", "-Werror",
		"-Wno-unused-but-set-variable", "-Wno-uninitialized", "-Wno-sometimes-uninitialized", "-c", "-o", out, in).CombinedOutput()
	require.NoError(t, err, string(text))
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	o, err := elf.Parse("fixes.o", b, elf.Options{})
	require.NoError(t, err)
	return o
}

// statement is a fix that is a statement on a line of its own.
var statement = regexp.MustCompile("^before line (\\d+) add `([^`]+)`$|^add `([^`]+)` after line (\\d+)$")

func TestFixesInC(t *testing.T) {
	var h bytes.Buffer
	set := builtinSets(t)
	require.NoError(t, cheader.Write(&h, set))
	source := cDeclarations
	for _, m := range cMistakes {
		source += m.source + "\n//" + m.name + "\n"
	}
	for _, cpu := range []string{"v2", "v3", "v4"} {
		t.Run(cpu, func(t *testing.T) {
			o, fixed := compiled(t, cpu, h.String(), source), source
			type line struct {
				at   int
				text string
			}
			var add []line
			for _, m := range cMistakes {
				reports, err := core.Verify(o, set, core.Options{Programs: []string{m.name}, NoLeaks: m.leaks})
				require.NoError(t, err)
				e := reports[0].Err
				require.NotNil(t, e, m.name)
				require.Equal(t, m.code, e.Code, "%+v", e)
				require.NotNil(t, e.Fix, "no fix for %+v", e)
				require.NotNil(t, e.Source, m.name)
				if m.fix != "" {
					require.Contains(t, e.Fix.Text, m.fix)
					require.Equal(t, 1, strings.Count(fixed, m.by[0]), m.name)
					continue
				}
				found := statement.FindStringSubmatch(e.Fix.Text)
				require.NotNil(t, found, "%s: %s", m.name, e.Fix.Text)
				at, err := strconv.Atoi(found[1] + found[4])
				require.NoError(t, err)
				if found[4] != "" {
					at++
				}
				add = append(add, line{at, "\t" + found[2] + found[3]})
			}
			lines := strings.Split(fixed, "\n")
			slices.SortFunc(add, func(a, b line) int { return b.at - a.at })
			for _, l := range add {
				lines = slices.Insert(lines, l.at-1, l.text)
			}
			fixed = strings.Join(lines, "\n")
			for _, m := range cMistakes {
				if m.fix != "" {
					fixed = strings.Replace(fixed, m.by[0], m.by[1], 1)
				}
			}
			o = compiled(t, cpu, h.String(), fixed)
			for _, m := range cMistakes {
				reports, err := core.Verify(o, set, core.Options{Programs: []string{m.name}, NoLeaks: m.leaks})
				require.NoError(t, err)
				if e := reports[0].Err; e != nil {
					t.Errorf("%s is refused with its fix: %s", m.name, fmt.Sprintf("%+v", e))
				}
			}
		})
	}
}
