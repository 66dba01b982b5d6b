package asm

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLLVM compares with a second opinion: llvm-mc disassembles random
// instructions of every form and assembles its own text again, which has to
// give the same bytes. So each encoding means what x86asm also says, and none
// is longer than what LLVM would write. Without llvm-mc it is skipped.
func TestLLVM(t *testing.T) {
	mc := lookLLVM(t)
	var insns [][]byte
	for _, f := range forms() {
		if f.name == "CallSym" || f.name == "JmpSym" {
			continue // LLVM is free to choose the size of their fields
		}
		g := rapid.Custom(func(t *rapid.T) []byte {
			var a Assembler
			f.draw(gen{t}, &a)
			require.NoError(t, a.Finish())
			return append([]byte{}, a.Bytes()...)
		})
		for seed := range 60 {
			insns = append(insns, g.Example(seed))
		}
	}
	var in strings.Builder
	for _, b := range insns {
		for _, c := range b {
			in.WriteString("0x" + hex.EncodeToString([]byte{c}) + " ")
		}
		in.WriteByte('\n')
	}
	text := run(t, mc, in.String(), "--disassemble")
	again := encodings(run(t, mc, text, "--assemble", "--show-encoding"))
	require.Len(t, again, len(insns), "as many instructions as were written")
	for i, b := range insns {
		require.Equal(t, hex.EncodeToString(b), again[i], "instruction %d", i)
	}
}

func lookLLVM(t *testing.T) string {
	for _, name := range []string{"llvm-mc", "llvm-mc-19", "llvm-mc-20", "llvm-mc-21"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("llvm-mc is not installed")
	return ""
}

func run(t *testing.T, mc, in string, args ...string) string {
	cmd := exec.Command(mc, append(args, "-triple=x86_64", "-mattr=+bmi,+bmi2,+movbe,+lzcnt,+popcnt")...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(in), &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	require.Empty(t, errs.String())
	return string(out)
}

var encoding = regexp.MustCompile(`encoding: \[([^\]]*)\]`)

// encodings returns the bytes of each instruction in hex; a lock prefix, which
// llvm-mc puts on a line of its own, belongs to the next.
func encodings(listing string) (all []string) {
	prefix := ""
	for _, m := range encoding.FindAllStringSubmatch(listing, -1) {
		h := strings.NewReplacer("0x", "", ",", "").Replace(m[1])
		if h == "f0" {
			prefix = h
			continue
		}
		all = append(all, prefix+h)
		prefix = ""
	}
	return all
}
