package main

import (
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
	format  string
	log     bool
	dialect string
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify IN... [-- CLANG-FLAGS]",
		Short: "Say whether programs are accepted, and if not, why",
		Args: func(c *cobra.Command, args []string) error {
			if own, _ := split(c, args); len(own) == 0 {
				return usage("verify takes one input or more; see `bpfc verify --help`")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.verify(c.Context(), in, clang, &f)
		},
	}
	c.Flags().StringVar(&f.format, "format", "text", "`text|json|sarif`")
	c.Flags().BoolVar(&f.log, "log", false, "print every step of the verifier")
	c.Flags().StringVar(&f.dialect, "dialect", "", "dialect of assembly input: "+dialectNames())
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
	if f.log {
		return notYet("--log", "the verifier proves structure alone, in one step; see `bpfc compile --emit ir`")
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
				o, err := a.readObject(ctx, in, f.dialect, clang)
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
	out.verify(inputs, objects, set, a.options())
	if err := out.print(a.out, f.format); err != nil {
		return err
	}
	return out.error()
}

// verify adds the verdicts for the programs of the objects that could be read.
func (out *outcomes) verify(inputs []string, objects []*obj.Object, set *abi.Set, opts core.Options) {
	for i, o := range objects {
		if o == nil {
			continue
		}
		reports, err := core.Verify(o, set, opts)
		if err != nil {
			out.unread = append(out.unread, unread{inputs[i], err})
		}
		for _, r := range reports {
			out.verdicts = append(out.verdicts, verdict{inputs[i], r})
		}
	}
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

// text is a line, and for what was not accepted also the source line.
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
	Guards  int         `json:"guards"`
	Polls   int         `json:"polls"`
	Stats   statsJSON   `json:"stats"`
}

// statsJSON: processed and peak_states are 0 as long as the verifier walks no paths.
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
		Guards: r.Guards, Polls: r.Polls, Stats: statsJSON{Insns: r.Insns, TimeNs: r.Time.Nanoseconds()},
	}
	if e := r.Err; e != nil {
		p.Verdict, p.Code, p.Message, p.Hint, p.Source = e.Verdict.String(), string(e.Code), e.Msg, e.Hint, source(e.Source)
		if e.Slot >= 0 {
			p.Insn = &e.Slot
		}
	}
	return p
}
