package asm

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
)

// TestConformanceSources assembles every source of the conformance suite, whose
// directory is in BPFC_CONFORMANCE, and compares with the suite's own bytes.
func TestConformanceSources(t *testing.T) {
	dir := os.Getenv("BPFC_CONFORMANCE")
	if dir == "" {
		t.Skip("BPFC_CONFORMANCE is not set")
	}
	text, err := os.ReadFile(filepath.Join(dir, "programs.json"))
	require.NoError(t, err)
	var programs []struct{ Name, Prog string }
	require.NoError(t, json.Unmarshal(text, &programs))
	require.NotEmpty(t, programs)
	for _, p := range programs {
		src, err := os.ReadFile(filepath.Join(dir, "tests", p.Name+".data"))
		require.NoError(t, err)
		for _, d := range []Dialect{UBPF, Auto} {
			o, err := Parse(p.Name, []byte(asmSection(string(src))), Options{Dialect: d})
			require.NoError(t, err, p.Name)
			b, err := isa.Encode(o.Programs[0].Insns)
			require.NoError(t, err, p.Name)
			require.Equal(t, p.Prog, hex.EncodeToString(b), p.Name)
			for _, to := range Dialects() {
				text, err := Print(o, to)
				require.NoError(t, err, p.Name)
				back, err := Parse(p.Name, []byte(text), Options{Dialect: to})
				require.NoError(t, err, "%s\n%s", p.Name, text)
				require.Equal(t, o.Programs[0].Insns, back.Programs[0].Insns, "%s\n%s", p.Name, text)
				require.Equal(t, o.Programs[0].Refs, back.Programs[0].Refs)
				require.Equal(t, o.Programs[0].Funcs, back.Programs[0].Funcs)
			}
		}
	}
}

// asmSection returns the lines between "-- asm" and the next heading.
func asmSection(src string) string {
	_, src, _ = strings.Cut(src, "-- asm\n")
	src, _, _ = strings.Cut(src, "\n-- ")
	return src
}
