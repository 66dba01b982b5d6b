// Package core is the compiler: the whole pipeline, from an object to an artifact.
package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/opt"
	"github.com/bpfc/bpfc/core/verifier"
)

// Options of a compile. The zero value compiles all programs of an object under policy strict.
type Options struct {
	Policy verifier.Policy
	// Opt is the optimisation level.
	Opt int
	// CPU is the level to generate code for, "" for the target's lowest.
	CPU string
	// Features are what the back end is to do on demand: see codegen.Options.
	Features []string
	// Object asks for C entries, for an object file.
	Object bool
	// Programs are the names of those wanted; empty means all that are not off by default.
	Programs []string
	// Type is the program type of all, "" to take each one's own.
	Type string
	// NoLeaks adds the rules for programs of users without privileges.
	NoLeaks bool
	// Log, if set, gets a line for every step of the verifier.
	Log func(line string)
	// Stop, if set, is asked now and then by the verifier, which ends with CodeStopped when it returns true.
	Stop func() bool
	// Passes asks Verify for what the passes would do with the programs that are accepted.
	Passes bool
	// Plain leaves out the passes that are optimisations: a trace then shows the registers of the BPF program.
	Plain bool
	// Dump, if set, sees each program after the stage or pass named.
	Dump func(stage string, p *ir.Program)
}

// ProgramReport is the outcome of verifying one program.
type ProgramReport struct {
	Name, Section, Type string
	Err                 *verifier.Error // nil if it was accepted
	Guards, Polls       int             // left in the lowered program
	Accesses            int             // of memory, by instructions that a path reaches: Guards of them are not proved
	Unproved            []verifier.Unproved
	Insns               int       // BPF slots
	Passes              opt.Stats // if it was asked for, and the program can be lowered in this version
	Time                time.Duration
	Stats               verifier.Stats
}

// Compile takes an object through the whole house: lift, verify, lower, and one call of the back end.
// Errors are *verifier.Error, *codegen.UnsupportedError or the back end's own.
func Compile(ctx context.Context, o *obj.Object, set *abi.Set, b codegen.Backend, opts Options) (*codegen.Artifact, error) {
	if opts.Stop == nil {
		opts.Stop = func() bool { return ctx.Err() != nil }
	}
	u, err := Lower(o, set, opts)
	var e *verifier.Error
	if errors.As(err, &e) && e.Code == verifier.CodeStopped && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	t := b.Target()
	for _, f := range opts.Features {
		if !slices.Contains(t.Features, f) {
			return nil, &codegen.UnsupportedError{What: fmt.Sprintf("feature %q", f), Msg: fmt.Sprintf("back end %s has %v", t.Name, t.Features)}
		}
	}
	return b.Compile(ctx, u, codegen.Options{Opt: opts.Opt, CPU: opts.CPU, Object: opts.Object, Features: opts.Features})
}

// Lower makes the unit that a back end compiles. The first program that is not accepted is the error.
func Lower(o *obj.Object, set *abi.Set, opts Options) (*codegen.Unit, error) {
	programs, err := wanted(o, opts.Programs)
	if err != nil {
		return nil, err
	}
	l := ir.NewLifter(o, set)
	verified := make([]*verifier.Verified, 0, len(programs))
	for _, p := range programs {
		v, _, err := verify(l, o, p, set, opts)
		if err != nil {
			return nil, err
		}
		verified = append(verified, v)
	}
	return opt.Run(o, verified, l.Helpers(), opt.Options{Level: opts.Opt, Plain: opts.Plain, Object: opts.Object, Dump: opts.Dump})
}

