package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/spf13/cobra"
)

type verifyFlags struct {
	format string
	log    bool
	input  inputFlags
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify IN... [-- CLANG-FLAGS]",
		Short: "Say whether programs are accepted, and if not, why",
		Args: func(c *cobra.Command, args []string) error {
			if f.input.expr != "" {
				return f.input.none(c, args)
			}
			if own, _ := split(c, args); len(own) == 0 {
				return usage("verify takes one input or more; see `bpfc verify --help`")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.verify(c.Context(), f.input.inputs(in), clang, &f)
		},
	}
	c.Flags().StringVar(&f.format, "format", "text", "`text|json|sarif`")
	c.Flags().BoolVar(&f.log, "log", false, "print every step of the verifier, and how often it looked at each source line (with json and sarif: to standard error)")
	f.input.add(c, "dialect")
	return c
}

// verdict is the outcome for one program of one input.
type verdict struct {
	file   string
	report core.ProgramReport
}

// unread is an input that could not be taken apart into programs.
type unread struct {
	file string
	err  error
}

// outcomes is what verify prints.
type outcomes struct {
	verdicts []verdict
	unread   []unread
}

func (a *app) verify(ctx context.Context, inputs, clang []string, f *verifyFlags) error {
	if err := checkFormat(f.format, "text", "json", "sarif"); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	objects := make([]*obj.Object, len(inputs))
	var out outcomes
	var set *abi.Set
	err := parallel(
		func() (err error) { set, err = a.plugins.set(ctx, a); return err },
		func() error {
			for i, in := range inputs {
				o, err := a.readObject(ctx, in, &f.input, clang)
				if objects[i] = o; err != nil {
					out.unread = append(out.unread, unread{in, err})
				}
			}
			return nil
		},
	)
	if err != nil {
		return err
	}
	opts := a.options()
	opts.Stop = stopping(ctx)
	flush := a.logTo(&opts, f)
	stopped := out.verify(ctx, inputs, objects, set, opts)
	if err := errors.Join(flush(), out.print(a.out, f.format)); err != nil {
		return err
	}
	return errors.Join(out.error(), stopped)
}

// logTo lets the verifier log where --log says. The function that it returns ends the log.
func (a *app) logTo(opts *core.Options, f *verifyFlags) func() error {
	if !f.log {
		return func() error { return nil }
	}
	to := a.out
	if f.format != "text" {
		to = a.messages
	}
	w := bufio.NewWriter(to)
	opts.Log = func(line string) { _, _ = fmt.Fprintln(w, line) } // Flush has the error
	return w.Flush
}

// verify adds the verdicts for the programs of the objects that could be read. The error is
// why it was ended early: then verdicts are missing.
func (out *outcomes) verify(ctx context.Context, inputs []string, objects []*obj.Object, set *abi.Set, opts core.Options) error {
	for i, o := range objects {
		if o == nil {
			continue
		}
		reports, err := core.Verify(o, set, opts)
		if err != nil {
			out.unread = append(out.unread, unread{inputs[i], err})
		}
		for _, r := range reports {
			if r.Err != nil && r.Err.Code == verifier.CodeStopped && ctx.Err() != nil {
				return fmt.Errorf("%s: program %q was not decided: %w", inputs[i], r.Name, context.Cause(ctx))
			}
			out.verdicts = append(out.verdicts, verdict{inputs[i], r})
		}
		if ctx.Err() != nil && i+1 < len(objects) {
			return fmt.Errorf("%s was not looked at: %w", inputs[i+1], context.Cause(ctx))
		}
	}
	return nil
}

// error is what could not be read, and the exit code of the verdicts, which are printed already.
func (out *outcomes) error() error {
	var errs []error
	for _, u := range out.unread {
		errs = append(errs, u.err)
	}
	code := exitOK
	for _, v := range out.verdicts {
		if v.report.Err != nil {
			code = worse(code, verdictCode(v.report.Err))
		}
	}
	if code != exitOK {
		errs = append(errs, silent(code))
	}
	return errors.Join(errs...)
}

func (out *outcomes) print(w io.Writer, format string) error {
	switch format {
	case "json":
		return writeJSON(w, out.json())
	case "sarif":
		return writeJSON(w, out.sarif())
	}
	for _, v := range out.verdicts {
		fmt.Fprintln(w, v.text())
	}
	return nil
}

