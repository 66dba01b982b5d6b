package cbpf

import (
	"fmt"
	"strings"
)

// Print writes a filter as text that bpf_asm and Parse read back as the same instructions; what bpf_asm has no words for
// is written with .insn.
func Print(insns []Insn) string {
	labels := make([]bool, len(insns))
	for pc, i := range insns {
		if writable(i, pc, len(insns)) {
			_, to := shown(i, pc)
			for _, target := range to {
				labels[target] = true
			}
		}
	}
	var b strings.Builder
	for pc, i := range insns {
		if labels[pc] {
			fmt.Fprintf(&b, "L%d:\n", pc)
		}
		fmt.Fprintf(&b, "\t%s\n", line(i, pc, len(insns)))
	}
	return b.String()
}

// Text is the instruction at pc of a filter of n instructions, as Print writes it; its labels are L and a number.
func (i Insn) Text(pc, n int) string { return line(i, pc, n) }

// targets are the instructions that a jump at pc goes to, which may lie outside the filter.
func (i Insn) targets(pc int) []int {
	switch r := i.Row(); {
	case r == nil:
		return nil
	case r.Op == OpJump:
		return []int{pc + 1 + int(int32(i.K))}
	case r.Op.Cond():
		return []int{pc + 1 + int(i.Jt), pc + 1 + int(i.Jf)}
	}
	return nil
}

// writable reports whether bpf_asm has words for the instruction: its targets are there, and what it does not use is 0.
func writable(i Insn, pc, n int) bool {
	r := i.Row()
	if r == nil {
		return false
	}
	for _, to := range i.targets(pc) {
		if to < 0 || to >= n {
			return false
		}
	}
	switch r.Form {
	case FormNone, FormX, FormA, FormLen:
		if i.K != 0 {
			return false
		}
	}
	return r.Op.Cond() || i.Jt == 0 && i.Jf == 0
}

// formText are the operands: the number of each is k.
var formText = [...]string{
	FormNone: "", FormImm: "#k", FormX: "x", FormA: "a", FormAbs: "[k]", FormInd: "[x + k]", FormMsh: "4*([k]&0xf)", FormMem: "M[k]", FormLen: "#len", FormJump: "to",
}

func line(i Insn, pc, n int) string {
	if !writable(i, pc, n) {
		return fmt.Sprintf(".insn %#x, %d, %d, %#x", i.Code, i.Jt, i.Jf, i.K)
	}
	r := i.Row()
	operand := strings.ReplaceAll(formText[r.Form], "k", number(r, i.K))
	if anc, ok := i.Anc(); ok && anc.String() != "" {
		operand = "#" + anc.String()
	}
	name, to := shown(i, pc)
	var words []string
	if r.Form != FormNone && r.Form != FormJump {
		words = append(words, operand)
	}
	for _, target := range to {
		words = append(words, fmt.Sprintf("L%d", target))
	}
	return strings.TrimSpace(name + " " + strings.Join(words, ", "))
}

// shown is the mnemonic, and the targets that are written: a conditional jump that goes on with the next instruction one
// way has one, of the other.
func shown(i Insn, pc int) (name string, to []int) {
	r, to := i.Row(), i.targets(pc)
	switch {
	case !r.Op.Cond() || i.Jt == i.Jf:
	case i.Jf == 0:
		return r.Name, to[:1]
	case i.Jt == 0 && inverse[r.Name] != "":
		return inverse[r.Name], to[1:]
	}
	return r.Name, to
}

// inverse are the mnemonics with one label, of jumps that are taken if the condition does not hold.
var inverse = map[string]string{"jeq": "jne", "jge": "jlt", "jgt": "jle"}

// number writes k: what is compared or used as bits in hex.
func number(r *Row, k uint32) string {
	bits := r.Op.Cond() || r.Op == OpAnd || r.Op == OpOr || r.Op == OpXor
	if k >= 1<<31 || bits {
		return fmt.Sprintf("%#x", k)
	}
	return fmt.Sprint(k)
}
