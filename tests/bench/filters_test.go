package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/sdk/filter"
)

// typical are expressions as people write them.
var typical = strings.Split(strings.TrimSpace(`
ip
ip6
arp
tcp
udp
icmp
tcp port 80
tcp port 443
udp port 53
port 22
port 80
src port 22
dst port 443
host 10.0.0.1
src host 10.0.0.1
dst host 192.168.1.1
net 192.168.1.0/24
src net 10.0.0.0/8
ip6 host 2001:db8::1
ether host 02:00:00:00:00:01
ether broadcast
tcp portrange 1-1023
udp dst portrange 53-80
vlan 100
vlan 100 and tcp port 80
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and dst port 22
icmp[icmptype] = icmp-echo
ip[8] < 5
ip[6:2] & 0x3fff != 0 and udp
not arp
not tcp port 22
icmp or icmp6 or arp
(tcp or udp) and port 53 and not net 192.168.1.0/24
host 10.0.0.1 and (port 80 or port 443 or port 8080)
port 22 or port 53 or port 80 or port 443 or port 1024 or port 8080 or port 9000 or port 9001
host 10.0.0.1 or host 10.0.0.2 or host 192.168.1.1 or host 192.168.1.77 or host 127.0.0.1
ip and not host 10.0.0.1 and not host 10.0.0.2 and not tcp port 22
tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420
`), "\n")

// The filters run on the same 12 packets, over and over.
const (
	kinds  = 12
	flood  = 20 * kinds
	rounds = 9
	times  = 60 // that the packets are gone through in a round
)

// contestants run filters; the first two are in C.
var contestants = []string{"libpcap", "clang -O2", "x/net", "match", "batch"}

// BenchmarkFilters runs typical filters on packets with what there is: thread CPU time, contestants in turn, medians of rounds for each
// filter, geometric means over the filters. Without clang and libpcap those two are left out.
func BenchmarkFilters(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var frames [][]byte
	for _, p := range cbpftest.Packets(100) {
		if len(p) >= 54 && len(frames) < kinds {
			frames = append(frames, p)
		}
	}
	require.Len(b, frames, kinds)
	for len(frames) < flood {
		frames = append(frames, frames[:kinds]...)
	}
	var all []contest
	for _, expr := range typical {
		all = append(all, newContest(b, expr))
	}
	inC := compileFilters(b, all, frames[:kinds])
	for b.Loop() {
		for range rounds {
			inC(b, all)
			for i := range all {
				all[i].round(frames)
			}
		}
	}
	report(b, all)
}

// contest is a filter, in all forms.
type contest struct {
	expr     string
	insns    []cbpf.Insn
	vm       *bpf.VM
	filter   *filter.Filter
	verdicts []uint32
	ns       [5][]float64 // a packet, by contestant
}

func newContest(b *testing.B, expr string) contest {
	insns, ok := cbpftest.Compile(b, expr, true)
	require.True(b, ok, expr)
	var raw []bpf.RawInstruction
	for _, i := range insns {
		raw = append(raw, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	decoded, ok := bpf.Disassemble(raw)
	require.True(b, ok, expr)
	vm, err := bpf.NewVM(decoded)
	require.NoError(b, err)
	f, err := filter.Compile(insns, filter.Pcap)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, f.Close()) })
	return contest{expr: expr, insns: insns, vm: vm, filter: f, verdicts: make([]uint32, flood)}
}

// round measures what is in Go.
func (c *contest) round(frames [][]byte) {
	measure := func(who int, run func()) {
		run()
		begin := cpuTime()
		for range times {
			run()
		}
		c.ns[who] = append(c.ns[who], float64(cpuTime()-begin)/float64(times*len(frames)))
	}
	measure(2, func() {
		for _, p := range frames {
			_, _ = c.vm.Run(p)
		}
	})
	measure(3, func() {
		for _, p := range frames {
			c.filter.Match(p)
		}
	})
	measure(4, func() { c.filter.MatchBatch(frames, c.verdicts) })
}

