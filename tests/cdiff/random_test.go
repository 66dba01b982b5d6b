package cdiff

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
)

// smokeSeeds are the files that an ordinary test generates. BPFC_CDIFF_N is another number, and BPFC_CDIFF_SEED the first.
const smokeSeeds = 2

func number(t testing.TB, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 0, 64)
	require.NoError(t, err, name)
	return n
}

// tally counts what was done.
type tally struct{ files, objects, runs, linked, clangRefused, refused int }

// TestRandomPrograms compares generated programs on every engine, each file in several flavours.
func TestRandomPrograms(t *testing.T) {
	tl := needTools(t)
	first, n := number(t, "BPFC_CDIFF_SEED", 1), number(t, "BPFC_CDIFF_N", smokeSeeds)
	perFile := 2
	if n > smokeSeeds {
		perFile = 4
	}
	var sum tally
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { randomFile(t, tl, seed, perFile, &sum) })
		if sum.files%50 == 0 {
			t.Logf("%+v", sum)
		}
	}
	t.Logf("%+v", sum)
	require.Greater(t, sum.objects, sum.refused+sum.clangRefused, "most programs are to be accepted")
}

func randomFile(t *testing.T, tl tools, seed uint64, perFile int, sum *tally) {
	source, programs := generate(seed)
	draw := rand.New(rand.NewPCG(seed, 0xf1a7))
	flags := []string{"-O1"}
	if seed%16 == 0 { // proves the generator: nothing undefined
		flags = append(flags, "-fsanitize=undefined", "-fno-sanitize-recover=all", "-fsanitize=address")
	}
	u := newUnit(t, tl, "random.c", source, programs, randomInputs(draw), flags...)
	sum.files++
	all := flavours("O1", "O2", "O3", "Os")
	for i := range perFile {
		f := all[draw.IntN(len(all))]
		o, err := u.clangFor(f)
		if err != nil {
			require.Contains(t, err.Error(), "stack limit", "%v", f)
			sum.clangRefused++
			continue
		}
		sum.objects++
		u.check(o, f, i == 0 && len(flags) == 1, sum)
	}
}

// check runs an object in every way. What is refused is counted, if it is for its stack.
func (u *unit) check(o *obj.Object, f flavour, link bool, sum *tally) {
	u.Helper()
	for _, e := range engines() {
		got, err := u.runHere(o, e)
		if err != nil {
			if !stackRefusal(err) {
				require.NoError(u, err, "%v, %s\n%s", f, e.name, u.keep())
			}
			sum.refused++
			return
		}
		u.same(got, f, e.name)
		sum.runs += len(got)
	}
	if !link || !native() {
		return
	}
	cpu := ""
	if f.debug {
		cpu = sdk.HostCPU()
	}
	got, err := u.runLinked(o, cpu)
	require.NoError(u, err)
	u.same(got, f, "linked")
	sum.linked += len(got)
}

// same fails the test if the lines are not those of native code.
func (u *unit) same(got []string, f flavour, engine string) {
	u.Helper()
	if difference := u.compare(got); difference != "" {
		require.Fail(u, difference, "%v, %s\n%s", f, engine, u.keep())
	}
}

// stackRefusal reports whether a program was refused for the depth of its stack, which clang does not bound.
func stackRefusal(err error) bool { return strings.Contains(err.Error(), "stack") }

// keep says where the source is: in BPFC_CDIFF_KEEP, if that is set.
func (u *unit) keep() string {
	dir := os.Getenv("BPFC_CDIFF_KEEP")
	if dir == "" {
		return "set BPFC_CDIFF_KEEP to a directory to keep the source"
	}
	b, err := os.ReadFile(u.source)
	require.NoError(u, err)
	name := dir + "/" + strings.ReplaceAll(u.Name(), "/", "_") + ".c"
	require.NoError(u, os.WriteFile(name, b, 0o600))
	return name
}

// randomInputs are memories of one size: random, of small numbers, all ones, zero.
func randomInputs(r *rand.Rand) [][]byte {
	inputs := make([][]byte, 4)
	for i := range inputs {
		inputs[i] = make([]byte, memSize)
		for j := range inputs[i] {
			switch i {
			case 0, 1:
				inputs[i][j] = byte(r.Uint32())
			case 2:
				inputs[i][j] = byte(r.IntN(4)) * byte(r.IntN(2)*0xff)
			}
		}
	}
	return inputs
}

// The same seed gives the same file, as a failure is told by its seed.
func TestGeneratorIsDeterministic(t *testing.T) {
	a, names := generate(7)
	b, _ := generate(7)
	require.Equal(t, a, b)
	require.Len(t, names, programsPer)
	c, _ := generate(8)
	require.NotEqual(t, a, c)
}

// A difference in one byte of memory is a difference.
func TestCompare(t *testing.T) {
	u := &unit{programs: []string{"a", "b"}, inputs: [][]byte{{1}, {2}}, want: []string{"0 1 01", "0 2 02", "0 3 01", "0 4 02"}}
	require.Empty(t, u.compare([]string{"0 1 01", "0 2 02", "0 3 01", "0 4 02"}))
	require.Contains(t, u.compare([]string{"0 1 01", "0 2 02", "0 3 01", "0 4 03"}), "program b on input 1 (02)")
}