// text is a line, and for what was not accepted all that is known about it.
func (v *verdict) text() string {
	r := &v.report
	if r.Err == nil {
		return fmt.Sprintf("%s: %s (%s): accept, %d insns, %d guards, %d polls", v.file, r.Name, r.Type, r.Insns, r.Guards, r.Polls)
	}
	e := *r.Err
	e.File = v.file
	return fmt.Sprintf("%s: %+v", e.Verdict, &e)
}

// verifyJSON is bpfc/verify/v1.
type verifyJSON struct {
	Schema   string        `json:"schema"`
	Programs []programJSON `json:"programs"`
	Errors   []errorJSON   `json:"errors"` // inputs without programs, which standard error names too
}

type errorJSON struct {
	File    string `json:"file"`
	Message string `json:"message"`
	Exit    int    `json:"exit"` // the exit code for it alone
}

type programJSON struct {
	File    string      `json:"file"`
	Section string      `json:"section"`
	Program string      `json:"program"`
	Type    string      `json:"type"`
	Verdict string      `json:"verdict"`
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Hint    string      `json:"hint,omitempty"`
	Insn    *int        `json:"insn"` // null if the message is not about one
	Source  *sourceJSON `json:"source"`
	Need    string      `json:"need,omitempty"`
	Chain   []stepJSON  `json:"chain"`
	Fix     *fixJSON    `json:"fix"` // null if none was found
	Access  int         `json:"accesses"`
	Guards  int         `json:"guards"`
	Polls   int         `json:"polls"`
	Stats   statsJSON   `json:"stats"`
}

// stepJSON is a link of the chain of causes, the oldest first.
type stepJSON struct {
	Insn    *int        `json:"insn"` // null for the beginning of the program
	Func    string      `json:"function"`
	Message string      `json:"message"`
	Source  *sourceJSON `json:"source"`
}

// fixJSON is a change with which the program is accepted.
type fixJSON struct {
	Text   string      `json:"text"`
	Insn   *int        `json:"insn"`
	Source *sourceJSON `json:"source"`
}

type statsJSON struct {
	Insns      int   `json:"insns"`
	Processed  int   `json:"processed"`
	PeakStates int   `json:"peak_states"`
	TimeNs     int64 `json:"time_ns"`
}

type sourceJSON struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

func source(l *obj.Line) *sourceJSON {
	if l == nil {
		return nil
	}
	return &sourceJSON{l.File, l.Line, l.Col, strings.TrimSpace(l.Text)}
}

func (out *outcomes) json() verifyJSON {
	report := verifyJSON{Schema: "bpfc/verify/v1", Programs: []programJSON{}, Errors: []errorJSON{}}
	for i := range out.verdicts {
		report.Programs = append(report.Programs, out.verdicts[i].json())
	}
	for _, u := range out.unread {
		report.Errors = append(report.Errors, errorJSON{u.file, u.err.Error(), int(codeOf(u.err))})
	}
	return report
}

func (v *verdict) json() programJSON {
	r := &v.report
	p := programJSON{
		File: v.file, Section: r.Section, Program: r.Name, Type: r.Type, Verdict: verifier.Accept.String(),
		Chain: []stepJSON{}, Access: r.Accesses, Guards: r.Guards, Polls: r.Polls,
		Stats: statsJSON{Insns: r.Insns, Processed: r.Stats.Processed, PeakStates: r.Stats.Peak, TimeNs: r.Time.Nanoseconds()},
	}
	if e := r.Err; e != nil {
		p.Verdict, p.Code, p.Message, p.Hint, p.Source = e.Verdict.String(), string(e.Code), e.Msg, e.Hint, source(e.Source)
		p.Insn, p.Need = slot(e.Slot), e.Need
		for _, s := range e.Chain {
			p.Chain = append(p.Chain, stepJSON{slot(s.Slot), s.Func, s.Text, source(s.Source)})
		}
		if e.Fix != nil {
			p.Fix = &fixJSON{e.Fix.Text, slot(e.Fix.Slot), source(e.Fix.Source)}
		}
	}
	return p
}

// slot is the number of an instruction, nil for none.
func slot(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}
