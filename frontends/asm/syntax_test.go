package asm

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/isa"
)

// drawInsn draws any instruction of a row that can be encoded.
func drawInsn(t *rapid.T, r *isa.Row) isa.Insn {
	in := isa.Insn{Op: r.Op}
	reg := rapid.IntRange(0, 10)
	if r.DstUse == isa.Operand {
		in.Dst = isa.Reg(reg.Draw(t, "dst"))
	}
	if r.SrcUse == isa.Operand {
		in.Src = isa.Reg(reg.Draw(t, "src"))
	}
	if r.OffUse == isa.Operand {
		in.Off = rapid.Int16().Draw(t, "off")
	}
	if r.ImmUse == isa.Operand {
		in.Imm = int64(rapid.Int32().Draw(t, "imm"))
	}
	if r.Kind == isa.KindLoadImm64 {
		high := int64(0)
		switch r.Sub {
		case isa.SubImm64, isa.SubMapValueFD, isa.SubVar, isa.SubMapIdx + 1:
			high = int64(rapid.Int32().Draw(t, "high"))
		}
		in.Imm = high<<32 | int64(uint32(in.Imm))
	}
	return in
}

// readLine reads one instruction.
func readLine(t require.TestingT, d Dialect, line string) isa.Insn {
	tokens, f := lex(line, nil)
	require.Nil(t, f, "%s", line)
	m, f := syntaxes[d]().read(tokens, -1)
	require.Nil(t, f, "%s: %+v", line, f)
	return m.insn()
}

// eachRow calls f with an instruction of every row, many times.
func eachRow(t *testing.T, f func(t *rapid.T, in isa.Insn)) {
	rapid.Check(t, func(t *rapid.T) {
		for op := isa.Pad + 1; int(op) < isa.NumOps; op++ {
			f(t, drawInsn(t, &isa.Table[op]))
		}
	})
}

// TestEveryRowPrintsAndParses: what is printed is read back as the same instruction, in every dialect.
func TestEveryRowPrintsAndParses(t *testing.T) {
	for _, d := range Dialects() {
		s := syntaxes[d]()
		eachRow(t, func(t *rapid.T, in isa.Insn) {
			text, err := s.write(in, symbolic{})
			require.NoError(t, err)
			require.Equal(t, in, readLine(t, d, text), "%s: %s", d, text)
		})
	}
}

// TestKernelFormsAgreeWithIsa: the printer of core/isa and this one write the same.
func TestKernelFormsAgreeWithIsa(t *testing.T) {
	s := syntaxes[Kernel]()
	eachRow(t, func(t *rapid.T, in isa.Insn) {
		text, err := s.write(in, symbolic{})
		require.NoError(t, err)
		require.Equal(t, in.String(), text)
	})
}

// TestAllFormsAreReadAsTheirOpcode prints instructions in every form, aliases included.
func TestAllFormsAreReadAsTheirOpcode(t *testing.T) {
	for _, d := range Dialects() {
		s := syntaxes[d]()
		for op := isa.Pad + 1; int(op) < isa.NumOps; op++ {
			for _, p := range s.print[op] {
				if p.use != useNone && p.use != useJump || p.hinted {
					continue
				}
				in := isa.Insn{Op: op}
				text := s.fill(p, in, symbolic{})
				require.Equal(t, op, readLine(t, d, text).Op, "%s: %s", d, text)
			}
		}
	}
}

// TestDialectsAgree: a line that two dialects can read is the same instruction in both.
func TestDialectsAgree(t *testing.T) {
	for _, d := range Dialects() {
		for _, patterns := range syntaxes[d]().print {
			for _, p := range patterns {
				if p.use != useNone && p.use != useJump || p.hinted {
					continue
				}
				in := isa.Insn{Op: p.op}
				text := syntaxes[d]().fill(p, in, symbolic{})
				tokens, f := lex(text, nil)
				require.Nil(t, f)
				for _, other := range Dialects() {
					if m, f := syntaxes[other]().read(tokens, -1); f == nil {
						require.Equal(t, in, m.insn(), "%s: %s", other, text)
					}
				}
			}
		}
	}
}
