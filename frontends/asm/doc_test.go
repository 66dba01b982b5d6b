package asm

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
)

var update = flag.Bool("update", false, "rewrite the table in docs/ASSEMBLY.md")

const (
	docFile  = "../../docs/ASSEMBLY.md"
	docBegin = "<!-- table -->\n"
	docEnd   = "<!-- end of table -->\n"
)

// signs makes forms readable, with the signs that numbers bring along.
var signs = strings.NewReplacer(" $off(", " off(", " $off", " + off", "$src$off", "src+off", "$dst$off", "dst+off", " $disp", " + disp",
	"$rel", "+rel", "$hi", "+hi", "$", "", "|", "\\|")

// docTable writes the table of all instructions from the forms.
func docTable() string {
	var b strings.Builder
	b.WriteString("| opcode | kernel | ubpf | 2014 |\n|---|---|---|---|\n")
	for op := isa.Pad + 1; int(op) < isa.NumOps; op++ {
		fmt.Fprintf(&b, "| %v |", op)
		for _, d := range Dialects() {
			var forms []string
			for _, p := range syntaxes[d]().print[op] {
				if !p.hinted {
					text := signs.Replace(p.text)
					forms = append(forms, "`"+text+"`")
				}
			}
			b.WriteString(" " + strings.Join(forms, "<br>") + " |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestDocumentation: the table in docs/ASSEMBLY.md is the one that the assembler reads.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile(docFile)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(doc), docBegin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, docEnd)
	require.True(t, ok)
	want := before + docBegin + docTable() + docEnd + after
	if *update {
		require.NoError(t, os.WriteFile(docFile, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(doc), "run go test ./frontends/asm -run Documentation -update")
}
