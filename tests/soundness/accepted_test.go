package soundness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// corpusFile is where an object is that tests/kernel/accepted.txt names by its last folder.
func corpusFile(t *testing.T, name string) string {
	for _, dir := range []string{"../corpus", "../corpus/lang"} {
		if path := filepath.Join(dir, name); fileExists(path) {
			return path
		}
	}
	t.Fatalf("%s is not in the corpus", name)
	return ""
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// draw fills memory with numbers that the program compares with, their neighbours, small ones and any.
func draw(rng *rand.Rand, numbers []int64) func(b []byte) {
	return func(b []byte) {
		size := []int{1, 4, 8}[rng.IntN(3)]
		for i := 0; i < len(b); i += size {
			v := rng.Uint64()
			switch rng.IntN(4) {
			case 0:
				v = uint64(numbers[rng.IntN(len(numbers))]) + uint64(rng.IntN(3)) - 1
			case 1:
				v = uint64(int64(rng.IntN(160) - 80))
			case 2:
				v = uint64(rng.IntN(8))
			}
			write(b[i:min(i+size, len(b))], v)
		}
	}
}

// numbersOf are the constants in a program.
func numbersOf(p *ir.Program) []int64 {
	list := []int64{0}
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				list = append(list, b.Insns[i].Imm)
			}
		}
	}
	return list
}

// Programs that Linux rejects and we accept run without a fault, whatever their input is. BPFC_RUNS says how often each.
func TestAcceptedRun(t *testing.T) {
	runs := 300
	if n, err := strconv.Atoi(os.Getenv("BPFC_RUNS")); err == nil {
		runs = n
	}
	set, err := abi.Merge(base.Set(), networking.Set(), tracing.Set())
	require.NoError(t, err)
	list, err := os.ReadFile("../kernel/accepted.txt")
	require.NoError(t, err)
	count := 0
	for line := range strings.Lines(string(list)) {
		field := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(field) < 2 {
			continue
		}
		count++
		t.Run(field[0]+" "+field[1], func(t *testing.T) { runAccepted(t, set, corpusFile(t, field[0]), field[1], runs) })
	}
	require.Greater(t, count, 10)
}

func runAccepted(t *testing.T, set *abi.Set, path, program string, runs int) {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	o, err := elf.Parse(filepath.Base(path), b, elf.Options{Config: elf.DefaultConfig()})
	require.NoError(t, err)
	for i := range o.Programs {
		if o.Programs[i].Name != program {
			continue
		}
		typ, ok := set.SectionType(o.Programs[i].Section)
		require.True(t, ok)
		p, lerr := ir.NewLifter(o, set).Lift(&o.Programs[i], typ)
		require.Nil(t, lerr)
		v, _, err := verifier.Analyse(p, set, verifier.Options{})
		require.NoError(t, err)
		passed, long := map[*ir.Insn]bool{}, 0
		for n := range runs {
			if err := runOnce(p, v, uint64(n), passed); errors.Is(err, errFuel) {
				long++
			} else {
				require.NoError(t, err, "run %d", n)
			}
		}
		missed := missing(p, v, passed)
		t.Logf("%d runs, %d of them too long; not passed: %v", runs, long, missed)
		require.LessOrEqual(t, len(missed), 1, "instructions that are not said to be dead and that no run passed")
		require.Less(t, long, runs/10)
		return
	}
	t.Fatalf("%s has no program %s", path, program)
}

// runOnce runs a program on an input that a number stands for.
func runOnce(p *ir.Program, v *verifier.Verified, n uint64, passed map[*ir.Insn]bool) error {
	m := &machine{p: p, typ: v.Type(), claims: newClaims(p, v), rng: rand.New(rand.NewPCG(n, 0xacce)), counters: map[uint64]*counter{}, fuel: 200_000, passed: passed}
	m.draw = draw(m.rng, numbersOf(p))
	m.begin(64 + m.rng.IntN(128))
	_, err := m.run()
	return err
}

// missing are the instructions that no run passed, though they are not said to be dead.
func missing(p *ir.Program, v *verifier.Verified, passed map[*ir.Insn]bool) (list []string) {
	for fi, f := range p.Funcs {
		facts := v.Func(fi)
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if in := &b.Insns[i]; !passed[in] && !facts.Insns[int(facts.Start[b.ID])+i].Dead {
					list = append(list, fmt.Sprintf("%d: %s", in.Pos, in))
				}
			}
		}
	}
	return list
}
