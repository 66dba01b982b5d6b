package isa

// Target returns the slot that the instruction at slot at refers to as code:
// the target of a jump, branch or local call, or the function whose address an
// lddw takes. It is false for all other instructions. The slot may be outside the program.
func (i Insn) Target(at int) (int, bool) {
	switch r := i.Row(); r.Kind {
	case KindJump:
		if r.Width == 32 {
			return at + 1 + int(i.Imm), true
		}
		return at + 1 + int(i.Off), true
	case KindBranch, KindMayGoto:
		return at + 1 + int(i.Off), true
	case KindCallLocal:
		return at + 1 + int(i.Imm), true
	case KindLoadImm64:
		if r.Sub == SubFunc {
			return at + 1 + int(int32(i.Imm)), true
		}
	}
	return 0, false
}

// Check enforces the rules that concern a program as a whole: it is not empty,
// its registers exist, its slots are in order, and every jump, local call and function address leads
// to the first slot of an instruction of the program. It reports the first
// breach by slot; an error is an *Error.
func Check(insns []Insn) error {
	if len(insns) == 0 {
		return fail(CodeEmpty, 0, "the program is empty")
	}
	for i := 0; i < len(insns); i++ {
		if insns[i].Dst > R10 || insns[i].Src > R10 {
			return fail(CodeRegister, i, "there is no register r%d", max(insns[i].Dst, insns[i].Src))
		}
		if op := insns[i].Op; op > Pad && op < numOps && Table[op].Kind <= lastPlainKind && Table[op].Kind != KindLoadImm64 {
			continue
		}
		if err := checkSlot(insns, i); err != nil {
			return err
		}
		if err := checkTarget(insns, i); err != nil {
			return err
		}
		i += insns[i].Slots() - 1
	}
	return nil
}

// lastPlainKind is the last Kind before those that lead somewhere else: up to it, only lddw has more to check than that it exists.
const lastPlainKind = KindLoadInd

// checkTarget refuses a target outside the program or within an lddw.
func checkTarget(insns []Insn, i int) error {
	t, ok := insns[i].Target(i)
	if !ok {
		return nil
	}
	outside, within, what := CodeJumpRange, CodeJumpIntoLddw, "jump"
	switch insns[i].Row().Kind {
	case KindCallLocal:
		outside, within, what = CodeCallRange, CodeCallRange, "call"
	case KindLoadImm64:
		outside, within, what = CodeFuncRange, CodeFuncRange, "function address"
	}
	if t < 0 || t >= len(insns) {
		return fail(outside, i, "%s to instruction %d leaves the program, which has 0 to %d", what, t, len(insns)-1)
	}
	if insns[t].Op == Pad {
		return fail(within, i, "%s to instruction %d, the second slot of an lddw", what, t)
	}
	return nil
}