// Verify reports on every wanted program.
func Verify(o *obj.Object, set *abi.Set, opts Options) ([]ProgramReport, error) {
	programs, err := wanted(o, opts.Programs)
	if err != nil {
		return nil, err
	}
	reports := make([]ProgramReport, len(programs))
	for i, p := range programs {
		if reports[i], err = report(o, p, set, opts); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// report verifies one program.
func report(o *obj.Object, p *obj.Program, set *abi.Set, opts Options) (ProgramReport, error) {
	r := ProgramReport{Name: p.Name, Section: p.Section, Insns: len(p.Insns)}
	if t, err := typeOf(p, set, opts.Type); err == nil {
		r.Type = t.Name
	}
	if opts.Log != nil {
		opts.Log(fmt.Sprintf("program %s, type %s, %d insns:", p.Name, r.Type, len(p.Insns)))
	}
	start := time.Now()
	l := ir.NewLifter(o, set)
	v, stats, err := verify(l, o, p, set, opts)
	r.Stats, r.Time = stats, time.Since(start)
	if err != nil {
		if !errors.As(err, &r.Err) {
			return r, err
		}
		return r, nil
	}
	r.Guards, r.Polls = v.Guards(), v.Polls()
	r.Accesses, r.Unproved = v.Accesses(), v.Unproved()
	if opts.Passes {
		var unsupported *codegen.UnsupportedError
		if _, err := opt.Run(o, []*verifier.Verified{v}, l.Helpers(), opt.Options{Stats: &r.Passes}); err != nil && !errors.As(err, &unsupported) {
			return r, err
		}
	}
	return r, nil
}

// verify lifts and verifies one program.
func verify(l *ir.Lifter, o *obj.Object, p *obj.Program, set *abi.Set, opts Options) (*verifier.Verified, verifier.Stats, error) {
	t, err := typeOf(p, set, opts.Type)
	if err != nil {
		err.File = o.Name
		return nil, verifier.Stats{}, err
	}
	lifted, liftErr := l.Lift(p, t)
	if liftErr != nil {
		return nil, verifier.Stats{}, fromLift(o, p, liftErr)
	}
	if opts.Dump != nil {
		opts.Dump("lift", lifted)
	}
	v, stats, verr := verifier.Analyse(lifted, set, verifier.Options{Policy: opts.Policy, NoLeaks: opts.NoLeaks, Log: opts.Log, Stop: opts.Stop})
	var e *verifier.Error
	if errors.As(verr, &e) {
		e.File = o.Name
	}
	return v, stats, verr
}

// typeOf finds the type of a program: the one asked for, its own, or its section's.
func typeOf(p *obj.Program, set *abi.Set, asked string) (abi.ProgType, *verifier.Error) {
	name := asked
	if name == "" {
		name = p.Type
	}
	t, ok := set.Type(name)
	what := fmt.Sprintf("program type %q is not declared by any helper set", name)
	if name == "" {
		t, ok = set.SectionType(p.Section)
		what = fmt.Sprintf("section %q names no program type of any helper set", p.Section)
		if p.Section == "" {
			what = "the input does not say of which type the program is"
		}
	}
	if ok {
		return t, nil
	}
	return t, &verifier.Error{Code: verifier.CodeType, Verdict: verifier.Unsupported, Program: p.Name, Slot: -1,
		Msg: fmt.Sprintf("%s (sets: %s)", what, set.Name), Hint: "name it with --type, one of: " + strings.Join(typeNames(set), ", ")}
}

// typeNames are the program types that the set declares; those on memory may carry a size.
func typeNames(set *abi.Set) (names []string) {
	for i := range set.Types {
		name := set.Types[i].Name
		if set.Types[i].Context.Kind == abi.CtxMemory {
			name += "/N"
		}
		names = append(names, name)
	}
	return names
}

// fromLift gives a LiftError the form of the verifier's errors.
func fromLift(o *obj.Object, p *obj.Program, err error) error {
	var l *ir.LiftError
	if !errors.As(err, &l) {
		return err
	}
	e := &verifier.Error{Code: verifier.Code(l.Code), Verdict: verifier.Reject, File: o.Name, Program: p.Name, Func: l.Func, Slot: l.Slot, Msg: l.Msg}
	if l.Unsupported {
		e.Verdict = verifier.Unsupported
	}
	e.Source = (&ir.Program{Lines: p.Lines}).Source(ir.Pos(l.Slot))
	return e
}

// NameError says that an object has no program of the name asked for, or none at all.
type NameError struct {
	Object, Name string
	Have         []string
}

// Error names the programs that there are.
func (e *NameError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("%s: contains no program", e.Object)
	}
	return fmt.Sprintf("%s: no program %q; it has %s", e.Object, e.Name, strings.Join(e.Have, ", "))
}

// wanted selects programs by name. An error is a *NameError.
func wanted(o *obj.Object, names []string) ([]*obj.Program, error) {
	var all, out []*obj.Program
	var have []string
	for i := range o.Programs {
		all = append(all, &o.Programs[i])
		have = append(have, o.Programs[i].Name)
	}
	for _, p := range all {
		if len(names) == 0 && !p.Off || slices.Contains(names, p.Name) {
			out = append(out, p)
		}
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			return nil, &NameError{o.Name, n, have}
		}
	}
	if len(out) == 0 {
		return nil, &NameError{Object: o.Name, Have: have}
	}
	return out, nil
}
