package elf

import (
	"os"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

// BenchmarkParse reads an example object, and one of a million instructions without BTF.
func BenchmarkParse(b *testing.B) {
	small, err := os.ReadFile(examples + "/httpline/httpline.o")
	require.NoError(b, err)
	insns := make([]isa.Insn, maxInsns)
	for i := range insns {
		insns[i] = isa.Mov64Imm(isa.R0, 1)
	}
	large := image{[]part{code(b, "xdp", insns...)}, []sym{function("a", 0, maxInsns)}}.bytes()
	for _, c := range []struct {
		name   string
		object []byte
	}{{"httpline", small}, {"million", large}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.name, c.object, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
