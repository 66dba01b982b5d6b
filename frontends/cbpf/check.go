package cbpf

import (
	"fmt"
	"strings"
)

// Filter is a filter that has been read.
type Filter struct {
	Name  string // of the input, for messages
	Insns []Insn
	Lines []int // of the source, 1-based, one an instruction; nil if the input is no text
}

// Check applies the rules of a dialect, and names the input and the line in what it returns: nil or an *Error.
func (f *Filter) Check(d Dialect) error {
	e := check(f.Insns, d)
	if e == nil {
		return nil
	}
	e.File = f.Name
	if e.Insn >= 0 && e.Insn < len(f.Lines) {
		e.Line = f.Lines[e.Insn]
	}
	return e
}

// Check applies the rules of a dialect: nil if a filter may run, else an *Error for the first instruction that breaks a
// rule. It accepts what the implementations accept: for Linux bpf_check_classic (net/core/filter.c, Linux 6.18), for
// Seccomp that and seccomp_check_filter (kernel/seccomp.c), for Pcap bpf_validate (libpcap 1.10), less what libpcap takes
// and cannot run or has no defined result for: codes at which bpf_filter aborts, constant shifts by 32 and more; and
// filters of more than MaxInsns instructions.
func Check(insns []Insn, d Dialect) error {
	if e := check(insns, d); e != nil {
		return e
	}
	return nil
}

func check(insns []Insn, d Dialect) *Error {
	switch n := len(insns); {
	case n == 0:
		return &Error{Insn: -1, Rule: RuleLength, Text: "the filter has no instruction", Hint: "the shortest is `ret #0`"}
	case n > MaxInsns:
		return &Error{Insn: -1, Rule: RuleLength, Text: fmt.Sprintf("the filter has %d instructions: at most %d are allowed", n, MaxInsns)}
	case !d.valid():
		return &Error{Insn: -1, Rule: RuleForm, Text: fmt.Sprintf("there is no dialect %d", d)}
	}
	for pc, i := range insns {
		if e := checkInsn(i, pc, len(insns), d); e != nil {
			e.Insn = pc
			return e
		}
	}
	last := len(insns) - 1
	if r := insns[last].Row(); r.Op != OpRet {
		return &Error{Insn: last, Rule: RuleLast, Text: fmt.Sprintf("the last instruction is %s", r.Name), Hint: "a filter ends with a ret, so that no path runs beyond it"}
	}
	if d == Pcap {
		return nil
	}
	return checkCells(insns)
}

// checkInsn applies the rules that look at one instruction.
func checkInsn(i Insn, pc, n int, d Dialect) *Error {
	r := i.Row()
	if r == nil {
		return broken(RuleOpcode, "there is no instruction with code %#x", i.Code)
	}
	if !r.In(d) {
		return &Error{Rule: RuleOpcode, Text: fmt.Sprintf("%s is not in the dialect %s", r.title(), d), Hint: "have it run under another with --dialect, or write it without this instruction"}
	}
	switch {
	case (r.Op == OpDiv || r.Op == OpMod) && r.Form == FormImm && i.K == 0:
		return broken(RuleDivisor, "%s by the constant 0", r.Name)
	case (r.Op == OpLsh || r.Op == OpRsh) && r.Form == FormImm && i.K >= 32:
		return broken(RuleShift, "%s by %d bits: a shift by a constant is less than 32", r.Name, i.K)
	case r.Form == FormMem && i.K >= Cells:
		return broken(RuleCell, "%s M[%d]: the cells are M[0] to M[%d]", r.Name, i.K, Cells-1)
	case r.Op == OpJump:
		return checkJump(i, pc, n, d)
	case r.Op.Cond():
		return checkBranch(i, r, pc, n)
	case r.Form == FormAbs && d == Linux && i.K >= AncBase:
		if _, ok := i.Anc(); !ok {
			return broken(RuleAncillary, "%s [%#x]: no ancillary load has the number %d", r.Name, i.K, i.K-AncBase)
		}
	case r.Form == FormAbs && d == Seccomp && (i.K >= DataSize || i.K%4 != 0):
		return broken(RuleData, "%s [%d]: the data are the words at offsets 0, 4, … %d", r.Name, i.K, DataSize-4)
	}
	return nil
}

func broken(rule Rule, format string, args ...any) *Error {
	return &Error{Rule: rule, Text: fmt.Sprintf(format, args...)}
}

// checkJump checks the target of a ja. For Pcap k is a signed number, and what is compared is its unsigned sum, as in libpcap.
func checkJump(i Insn, pc, n int, d Dialect) *Error {
	forward := uint64(pc)+1+uint64(i.K) < uint64(n)
	switch backward := int64(pc) + 1 + int64(int32(i.K)); {
	case forward, d == Pcap && backward >= 0 && backward < int64(n):
		return nil
	case int32(i.K) < 0 && backward >= 0:
		return &Error{Rule: RuleBackward, Text: fmt.Sprintf("ja goes back to instruction %d: jumps go forward in the dialect %s", backward, d), Hint: "filters with protochain run under --dialect pcap"}
	default:
		return broken(RuleJump, "ja to instruction %d: the last is %d", backward, n-1)
	}
}

// checkBranch checks both targets of a conditional jump.
func checkBranch(i Insn, r *Row, pc, n int) *Error {
	for _, skip := range [2]uint8{i.Jt, i.Jf} {
		if to := pc + 1 + int(skip); to >= n {
			return broken(RuleJump, "%s to instruction %d: the last is %d", r.Name, to, n-1)
		}
	}
	return nil
}

// checkCells refuses reads of cells of M[] that may not have been written. It is one walk, since all jumps go forward: the
// cells that are written on every way to an instruction are kept for each. As in the kernel (check_load_and_stores,
// net/core/filter.c), what follows a ret counts as reached from it.
func checkCells(insns []Insn) *Error {
	const all = 1<<Cells - 1
	written := make([]uint16, len(insns))
	for pc := range written {
		written[pc] = all
	}
	var now uint16
	for pc, i := range insns {
		now &= written[pc]
		switch r := i.Row(); {
		case r.Op == OpStore:
			now |= 1 << i.K
		case r.Form == FormMem && now>>i.K&1 == 0:
			return &Error{Insn: pc, Rule: RuleUnwritten, Text: fmt.Sprintf("%s M[%d]: the cell may not have been written", r.Name, i.K), Hint: "store to it on every way to this instruction"}
		case r.Op == OpJump:
			written[pc+1+int(i.K)] &= now
			now = all
		case r.Op.Cond():
			written[pc+1+int(i.Jt)] &= now
			written[pc+1+int(i.Jf)] &= now
			now = all
		}
	}
	return nil
}

// title is the mnemonic with what distinguishes the row from others of that name.
func (r *Row) title() string { return "`" + strings.TrimSpace(r.Name+" "+formText[r.Form]) + "`" }
