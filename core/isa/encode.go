package isa

// Encode is the inverse of Decode. It refuses what the encoding cannot hold or
// must not (registers above R10, wide immediates, operands in reserved fields,
// an lddw without its Pad); it does not check jump targets. An error is an *Error.
func Encode(insns []Insn) ([]byte, error) {
	b := make([]byte, 0, len(insns)*SlotSize)
	for i := 0; i < len(insns); i++ {
		if err := checkSlot(insns, i); err != nil {
			return nil, err
		}
		s, err := encodeInsn(insns[i], i)
		if err != nil {
			return nil, err
		}
		b = s.append(b)
		if insns[i].Slots() == 2 {
			b = slot{imm: int32(insns[i].Imm >> 32)}.append(b)
			i++
		}
	}
	return b, nil
}

// checkSlot refuses an element that cannot stand at index i: an opcode that
// does not exist, an lddw without its Pad, a Pad that follows no lddw.
func checkSlot(insns []Insn, i int) error {
	in := insns[i]
	switch {
	case in.Op == Pad:
		return fail(CodeSlot, i, "the second slot of an lddw stands alone")
	case in.Op == Invalid || in.Op >= numOps:
		return fail(CodeUnknownOpcode, i, "%v is no instruction", in.Op)
	case in.Slots() == 2 && (i+1 >= len(insns) || insns[i+1].Op != Pad):
		return fail(CodeSlot, i, "the second slot of the lddw is missing")
	case in.Slots() == 2 && insns[i+1] != Insn{Op: Pad}:
		return fail(CodeReserved, i+1, "the second slot of the lddw holds operands")
	}
	return nil
}

// encodeInsn encodes the first slot of the instruction at index i.
func encodeInsn(in Insn, i int) (slot, error) {
	r := in.Row()
	s, err := in.operands(r, i)
	if err != nil {
		return slot{}, err
	}
	if err := checkFields(r, s, i); err != nil {
		return slot{}, err
	}
	s.code = r.Code
	if r.SrcUse == Fixed {
		s.src = r.SrcVal
	}
	if r.OffUse == Fixed {
		s.off = r.OffVal
	}
	if r.ImmUse == Fixed {
		s.imm = r.ImmVal
	}
	return s, nil
}

// operands returns a slot that holds the operands of in alone, or refuses
// what does not fit there and what the table fixes.
func (in Insn) operands(r *Row, i int) (slot, error) {
	if in.Dst > R10 || in.Src > R10 {
		return slot{}, fail(CodeRegister, i, "register %d does not exist, the last one is r10", max(in.Dst, in.Src))
	}
	if r.SrcUse == Fixed && in.Src != 0 || r.OffUse == Fixed && in.Off != 0 || r.ImmUse == Fixed && in.Imm != 0 {
		return slot{}, fail(CodeReserved, i, "src, off or imm of %s is set, but tells its opcode", r.Name)
	}
	if r.Kind == KindLoadImm64 {
		if in.Imm>>32 != 0 && !upperImm(r.Sub) {
			return slot{}, fail(CodeReserved, i, "the upper half of imm must be zero for %s", r.Name)
		}
	} else if in.Imm != int64(int32(in.Imm)) {
		return slot{}, fail(CodeImmediate, i, "immediate %#x does not fit into 32 bits", in.Imm)
	}
	return slot{dst: uint8(in.Dst), src: uint8(in.Src), off: in.Off, imm: int32(in.Imm)}, nil
}
