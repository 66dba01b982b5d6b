package cdiff

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inputsPer is the number of inputs of a written program: its own, then changed ones.
const inputsPer = 24

// TestWrittenPrograms runs the programs of the directory on their inputs and on
// changed ones. An ordinary test takes one flavour for each file, BPFC_CDIFF_N any
// number of them.
func TestWrittenPrograms(t *testing.T) {
	tl := needTools(t)
	files, err := filepath.Glob("programs/*.c")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := flavours("O0", "O1", "O2", "O3", "Os")
	n := min(int(number(t, "BPFC_CDIFF_N", 1)), len(all))
	var sum tally
	for i, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".c"), func(t *testing.T) {
			u := writtenUnit(t, tl, path, n > 1)
			for k := range n {
				f := all[(i*7+k)%len(all)]
				o, err := u.clangFor(f)
				if err != nil && f.level == "O0" { // without optimisation, the stack is too small for some
					require.Contains(t, err.Error(), "stack limit")
					sum.clangRefused++
					continue
				}
				require.NoError(t, err)
				refused := sum.refused
				u.check(o, f, n > 1 || i%8 == 0, &sum)
				require.True(t, sum.refused == refused || f.level == "O0")
				sum.objects++
			}
		})
	}
	require.Greater(t, sum.objects, 10*(sum.refused+sum.clangRefused))
	t.Logf("%+v", sum)
}

var programName = regexp.MustCompile(`(?m)^PROGRAM\((\w+)\)`)

// writtenUnit reads a file of programs. With sanitize, the native code is checked for what C does not define.
func writtenUnit(t *testing.T, tl tools, path string, sanitize bool) *unit {
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	var programs []string
	for _, m := range programName.FindAllSubmatch(source, -1) {
		programs = append(programs, string(m[1]))
	}
	require.NotEmpty(t, programs)
	inputs := changed(declaredInputs(t, source), rand.New(rand.NewPCG(uint64(len(source)), 0x1d)))
	flags := []string{"-O1"}
	if sanitize {
		flags = append(flags, "-fsanitize=undefined", "-fno-sanitize=alignment", "-fno-sanitize-recover=all", "-fsanitize=address")
	}
	u := newUnit(t, tl, filepath.Base(path), string(source), programs, inputs, flags...)
	if sanitize { // the object is linked with code that has no sanitizer
		plain := newUnit(t, tl, filepath.Base(path), string(source), programs, inputs, "-O2")
		require.Empty(t, plain.compare(u.want))
		return plain
	}
	return u
}

// declaredInputs are the lines `// in: "…"` of a file, quoted as in Go.
func declaredInputs(t *testing.T, source []byte) (all [][]byte) {
	for line := range bytes.Lines(source) {
		if quoted, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "// in: "); ok {
			in, err := strconv.Unquote(quoted)
			require.NoError(t, err, quoted)
			all = append(all, []byte(in))
		}
	}
	require.NotEmpty(t, all)
	return all
}

// changed adds inputs made of those given: with bytes replaced, cut, grown, doubled, and random ones.
func changed(given [][]byte, r *rand.Rand) [][]byte {
	all := given
	for len(all) < inputsPer {
		in := bytes.Clone(given[r.IntN(len(given))])
		switch r.IntN(6) {
		case 0:
			in = in[:r.IntN(len(in)+1)]
		case 1:
			in = append(in, in...)
		case 2:
			in = append(in, randomBytes(r, r.IntN(40))...)
		case 3:
			in = randomBytes(r, r.IntN(300))
		}
		for range r.IntN(4) {
			if len(in) > 0 {
				in[r.IntN(len(in))] ^= byte(1 << r.IntN(8))
			}
		}
		all = append(all, in)
	}
	return all
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
