package cbpftest_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
)

// many is how many rounds a test makes: long of them with BPFC_LONG set.
func many(short, long int) int {
	if os.Getenv("BPFC_LONG") != "" {
		return long
	}
	return short
}

// libpcap is a process that runs filters as libpcap does.
type libpcap struct {
	in  io.Writer
	out io.Reader
}

// startPcap builds and starts testdata/pcap.c; the test is skipped where that is not possible.
func startPcap(t testing.TB) *libpcap {
	path := filepath.Join(t.TempDir(), "pcap")
	if out, err := exec.Command("cc", "-O2", "-o", path, "testdata/pcap.c", "-lpcap").CombinedOutput(); err != nil {
		t.Skipf("no C compiler, or no libpcap for it: %v %s", err, out)
	}
	c := exec.Command(path)
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	c.Stderr = os.Stderr
	require.NoError(t, c.Start())
	t.Cleanup(func() { in.Close(); _ = c.Wait() })
	return &libpcap{in, out}
}

func (l *libpcap) word(t testing.TB) uint32 {
	var b [4]byte
	_, err := io.ReadFull(l.out, b[:])
	require.NoError(t, err, "libpcap's process has ended")
	return binary.NativeEndian.Uint32(b[:])
}

// ask sends a filter and packets.
func (l *libpcap) ask(t testing.TB, insns []cbpf.Insn, packets []cbpftest.Packet) (valid bool) {
	var b []byte
	for _, p := range packets {
		b = binary.NativeEndian.AppendUint32(b, uint32(len(p.Bytes)))
		b = binary.NativeEndian.AppendUint32(b, p.Wire)
		b = append(b, p.Bytes...)
	}
	l.send(t, insns, uint32(len(packets)), b...)
	return l.word(t) != 0
}

// send sends a request.
func (l *libpcap) send(t testing.TB, insns []cbpf.Insn, packets uint32, rest ...byte) {
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(insns)))
	b = binary.NativeEndian.AppendUint32(b, packets)
	_, err := l.in.Write(append(append(b, cbpf.Encode(insns)...), rest...))
	require.NoError(t, err)
}

// compare runs a filter both ways on packets.
func (l *libpcap) compare(t testing.TB, name string, insns []cbpf.Insn, packets []cbpftest.Packet) (results map[uint32]int) {
	require.NoError(t, cbpf.Check(insns, cbpf.Pcap))
	require.True(t, l.ask(t, insns, packets))
	results = map[uint32]int{}
	for _, p := range packets {
		want := l.word(t)
		got, ok := cbpftest.Run(insns, cbpf.Pcap, &p, 1<<20)
		if !ok || want != got {
			t.Fatalf("%s: libpcap %#x, reference %#x (ended: %t), on %x, %d bytes\n%s", name, want, got, ok, p.Bytes, p.Wire, cbpf.Print(insns))
		}
		results[got]++
	}
	return results
}

// cut are packets of which some were longer on the wire.
func cut(frames [][]byte) (all []cbpftest.Packet) {
	for n, b := range frames {
		p := cbpftest.Whole(b)
		if n%5 == 0 {
			p.Wire += uint32(n)
		}
		all = append(all, p)
	}
	return all
}

func TestPcapExpressions(t *testing.T) {
	l := startPcap(t)
	packets := cut(cbpftest.Packets(many(100, 600)))
	ran, matched := 0, 0
	for n, expr := range cbpftest.Expressions() {
		for _, optimise := range []bool{true, false} {
			if many(n%16, 0) != 0 {
				continue
			}
			insns, ok := cbpftest.Compile(t, expr, optimise)
			if !ok {
				continue
			}
			results := l.compare(t, expr, insns, packets)
			ran, matched = ran+1, matched+len(packets)-results[0]
		}
	}
	t.Logf("%d filters, %d packets, %d matches", ran, len(packets), matched)
	require.Positive(t, matched)
	require.GreaterOrEqual(t, ran, many(20, 400))
}

