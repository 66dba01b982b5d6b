package cbpftest

import (
	_ "embed" // for the source of the process that has libseccomp
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// Policy is one for system calls, and the filter that libseccomp has made of it for x86-64.
type Policy struct {
	Insns    []cbpf.Insn
	fallback uint32
	rules    []rule
}

// rule allows, or refuses, a call whose arguments fulfil all comparisons.
type rule struct {
	action, call uint32
	compares     []compare
}

// compare is a comparison of an argument of 64 bits.
type compare struct {
	arg, op uint32 // op is a scmp_compare of libseccomp
	a, b    uint64
}

// The comparisons of libseccomp (enum scmp_compare, seccomp.h, libseccomp 2.5).
const (
	compareNE = 1 + iota
	compareLT
	compareLE
	compareEQ
	compareGE
	compareGT
	compareMasked // (argument & a) == b
)

const (
	archX86   = 0xc000003e // AUDIT_ARCH_X86_64
	x32       = 0x40000000 // calls from here on are of another architecture
	actionBad = 0          // for another architecture: SCMP_ACT_KILL_THREAD
)

//go:embed testdata/seccomp.c
var libseccomp string

// Policies makes n random policies, the same for the same n, and has libseccomp make filters of them; the test is skipped without a C
// compiler or libseccomp.
func Policies(t testing.TB, n int) (all []Policy) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seccomp")
	cc := exec.Command("cc", "-O2", "-x", "c", "-o", path, "-", "-lseccomp")
	cc.Stdin = strings.NewReader(libseccomp)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Skipf("no C compiler, or no libseccomp for it: %v %s", err, out)
	}
	m := &maker{newRand(4)}
	var text strings.Builder
	for range n {
		p := m.policy()
		all = append(all, p)
		p.write(&text)
	}
	c := exec.Command(path)
	c.Stdin, c.Stderr = strings.NewReader(text.String()), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != n {
		t.Fatalf("%d filters of %d policies", len(lines), n)
	}
	made := all[:0]
	for i, line := range lines {
		if line == "" {
			continue // two of its rules are one for libseccomp
		}
		f, err := cbpf.Parse("libseccomp", []byte(line), cbpf.OneLine)
		if err != nil {
			t.Fatal(err)
		}
		all[i].Insns = f.Insns
		made = append(made, all[i])
	}
	return made
}

// policy has one rule for a call: where several compare arguments, libseccomp 2.5 makes filters that compare the wrong one.
func (m *maker) policy() (p Policy) {
	p.fallback = pick[uint32](m, 0x7fff0000, 0x00050001, 0x80000000, 0x7ffc0000)
	for range 1 + m.IntN(40) {
		action := pick[uint32](m, 0x7fff0000, 0x00050026, 0x00030000, 0x7ff00007, 0)
		if action == p.fallback {
			continue
		}
		call := m.Uint32N(400)
		if !slices.ContainsFunc(p.rules, func(r rule) bool { return r.call == call }) {
			p.rules = append(p.rules, rule{action, call, m.compares()})
		}
	}
	return p
}

func (m *maker) compares() (list []compare) {
	for arg := range uint32(6) {
		if m.IntN(6) != 0 {
			continue
		}
		c := compare{arg: arg, op: 1 + m.Uint32N(7), a: pick(m, uint64(m.IntN(16)), uint64(m.IntN(1<<16)), m.Uint64(), 1<<m.IntN(64))}
		if c.op == compareMasked {
			c.b = c.a & m.Uint64()
		}
		list = append(list, c)
	}
	return list
}

// write writes the policy as testdata/seccomp.c reads it.
func (p *Policy) write(b *strings.Builder) {
	fmt.Fprintln(b, p.fallback, len(p.rules))
	for _, r := range p.rules {
		fmt.Fprintln(b, r.action, r.call, len(r.compares))
		for _, c := range r.compares {
			fmt.Fprintln(b, c.arg, c.op, c.a, c.b)
		}
	}
}

// Decide is what the policy says of a record, from its rules alone.
func (p *Policy) Decide(record []byte) uint32 {
	call := binary.LittleEndian.Uint32(record)
	if binary.LittleEndian.Uint32(record[4:]) != archX86 || call >= x32 && call != 1<<32-1 {
		return actionBad
	}
	for _, r := range p.rules {
		if r.call == call && r.holds(record) {
			return r.action
		}
	}
	return p.fallback
}

func (r *rule) holds(record []byte) bool {
	for _, c := range r.compares {
		if !c.holds(binary.LittleEndian.Uint64(record[16+8*c.arg:])) {
			return false
		}
	}
	return true
}

func (c *compare) holds(v uint64) bool {
	switch c.op {
	case compareNE:
		return v != c.a
	case compareLT:
		return v < c.a
	case compareLE:
		return v <= c.a
	case compareEQ:
		return v == c.a
	case compareGE:
		return v >= c.a
	case compareGT:
		return v > c.a
	}
	return v&c.a == c.b
}

// Near is a record near the policy's rules: a call that one is about, with arguments at the edges of its comparisons.
func (p *Policy) Near(seed uint64) []byte {
	m := &maker{newRand(seed)}
	record := SeccompData(1)[0]
	binary.LittleEndian.PutUint32(record[4:], archX86)
	for arg := range 6 {
		binary.LittleEndian.PutUint64(record[16+8*arg:], m.Uint64()>>m.IntN(64))
	}
	if len(p.rules) == 0 {
		return record
	}
	r := p.rules[m.IntN(len(p.rules))]
	binary.LittleEndian.PutUint32(record, r.call)
	for _, c := range r.compares {
		v := pick(m, c.a, c.a+1, c.a-1, c.a^1<<32, c.b, c.b|m.Uint64()&^c.a)
		binary.LittleEndian.PutUint64(record[16+8*c.arg:], v)
	}
	return record
}
