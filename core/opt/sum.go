package opt

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// expandSumDiff calls a function that sums.
func (l *lowering) expandSumDiff(in *ir.Insn, _ *verifier.InsnFact) bool {
	if l.opts.Object {
		return false
	}
	l.callTemplate(template{name: "bpfc.sumdiff", text: sumDiffText()}, in)
	return true
}

// sumDiffText is bpf_csum_diff (net/core/filter.c, Linux 6.18), whose sums are in ones' complement: new is added to the
// sum; of old there is a sum of its own, whose complement is added. Without new that one begins with the complement of
// the sum. What the two give is folded to 16 bits.
//
// How a sum is folded, and when, does not matter: it is 0 if all that was added is 0, and never becomes 0 otherwise. So
// numbers of 32 bits are added in 64, where no carry is lost: memory has less than 2^29 bytes. There is no poll: what
// has no bound that matters is not summed by programs.
//
// R1 and R2 are old and its bytes, R3 and R4 new, R5 the sum, then that of old; R0 is the sum.
func sumDiffText() string {
	const fold = "t0 = rsh64 %[1]s, 32\n%[1]s = mov32 %[1]s\n%[1]s = add64 %[1]s, t0\n"
	const fold16 = "t0 = rsh64 r0, 16\nr0 = and64 r0, 65535\nr0 = add64 r0, t0\n"
	twice := strings.Repeat(fmt.Sprintf(fold, "r5"), 2)
	return "func@0 \"sumdiff\" pos 0 frame 0 {\nb0:\nr0 = mov32 r5\nbr64 eq r4, 0 -> b10, b1\n" +
		sumText(1, "r0", "r3", "r4") +
		"b9:\nr5 = mov64 0\nbr64 eq r2, 0 -> b21, b12\n" +
		"b10:\nbr64 eq r2, 0 -> b21, b11\n" +
		"b11:\nr5 = xor32 r0, -1\nr0 = mov64 0\njmp -> b12\n" +
		sumText(12, "r5", "r1", "r2") +
		"b20:\n" + twice + "r5 = xor32 r5, -1\nr0 = add64 r0, r5\njmp -> b21\n" +
		"b21:\n" + fmt.Sprintf(fold, "r0") + strings.Repeat(fold16, 3) + "exit\n}\n"
}

// sumText adds n bytes at p to sum, in numbers of 32 bits; what is left at the end is one of 16 bits and one of 8. Its
// blocks begin with that of number b, and go on to the one behind them, b + 8.
func sumText(b int, sum, p, n string) string {
	s := &strings.Builder{}
	block := func(i int) { fmt.Fprintf(s, "b%d:\n", b+i) }
	less := func(than, then, or int) { fmt.Fprintf(s, "br64 ult %s, %d -> b%d, b%d\n", n, than, b+then, b+or) }
	add := func(size, at int) {
		fmt.Fprintf(s, "t0 = load.u%d [%s+%d]\n%[4]s = add64 %[4]s, t0\n", 8*size, p, at, sum)
	}
	next := func(bytes, to int) {
		fmt.Fprintf(s, "%[1]s = add64 %[1]s, %[3]d\n%[2]s = add64 %[2]s, -%[3]d\njmp -> b%[4]d\n", p, n, bytes, b+to)
	}
	block(0)
	less(16, 2, 1)
	block(1)
	for at := 0; at < 16; at += 4 {
		add(4, at)
	}
	next(16, 0)
	block(2)
	less(4, 4, 3)
	block(3)
	add(4, 0)
	next(4, 2)
	block(4)
	less(2, 6, 5)
	block(5)
	add(2, 0)
	next(2, 6)
	block(6)
	less(1, 8, 7)
	block(7)
	add(1, 0)
	fmt.Fprintf(s, "jmp -> b%d\n", b+8)
	return s.String()
}
