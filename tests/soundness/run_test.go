// Package soundness looks for programs that the verifier accepts though they are
// not safe, and for states that it did not foresee.
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
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
)

// newSet is what generated programs are verified against.
func newSet(t testing.TB) *abi.Set {
	set, err := abi.Merge(base.Set(), networking.Set())
	require.NoError(t, err)
	return set
}

// lift is the program of an object, as the verifier gets it.
func lift(set *abi.Set, o *obj.Object) (*ir.Program, error) {
	typ, ok := set.Type(o.Programs[0].Type)
	if !ok {
		return nil, fmt.Errorf("no type %s", o.Programs[0].Type)
	}
	p, err := ir.NewLifter(o, set).Lift(&o.Programs[0], typ)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// trial checks samples.
type trial struct {
	set                                   *abi.Set
	runs, contained                       int // per program
	every                                 int // states are compared in one of so many programs
	made, accepted, kept, asked, executed int
	long                                  int // runs that took too long
	codes                                 map[string]int
}

func newTrial(t testing.TB) *trial {
	return &trial{set: newSet(t), runs: 8, contained: 3, every: 1, codes: map[string]int{}}
}

// code is the code of a verdict.
func code(err error) string {
	var e *verifier.Error
	var l *ir.LiftError
	switch {
	case errors.As(err, &e):
		return string(e.Code)
	case errors.As(err, &l):
		return string(l.Code)
	}
	return "other"
}

// check verifies a sample and runs it if it is accepted. The error says what is unsound.
func (x *trial) check(s *sample, seed uint64) (accepted bool, err error) {
	p, err := lift(x.set, s.object())
	x.made++
	if err != nil {
		x.codes[code(err)]++
		return false, nil
	}
	v, _, err := verifier.Analyse(p, x.set, verifier.Options{Policy: verifier.Strict, Steps: maxSteps, Brief: true})
	if err != nil {
		x.codes[code(err)]++
		return false, nil
	}
	x.accepted++
	runs, every := x.runs, x.every > 0 && x.accepted%x.every == 0
	if !every {
		runs /= 2
	}
	var kept *verifier.Verified
	if every {
		kept = x.keep(p)
	}
	for i := range runs {
		m := newMachine(p, v, seed, i)
		if i < x.contained {
			m.v = kept
		}
		_, err := m.run()
		x.executed++
		x.asked += m.asked
		if errors.Is(err, errFuel) {
			x.long++
			continue
		}
		if err != nil {
			return true, fmt.Errorf("run %d: %w", i, err)
		}
	}
	return true, nil
}

// keep verifies a program again, with all states; nil if that takes too long.
func (x *trial) keep(p *ir.Program) *verifier.Verified {
	kept, _, err := verifier.Analyse(p, x.set, verifier.Options{Policy: verifier.Strict, Keep: true, Steps: maxSteps, Brief: true})
	if err != nil {
		return nil
	}
	x.kept++
	return kept
}

// newMachine makes the run of a program on input number i.
func newMachine(p *ir.Program, v *verifier.Verified, seed uint64, i int) *machine {
	m := &machine{p: p, typ: v.Type(), claims: newClaims(p, v), rng: rand.New(rand.NewPCG(seed, uint64(i))), counters: map[uint64]*counter{}, fuel: fuel}
	length := m.rng.IntN(72)
	if m.rng.IntN(16) == 0 {
		length = m.rng.IntN(1500)
	}
	m.begin(length)
	return m
}

// begin lays out what a program begins with: maps, static data, and a packet or memory of some length.
func (m *machine) begin(length int) {
	typ := m.typ
	m.add("nothing", 0, false) // so that small differences of addresses lead nowhere
	for _, spec := range m.p.Maps {
		m.maps = append(m.maps, m.newMap(spec))
	}
	for i := range m.p.Data {
		d := &m.p.Data[i]
		r := m.add(d.Name, len(d.Bytes), !d.ReadOnly)
		copy(r.bytes, d.Bytes)
		m.data = append(m.data, r)
	}
	f := m.push(0)
	if typ.Context.Kind == abi.CtxMemory {
		length = max(length, int(typ.Context.Size))
		f.put(ir.R1, 0)
		f.put(ir.R2, uint64(length))
		if length > 0 {
			m.memory = m.random(m.add("memory", length, true))
			f.put(ir.R1, m.memory.base)
		}
		return
	}
	m.packet = m.random(m.add("the packet", length, typ.Packet == abi.PacketReadWrite))
	m.ctx = m.random(m.add("the context", int(typ.Context.Size), true))
	f.put(ir.R1, m.ctx.base)
}

// listing is a sample as text.
func listing(s *sample) string {
	var b strings.Builder
	o := s.object()
	p := &o.Programs[0]
	fmt.Fprintf(&b, "type %s\n", p.Type)
	for i, in := range p.Insns {
		for _, f := range p.Funcs {
			if f.Slot == i {
				fmt.Fprintf(&b, "%s: global %v, %d parameters\n", f.Name, f.Global, len(f.Params))
			}
		}
		note := ""
		for _, r := range p.Refs {
			if r.Slot == i && r.Kind == obj.RefMap {
				note = "  ; map " + o.Maps[r.Index].Name
			} else if r.Slot == i {
				note = "  ; " + r.Name
			}
		}
		if in.Op != isa.Pad {
			fmt.Fprintf(&b, "%5d: %s%s\n", i, in, note)
		}
	}
	return b.String()
}

// shrink leaves out instructions as long as wrong stays true.
func shrink(s *sample, wrong func(*sample) bool) *sample {
	for again := true; again; {
		again = false
		for size := 16; size > 0; size /= 2 {
			for fn := 0; fn < len(s.funcs); fn++ {
				for at := 0; at+size < len(s.funcs[fn].items); at++ {
					if c := s.without(fn, at, size); c != nil && wrong(c) {
						s, again = c, true
						if fn >= len(s.funcs) {
							break
						}
						at--
					}
				}
			}
		}
	}
	return s
}

// report describes what is unsound about a sample, made as small as possible.
func (x *trial) report(s *sample, seed uint64) string {
	quiet := *x
	quiet.codes = map[string]int{}
	quiet.runs, quiet.every = 4*quiet.runs, 1
	bad := func(c *sample) bool { _, err := quiet.check(c, seed); return err != nil }
	if bad(s) {
		s = shrink(s, bad)
	}
	_, err := quiet.check(s, seed)
	return fmt.Sprintf("seed %d\n%v\n%s", seed, err, listing(s))
}

// TestSmoke checks a fixed number of generated programs.
func TestSmoke(t *testing.T) {
	x := newTrial(t)
	for seed := range uint64(800) {
		s := generate(seed)
		if _, err := x.check(s, seed); err != nil {
			t.Error(x.report(s, seed))
		}
	}
	t.Log(x.summary())
	require.Greater(t, x.accepted, x.made/5, "the generator writes programs that are mostly safe")
	require.Greater(t, x.asked, 10*x.accepted, "states are compared")
}

func (x *trial) summary() string {
	return fmt.Sprintf("%d programs, %d accepted (%d with all states kept), %d runs (%d too long), %d states compared; refused: %v", x.made, x.accepted, x.kept, x.executed, x.long, x.asked, x.codes)
}

// long is what BPFC_LONG says: a duration, or a number of accepted programs.
func long(t *testing.T) (limit time.Duration, count int) {
	text := os.Getenv("BPFC_LONG")
	if text == "" {
		t.Skip("set BPFC_LONG to a duration or a number of programs")
	}
	limit, err := time.ParseDuration(text)
	if err == nil {
		return limit, 1 << 60
	}
	count, err = strconv.Atoi(text)
	require.NoError(t, err)
	return 1000 * time.Hour, count
}

// TestLong runs as BPFC_LONG says. What is found goes to files in BPFC_FINDINGS.
func TestLong(t *testing.T) {
	limit, count := long(t)
	first, _ := strconv.ParseUint(os.Getenv("BPFC_SEED"), 10, 64)
	x, dir := newTrial(t), os.Getenv("BPFC_FINDINGS")
	x.every = 4
	found := 0
	last := time.Now()
	for seed, start := first, time.Now(); time.Since(start) < limit && x.accepted < count; seed++ {
		s := generate(seed)
		if _, err := x.check(s, seed); err != nil {
			text := x.report(s, seed)
			t.Error(text)
			if found++; dir != "" && found < 200 {
				require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", seed)), []byte(text), 0o644))
			}
		}
		if time.Since(last) > 30*time.Second && dir != "" {
			last = time.Now()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "progress"), []byte(fmt.Sprintf("seed %d, %d found; %s\n", seed, found, x.summary())), 0o644))
		}
	}
	t.Log(x.summary())
}

// maxSteps bounds the analysis of one generated program: most take some hundreds of steps.
const maxSteps = 20_000

// TestSeed reports on one generated program, that of BPFC_SEED.
func TestSeed(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("BPFC_SEED"), 10, 64)
	if err != nil {
		t.Skip("set BPFC_SEED to the number of a program")
	}
	x, s := newTrial(t), generate(seed)
	t.Log(listing(s))
	x.runs *= 4
	if _, err := x.check(s, seed); err != nil {
		t.Error(x.report(s, seed))
	}
	t.Log(x.summary())
}
