// Package trial tries helper sets out: it checks what a set says of itself, verifies the bodies of its helpers, and calls
// each helper with arguments that its prototype allows, drawn at random from a seed. A host does the first two before it
// uses a set; `bpfc plugin check` and sdktest.TestHelpers do all three.
package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Describe says what is wrong with a set before anything of it runs: see abi.Check. Bodies have to verify, native code
// has to be for this machine.
func Describe(s *abi.Set) error {
	if err := abi.Check(s); err != nil {
		return err
	}
	for i := range s.Helpers {
		h := &s.Helpers[i]
		if err := describeHelper(s, h); err != nil {
			return fmt.Errorf("helper set %s: helper %s: %w", s.Name, h.Name, err)
		}
	}
	return nil
}

func describeHelper(s *abi.Set, h *abi.Helper) error {
	switch h.Impl {
	case abi.ImplNative:
		return checkNative(h)
	case abi.ImplBody:
		return verifyBody(s, h)
	}
	return nil
}

// bodyRounds is with how many sets of arguments a body is verified: with and without null, short and long memory.
const bodyRounds = 4

// verifyBody verifies programs that call the helper. One that cannot be made up, or whose body calls a helper of
// another set, is verified where it is used.
func verifyBody(s *abi.Set, h *abi.Helper) error {
	if foreign(s, h) {
		return nil
	}
	draw := rand.New(rand.NewPCG(1, 1))
	for round := range bodyRounds {
		p, err := newProgram(s, h, round, draw)
		if err != nil {
			return nil
		}
		reports, err := core.Verify(p.object, p.set, p.options())
		if err != nil {
			return err
		}
		if err := reports[0].Err; err != nil {
			return fmt.Errorf("its body does not verify: %w", err)
		}
	}
	return nil
}

// foreign reports whether a helper's body calls what the set does not declare: another set may.
func foreign(s *abi.Set, h *abi.Helper) bool {
	insns, err := isa.Decode(h.Body)
	return err == nil && slices.ContainsFunc(insns, func(in isa.Insn) bool {
		return in.Op == isa.Call && s.HelperByID(uint32(in.Imm)) == nil
	})
}

// Result is what came of calling one helper.
type Result struct {
	Helper string
	// Calls is how many calls gave what the prototype allows.
	Calls int
	// Skipped says why none was made, "" if some were.
	Skipped string
	// Err is what was wrong with the call after these.
	Err error
}

// Calls calls every helper of a set, rounds times each, from programs that run on a back end. The set is used together
// with others, which may be those that its types and bodies rely on. open are the implementations.
func Calls(ctx context.Context, s *abi.Set, others []*abi.Set, b codegen.Backend, open []codegen.Open, rounds int, seed uint64) ([]Result, error) {
	merged, err := abi.Merge(append([]*abi.Set{s}, others...)...)
	if err != nil {
		return nil, err
	}
	var out []Result
	for i := range s.Helpers {
		t := trial{ctx: ctx, set: merged, helper: &s.Helpers[i], backend: b, open: open}
		out = append(out, t.run(rounds, rand.New(rand.NewPCG(seed, uint64(i)))))
	}
	return out, ctx.Err()
}

// trial calls one helper.
type trial struct {
	ctx     context.Context
	set     *abi.Set
	helper  *abi.Helper
	backend codegen.Backend
	open    []codegen.Open
}

func (t *trial) run(rounds int, draw *rand.Rand) Result {
	r := Result{Helper: t.helper.Name}
	if t.helper.Impl == abi.ImplNone {
		r.Skipped = "it is declared alone"
		return r
	}
	for round := range rounds {
		p, err := newProgram(t.set, t.helper, round, draw)
		if err != nil {
			r.Skipped = err.Error()
			return r
		}
		if r.Err = t.call(p); r.Err != nil {
			return r
		}
		r.Calls++
	}
	return r
}

// call runs one program.
func (t *trial) call(p *program) error {
	a, err := core.Compile(t.ctx, p.object, p.set, t.backend, p.options())
	if err != nil {
		return err
	}
	runner, ok := t.backend.(codegen.Runner)
	if !ok {
		return &codegen.UnsupportedError{What: "running programs with back end " + t.backend.Target().Name, Msg: "it only compiles"}
	}
	session, err := runner.Open(t.ctx, codegen.Spec{CPUs: 1, Set: p.set, Sets: t.open})
	if err != nil {
		return err
	}
	return errors.Join(t.runIn(session, a), session.Close())
}

func (t *trial) runIn(s codegen.Session, a *codegen.Artifact) error {
	ids, err := s.Load(t.ctx, a)
	if err != nil {
		return err
	}
	res, err := s.Run(t.ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{}}, Repeat: 1})
	if err != nil {
		return err
	}
	if r := &res.Results[0]; r.Fault != nil {
		return r.Fault
	} else if bounds := t.helper.Returns; bounds.Bounded() && (int64(r.Ret) < bounds.Min || int64(r.Ret) > bounds.Max) {
		return fmt.Errorf("it returned %d, its prototype promises %d to %d", int64(r.Ret), bounds.Min, bounds.Max)
	}
	return nil
}

// program calls one helper once and returns what it has returned.
type program struct {
	object *obj.Object
	set    *abi.Set
	typ    string
}

func (p *program) options() core.Options { return core.Options{Type: p.typ} }

// typeFor is a program type that may call the helper: one of the set if it needs a context, else one without any. Its
// programs may return anything.
func typeFor(s *abi.Set, h *abi.Helper) (abi.ProgType, bool) {
	if !slices.Contains(h.Args[:], abi.ArgCtx) && !slices.Contains(h.Args[:], abi.ArgCtxOrNull) {
		return abi.ProgType{Name: "trial", Helpers: []string{"*"}}, true
	}
	for _, t := range s.Types {
		if t.Context.Kind == abi.CtxStruct && t.Unsupported == "" && t.MayCall(h) && s.HelperFor(&t, h.ID) == s.HelperByID(h.ID) {
			t.Returns = abi.Range{}
			return t, true
		}
	}
	return abi.ProgType{}, false
}

// withType is the set with the type in it, in the place of one of its name.
func withType(s *abi.Set, t abi.ProgType) *abi.Set {
	out := *s
	out.Types = slices.DeleteFunc(slices.Clone(s.Types), func(old abi.ProgType) bool { return old.Name == t.Name })
	out.Types = append(out.Types, t)
	return &out
}