func TestPcapRandom(t *testing.T) {
	l := startPcap(t)
	r := rand.New(rand.NewPCG(21, 22))
	packets := cut(cbpftest.Packets(64))
	loops, zeros, count := 0, 0, many(2000, 100_000)
	for n := range count {
		insns := cbpftest.Program(r, cbpf.Pcap, size(r, n))
		if cbpf.Check(insns, cbpf.Linux) != nil {
			loops++
		}
		at := r.IntN(len(packets) - 8)
		zeros += l.compare(t, "random", insns, packets[at:at+8])[0]
	}
	t.Logf("%d programs, %d with loops; result 0 in %d of %d runs", count, loops, zeros, 8*count)
	require.Positive(t, loops)
	require.Less(t, zeros, 8*count/2)
}

// size is that of a random filter: most are small, one in fifty is as long as may be.
func size(r *rand.Rand, n int) int {
	switch {
	case n%50 == 49:
		return cbpf.MaxInsns - 8
	case n%10 == 9:
		return 1 + r.IntN(600)
	}
	return 1 + r.IntN(60)
}

// Check takes what bpf_validate takes, but for constant shifts, which have no defined result, and codes that bpf_filter
// does not know.
func TestPcapCheck(t *testing.T) {
	l := startPcap(t)
	r := rand.New(rand.NewPCG(23, 24))
	rules, stricter := map[cbpf.Rule]int{}, map[cbpf.Rule]int{}
	for n := range many(4_000, 200_000) {
		insns := candidate(r, cbpf.Dialect(n%2))
		theirs := l.valid(t, insns)
		var e *cbpf.Error
		if theirs == nil && errors.As(cbpf.Check(insns, cbpf.Pcap), &e) && (e.Rule == cbpf.RuleShift || e.Rule == cbpf.RuleOpcode) {
			stricter[e.Rule]++
			continue
		}
		agree(t, insns, cbpf.Pcap, theirs, rules)
	}
	t.Log(rules, stricter)
	for _, rule := range []cbpf.Rule{"", cbpf.RuleOpcode, cbpf.RuleDivisor, cbpf.RuleCell, cbpf.RuleJump, cbpf.RuleLast} {
		require.Positive(t, rules[rule], rule)
	}
}

// valid is nil if bpf_validate takes the filter.
func (l *libpcap) valid(t testing.TB, insns []cbpf.Insn) error {
	if !l.ask(t, insns, nil) {
		return errors.New("bpf_validate refuses it")
	}
	return nil
}

// Of each code, bpf_filter comes back, or aborts.
func TestPcapCodes(t *testing.T) {
	l := startPcap(t)
	for code := range 256 {
		insns := withCode(code)
		err := l.valid(t, insns)
		if err == nil {
			l.send(t, insns, math.MaxUint32)
			require.EqualValues(t, 1, l.word(t))
			if l.word(t) == 0 {
				err = errors.New("bpf_filter aborts")
			}
		}
		agree(t, insns, cbpf.Pcap, err, map[cbpf.Rule]int{})
	}
}

// withCode is a filter with an instruction of a code, with a k that breaks no rule but that of the codes.
func withCode(code int) []cbpf.Insn {
	insns := []cbpf.Insn{{Code: 0x02, K: 4}, {Code: uint16(code), K: 4}}
	for range 6 {
		insns = append(insns, cbpf.Insn{Code: 0x06})
	}
	return insns
}

// agree compares what an implementation says of a filter with Check.
func agree(t testing.TB, insns []cbpf.Insn, d cbpf.Dialect, theirs error, rules map[cbpf.Rule]int) {
	ours := cbpf.Check(insns, d)
	if (ours == nil) != (theirs == nil) {
		t.Fatalf("%s: theirs %v, ours %v\n%s", d, theirs, ours, cbpf.Print(insns))
	}
	var e *cbpf.Error
	if errors.As(ours, &e) {
		rules[e.Rule]++
		return
	}
	rules[""]++
}

// candidate is a filter of which the validators are asked: a valid one, one with a few changes, or nonsense.
func candidate(r *rand.Rand, d cbpf.Dialect) []cbpf.Insn {
	insns := cbpftest.Program(r, d, 1+r.IntN(30))
	switch r.IntN(8) {
	case 0:
		return insns
	case 1:
		for n := range insns[:len(insns)-1] {
			row := &cbpf.Table[r.IntN(len(cbpf.Table))]
			insns[n] = cbpf.Insn{Code: row.Code, Jt: uint8(r.IntN(3)), Jf: uint8(r.IntN(3)), K: r.Uint32N(20)}
		}
		return insns
	}
	return cbpftest.Mutate(r, insns)
}