// compileFilters builds a program of the filters in C, as libpcap runs them and as code; it runs once a round, and its results must be those of
// the filters here. It does nothing without clang or libpcap.
func compileFilters(b *testing.B, all []contest, frames [][]byte) func(*testing.B, []contest) {
	none := func(*testing.B, []contest) {}
	dir := b.TempDir()
	var cc string
	for _, name := range []string{"clang-19", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			cc = cmp.Or(cc, path)
		}
	}
	if cc == "" {
		b.Log("no clang: nothing in C is measured")
		return none
	}
	source := filepath.Join(dir, "filters.c")
	require.NoError(b, os.WriteFile(source, []byte(filtersInC(all, frames)), 0o600))
	path := filepath.Join(dir, "filters")
	if out, err := exec.Command(cc, "-O2", "-o", path, source, "-lpcap").CombinedOutput(); err != nil {
		b.Logf("nothing in C is measured: %v %s", err, out)
		return none
	}
	return func(b *testing.B, all []contest) {
		out, err := exec.Command(path).Output()
		require.NoError(b, err)
		lines := bufio.NewScanner(bytes.NewReader(out))
		for i := range all {
			require.True(b, lines.Scan())
			var ns [2]float64
			var sums [2]uint32
			_, err := fmt.Sscan(lines.Text(), &ns[0], &ns[1], &sums[0], &sums[1])
			require.NoError(b, err)
			want := uint32(0)
			for _, p := range frames {
				want = want*31 + all[i].filter.Match(p)
			}
			require.Equal(b, [2]uint32{want, want}, sums, all[i].expr)
			all[i].ns[0] = append(all[i].ns[0], ns[0])
			all[i].ns[1] = append(all[i].ns[1], ns[1])
		}
	}
}

const headInC = `#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
static inline uint32_t b1(const uint8_t *p) { return *p; }
static inline uint32_t b2(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t b4(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
typedef uint32_t filter(const uint8_t *p, uint32_t wire, uint32_t n);
`

const tailInC = `
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(void)
{
	static const uint8_t *list[PACKETS];
	static uint32_t lens[PACKETS];
	volatile uint32_t sink;
	for (int i = 0; i < PACKETS; i++)
		list[i] = frames[i % KINDS], lens[i] = sizes[i % KINDS];
	for (int f = 0; f < FILTERS; f++) {
		double ns[2];
		uint32_t sums[2] = { 0, 0 };
		for (int k = 0; k < KINDS; k++) {
			sums[0] = sums[0] * 31 + bpf_filter(codes[f], list[k], lens[k], lens[k]);
			sums[1] = sums[1] * 31 + filters[f](list[k], lens[k], lens[k]);
		}
		double begin = now();
		for (int t = 0; t < TIMES; t++)
			for (int i = 0; i < PACKETS; i++)
				sink = bpf_filter(codes[f], list[i], lens[i], lens[i]);
		ns[0] = now() - begin;
		begin = now();
		for (int t = 0; t < TIMES; t++)
			for (int i = 0; i < PACKETS; i++)
				sink = filters[f](list[i], lens[i], lens[i]);
		ns[1] = now() - begin;
		printf("%f %f %u %u\n", ns[0] / TIMES / PACKETS, ns[1] / TIMES / PACKETS, sums[0], sums[1]);
	}
	(void)sink;
	return 0;
}
`

// filtersInC is the program: the packets, each filter as instructions and as a function, and a loop over them.
func filtersInC(all []contest, frames [][]byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s#define PACKETS %d\n#define KINDS %d\n#define TIMES %d\n#define FILTERS %d\n", headInC, flood, kinds, times, len(all))
	var table, codes, sizes []string
	for i, p := range frames {
		fmt.Fprintf(&s, "static const uint8_t frame%d[] = {%s};\n", i, numbers(p))
		sizes = append(sizes, fmt.Sprint(len(p)))
	}
	fmt.Fprintf(&s, "static const uint32_t sizes[] = {%s};\nstatic const uint8_t *frames[] = {", strings.Join(sizes, ", "))
	for i := range frames {
		fmt.Fprintf(&s, "frame%d, ", i)
	}
	s.WriteString("};\n")
	for n := range all {
		fmt.Fprintf(&s, "static struct bpf_insn code%d[] = {%s};\n", n, cbpf.Write(all[n].insns, cbpf.CArray))
		fmt.Fprintf(&s, "static uint32_t filter%d(const uint8_t *p, uint32_t wire, uint32_t n)\n{\n\tuint32_t A = 0, X = 0, M[16] = {0};\n", n)
		for pc, in := range all[n].insns {
			fmt.Fprintf(&s, "L%d:\t%s\n", pc, inC(in, pc))
		}
		s.WriteString("}\n")
		table, codes = append(table, fmt.Sprintf("filter%d", n)), append(codes, fmt.Sprintf("code%d", n))
	}
	fmt.Fprintf(&s, "static filter *const volatile filters[] = {%s};\nstatic struct bpf_insn *codes[] = {%s};\n%s", strings.Join(table, ", "), strings.Join(codes, ", "), tailInC)
	return s.String()
}

