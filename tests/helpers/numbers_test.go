package helpers

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/tests/kernel"
)

// draws is how many scripts are drawn in each test: a second or two.
const draws = 200

// compiledEach says which of them run as programs on our back ends, too.
const compiledEach = 4

// drawn is numbers that do not change from run to run.
func drawn() *rand.Rand { return rand.New(rand.NewPCG(2026, 11)) }

// pick is one of the values.
func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func TestNumbersAreTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	parts := []string{"", " ", "\t\n", "\xa0", "-", "+", "0", "0x", "0X", "00", "7", "8", "9", "12345", "f", "Ab", "g", "\x00", ".",
		"18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808", "ffffffffffffffff", "10000000000000000",
		"1777777777777777777777", strings.Repeat("0", 60), strings.Repeat("0", 64)}
	for i := range draws {
		text := ""
		for range 1 + r.IntN(4) {
			text += pick(r, parts...)
		}
		if text == "" {
			text = "-"
		}
		buf := append([]byte("\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"), text...)
		s := script{data: buf, steps: []step{{
			helper: pick(r, "bpf_strtol", "bpf_strtoul"),
			args:   all(data(8), num(int64(len(text))), num(pick[int64](r, 0, 0, 8, 10, 10, 16, 16, 2, 32, 1<<32)), data(0)),
		}}}
		s.alsoCompiled = i%compiledEach == 0
		require.True(t, s.compare(t, o, set), "the verifier refuses\n%s", &s)
	}
}

func TestStrncmpIsTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	for i := range draws {
		word := func() string {
			b := make([]byte, r.IntN(5))
			for i := range b {
				b[i] = pick[byte](r, 'a', 'b', 0x7f, 0x80, 0xff)
			}
			return string(b)
		}
		text := word() + pick(r, "", "\x00", "\x00x")
		if text == "" {
			text = "a"
		}
		s := script{data: []byte(text), strings: []string{word()}, steps: []step{{
			helper: "bpf_strncmp", args: all(data(0), num(int64(1+r.IntN(len(text)))), constant(0)),
		}}}
		s.alsoCompiled = i%compiledEach == 0
		require.True(t, s.compare(t, o, set), "the verifier refuses\n%s", &s)
	}
}
