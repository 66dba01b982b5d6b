package verifier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// at is a line of C; ^ stands before the part that the instruction is from.
func at(marked string) cLine {
	return cLine{strings.Replace(marked, "^", "", 1), strings.IndexByte(marked, '^')}
}

func TestAssigned(t *testing.T) {
	for line, want := range map[string]string{
		"v = ^lookup(&m, &k);":                              "v",
		"struct val *v = ^lookup(&m, &k);":                  "v",
		"void *data = (void *)ctx->^data, *end = ctx->end;": "data",
		"void *data = (void *)ctx->data, *end = ctx->^end;": "end",
		"if (^a == b)":                 "",
		"s->field = ^lookup();":        "",
		"s.field = ^lookup();":         "",
		"a += ^b;":                     "",
		"if ((v = ^lookup(&m)) == 0)":  "v",
		"return ^lookup(&m, &k) != 0;": "",
		"a = b, c = d;":                "", // no column
		"a = b;":                       "a",
	} {
		require.Equal(t, want, at(line).assigned(), line)
	}
}

func TestAccessedAndPast(t *testing.T) {
	for line, want := range map[string][2]string{
		"return ip->^protocol == 6;":       {"ip->protocol", "ip + 1"},
		"a = x->y->^z + p->q;":             {"x->y->z", "x->y + 1"},
		"a = x->^y->z + p->q;":             {"x->y", "x + 1"},
		"sum += ^p[i];":                    {"p[i]", "&p[i] + 1"},
		"sum += ^v->list[v->n & 31];":      {"v->list[v->n & 31]", "&v->list[v->n & 31] + 1"},
		"a = hdr[i].^len;":                 {"hdr[i].len", "&hdr[i] + 1"},
		"a = ip->addr.^src;":               {"ip->addr.src", "ip + 1"},
		"return ^*port == 80;":             {"*port", "port + 1"},
		"*e ^= 5;":                         {"*e", "e + 1"},
		"eth->proto ^= other->proto;":      {"eth->proto", "eth + 1"},
		"if (^bpf_ntohs(tcp->dest) == 80)": {"tcp->dest", "tcp + 1"},
		"return ^sum;":                     {"", ""},
		"a = ^SWAP(x->y, p->q);":           {"", ""},
		"v.^x = 3;":                        {"v.x", ""},
	} {
		require.Equal(t, want[0], at(line).accessed(), line)
		require.Equal(t, want[1], past(want[0]), line)
	}
}

func TestArgument(t *testing.T) {
	l := cLine{"if (load(skb, off + max(a, b), (void *)&key, sizeof(key))) return 1;", -1}
	for i, want := range []string{"skb", "off + max(a, b)", "(void *)&key", "sizeof(key)", ""} {
		require.Equal(t, want, l.argument("load", i))
	}
	require.Empty(t, l.argument("store", 0))
	require.Empty(t, cLine{"load(a,", -1}.argument("load", 1))
}

func TestSubscript(t *testing.T) {
	for access, want := range map[string]string{"p[i]": "i", "v->list[v->n & 31]": "v->n & 31", "p->x": "", "a[i][ j ]": "j"} {
		require.Equal(t, want, subscript(access))
	}
}