func numbers(b []byte) string {
	var words []string
	for _, v := range b {
		words = append(words, fmt.Sprint(v))
	}
	return strings.Join(words, ",")
}

// operators are those of C.
var operators = map[cbpf.Op]string{
	cbpf.OpAdd: "+", cbpf.OpSub: "-", cbpf.OpMul: "*", cbpf.OpDiv: "/", cbpf.OpMod: "%", cbpf.OpAnd: "&", cbpf.OpOr: "|", cbpf.OpXor: "^", cbpf.OpLsh: "<<", cbpf.OpRsh: ">>",
	cbpf.OpJeq: "==", cbpf.OpJgt: ">", cbpf.OpJge: ">=", cbpf.OpJset: "&",
}

// inC is an instruction in C.
func inC(in cbpf.Insn, pc int) string {
	r := in.Row()
	check, operand := "", ""
	switch r.Form {
	case cbpf.FormImm:
		operand = fmt.Sprintf("%du", in.K)
	case cbpf.FormX:
		operand = "X"
	case cbpf.FormA:
		operand = "A"
	case cbpf.FormMem:
		operand = fmt.Sprintf("M[%d]", in.K)
	case cbpf.FormLen:
		operand = "wire"
	case cbpf.FormAbs:
		check, operand = fmt.Sprintf("if (n < %du) return 0; ", in.K+uint32(r.Size)), fmt.Sprintf("b%d(p + %d)", r.Size, in.K)
	case cbpf.FormMsh:
		check, operand = fmt.Sprintf("if (n < %du) return 0; ", in.K+1), fmt.Sprintf("4 * (p[%d] & 15)", in.K)
	case cbpf.FormInd:
		check, operand = fmt.Sprintf("if ((uint64_t)X + %d > n) return 0; ", uint64(in.K)+uint64(r.Size)), fmt.Sprintf("b%d(p + X + %d)", r.Size, in.K)
	}
	to := "A"
	if r.Writes == cbpf.PlaceX {
		to = "X"
	}
	switch {
	case r.Op == cbpf.OpRet:
		return "return " + operand + ";"
	case r.Op == cbpf.OpJump:
		return fmt.Sprintf("goto L%d;", pc+1+int(int32(in.K)))
	case r.Op.Cond():
		return fmt.Sprintf("if (A %s %s) goto L%d; else goto L%d;", operators[r.Op], operand, pc+1+int(in.Jt), pc+1+int(in.Jf))
	case r.Op == cbpf.OpStore && r.Reads == cbpf.PlaceX:
		return operand + " = X;"
	case r.Op == cbpf.OpStore:
		return operand + " = A;"
	case r.Op == cbpf.OpMove && to == "A":
		return "A = X;"
	case r.Op == cbpf.OpMove:
		return "X = A;"
	case r.Op == cbpf.OpNeg:
		return "A = -A;"
	case r.Op == cbpf.OpLoad:
		return check + to + " = " + operand + ";"
	case r.Form == cbpf.FormX && (r.Op == cbpf.OpDiv || r.Op == cbpf.OpMod):
		check = "if (X == 0) return 0; "
	}
	return fmt.Sprintf("%sA = A %s %s;", check, operators[r.Op], operand)
}

// report prints medians: geometric means over the filters, and the filters that are worst beside the others.
func report(b *testing.B, all []contest) {
	var means [5]float64
	type line struct {
		text  string
		ratio float64
	}
	var lines []line
	for i := range all {
		c := &all[i]
		var m [5]float64
		for who := range m {
			if len(c.ns[who]) == 0 {
				continue
			}
			slices.Sort(c.ns[who])
			m[who] = c.ns[who][len(c.ns[who])/2]
			means[who] += math.Log(m[who]) / float64(len(all))
		}
		lines = append(lines, line{fmt.Sprintf("%6.2f %6.2f %6.2f %6.2f %6.2f  %s", m[0], m[1], m[2], m[3], m[4], c.expr), m[4] / max(m[1], 1)})
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(b.ratio, a.ratio) })
	b.Logf("ns a packet: %s; batch beside clang, worst first", strings.Join(contestants, ", "))
	for _, l := range lines {
		b.Log(l.text)
	}
	b.ReportMetric(0, "ns/op")
	for who, name := range contestants {
		if len(all[0].ns[who]) > 0 {
			b.ReportMetric(math.Exp(means[who]), strings.ReplaceAll(name, " ", "")+"-ns")
		}
	}
}
