package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/spf13/cobra"
)

func (a *app) inspectCommand() *cobra.Command {
	var format string
	var input inputFlags
	c := &cobra.Command{
		Use:   "inspect IN [-- CLANG-FLAGS]",
		Short: "Show what an object contains",
		Args:  input.one,
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.inspect(c.Context(), input.inputs(in)[0], clang, format, &input)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	input.add(c, "dialect")
	return c
}

// inspectJSON is bpfc/inspect/v1.
type inspectJSON struct {
	Schema   string               `json:"schema"`
	Name     string               `json:"name"`
	License  string               `json:"license"`
	Programs []inspectProgramJSON `json:"programs"`
	Maps     []inspectMapJSON     `json:"maps"`
	Data     []inspectDataJSON    `json:"data"`
	// Decisions are there if the input is a classic filter.
	Decisions *decisionsJSON `json:"decisions,omitempty"`
}

type inspectProgramJSON struct {
	Name      string            `json:"name"`
	Section   string            `json:"section"`
	Type      string            `json:"type,omitempty"`
	Off       bool              `json:"off"`
	Insns     int               `json:"insns"`
	Functions []inspectFuncJSON `json:"functions"`
	Refs      []string          `json:"refs"`
	Sources   []string          `json:"sources"`
	Verdict   string            `json:"verdict"` // under --policy; "" for programs that are off and were not named
	Code      string            `json:"code,omitempty"`
	Message   string            `json:"message,omitempty"`
	Accesses  int               `json:"accesses"` // of memory, by instructions that a path reaches
	Proved    int               `json:"proved"`   // those that need no guard
	Polls     int               `json:"polls"`
	Guards    []guardJSON       `json:"guards"`
	Fastcall  fastcallJSON      `json:"fastcall"`
	Inlined   int               `json:"inlined"` // calls
}

// fastcallJSON counts what kept registers over calls that leave them alone, and is removed.
type fastcallJSON struct {
	Spills int `json:"spills"`
	Fills  int `json:"fills"`
}

// guardJSON is an access that is checked at run time, and why.
type guardJSON struct {
	Insn   *int        `json:"insn"`
	Func   string      `json:"function"`
	Text   string      `json:"text"`
	Code   string      `json:"code"`
	Reason string      `json:"reason"`
	Source *sourceJSON `json:"source"`
}

type inspectFuncJSON struct {
	Name string `json:"name"`
	Insn int    `json:"insn"`
}

type inspectMapJSON struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	KeySize    uint32 `json:"key_size"`
	ValueSize  uint32 `json:"value_size"`
	MaxEntries uint32 `json:"max_entries"`
	Flags      uint32 `json:"flags"`
}

type inspectDataJSON struct {
	Name      string              `json:"name"`
	Size      int                 `json:"size"`
	ReadOnly  bool                `json:"read_only"`
	Variables []inspectSymbolJSON `json:"variables"`
}

type inspectSymbolJSON struct {
	Name   string `json:"name"`
	Offset uint32 `json:"offset"`
	Size   uint32 `json:"size"`
}

func (a *app) inspect(ctx context.Context, in string, clang []string, format string, f *inputFlags) error {
	if err := checkFormat(format, "text", "json"); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	var o *obj.Object
	var table *decisionsJSON // of a classic filter
	var set *abi.Set
	var noSet error // then there are no verdicts, but all else
	err := parallel(
		func() error {
			in, err := a.load(ctx, in, f)
			if err == nil {
				o, err = a.object(ctx, in, clang)
			}
			if err == nil {
				table, err = in.decisions()
			}
			return err
		},
		func() error { set, noSet = a.plugins.set(ctx, a); return nil },
	)
	if err != nil {
		return err
	}
	report := inspection(o, set)
	report.Decisions = table
	if noSet == nil {
		opts := a.options()
		opts.Stop, opts.Passes = stopping(ctx), true
		if err := report.verify(o, set, opts); err != nil {
			return err
		}
	}
	if format == "json" {
		return errors.Join(noSet, writeJSON(a.out, report))
	}
	return errors.Join(noSet, report.print(a.out))
}

// inspection is what the object contains; set is nil if there is none.
func inspection(o *obj.Object, set *abi.Set) inspectJSON {
	out := inspectJSON{
		Schema: "bpfc/inspect/v1", Name: o.Name, License: o.License,
		Programs: []inspectProgramJSON{}, Maps: []inspectMapJSON{}, Data: []inspectDataJSON{},
	}
	for i := range o.Programs {
		out.Programs = append(out.Programs, inspectProgram(o, &o.Programs[i]))
	}
	for _, m := range o.Maps {
		out.Maps = append(out.Maps, inspectMapJSON{m.Name, mapType(set, m), m.KeySize, m.ValueSize, m.MaxEntries, m.Flags})
	}
	for _, d := range o.Data {
		data := inspectDataJSON{Name: d.Name, Size: len(d.Bytes), ReadOnly: d.ReadOnly, Variables: []inspectSymbolJSON{}}
		for _, s := range d.Symbols {
			data.Variables = append(data.Variables, inspectSymbolJSON{s.Name, s.Offset, s.Size})
		}
		out.Data = append(out.Data, data)
	}
	return out
}

// verify adds what the verifier says about each program. Objects without programs have maps and data to show.
func (r *inspectJSON) verify(o *obj.Object, set *abi.Set, opts core.Options) error {
	reports, err := core.Verify(o, set, opts)
	if none, ok := errors.AsType[*core.NameError](err); ok && none.Name == "" {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range reports {
		v := &reports[i]
		at := slices.IndexFunc(r.Programs, func(p inspectProgramJSON) bool { return p.Name == v.Name && p.Section == v.Section })
		if at < 0 {
			continue
		}
		p := &r.Programs[at]
		p.Type, p.Verdict = v.Type, verifier.Accept.String()
		if v.Err != nil {
			p.Verdict, p.Code, p.Message = v.Err.Verdict.String(), string(v.Err.Code), v.Err.Msg
			continue
		}
		p.Accesses, p.Proved, p.Polls = v.Accesses, v.Accesses-len(v.Unproved), v.Polls
		p.Fastcall, p.Inlined = fastcallJSON{v.Passes.Spills, v.Passes.Fills}, v.Passes.Inlined
		for _, u := range v.Unproved {
			p.Guards = append(p.Guards, guardJSON{slot(u.Slot), u.Func, u.Insn, string(u.Code), u.Msg, source(u.Source)})
		}
	}
	return nil
}

func inspectProgram(o *obj.Object, p *obj.Program) inspectProgramJSON {
	out := inspectProgramJSON{
		Name: p.Name, Section: p.Section, Type: p.Type, Off: p.Off, Insns: len(p.Insns),
		Functions: []inspectFuncJSON{}, Refs: []string{}, Sources: []string{}, Guards: []guardJSON{},
	}
	for _, f := range p.Funcs {
		out.Functions = append(out.Functions, inspectFuncJSON{f.Name, f.Slot})
	}
	for _, r := range p.Refs {
		r.Addend = 0
		if name := refName(o, p, r); name != "" && !slices.Contains(out.Refs, name) {
			out.Refs = append(out.Refs, name)
		}
	}
	for _, l := range p.Lines {
		if l.File != "" && !slices.Contains(out.Sources, l.File) {
			out.Sources = append(out.Sources, l.File)
		}
	}
	return out
}

func (r *inspectJSON) print(w io.Writer) error {
	fmt.Fprintf(w, "%s", r.Name)
	if r.License != "" {
		fmt.Fprintf(w, ", license %s", r.License)
	}
	fmt.Fprintln(w)
	for _, p := range r.Programs {
		p.print(w)
	}
	for _, m := range r.Maps {
		fmt.Fprintf(w, "map %s: %s, key %d bytes, value %d bytes, %d entries\n", m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
	}
	for _, d := range r.Data {
		d.print(w)
	}
	if r.Decisions != nil {
		fmt.Fprintf(w, "what it decides, by the rules of %s:\n%s", r.Decisions.Dialect, r.Decisions.text)
	}
	return nil
}

func (p *inspectProgramJSON) print(w io.Writer) {
	fmt.Fprintf(w, "program %s: section %q, %d insns", p.Name, p.Section, p.Insns)
	if p.Off {
		fmt.Fprint(w, ", off")
	}
	if len(p.Refs) > 0 {
		fmt.Fprintf(w, ", refers to %s", strings.Join(p.Refs, ", "))
	}
	fmt.Fprintln(w)
	for _, f := range p.Functions {
		fmt.Fprintf(w, "  function %s at insn %d\n", f.Name, f.Insn)
	}
	switch {
	case p.Verdict == "":
	case p.Code != "":
		fmt.Fprintf(w, "  %s: %s [%s]; `bpfc verify` says more\n", p.Verdict, p.Message, p.Code)
	default:
		fmt.Fprintf(w, "  %s as %s: %d of %d accesses proved, %d guards, %d polls\n", p.Verdict, p.Type, p.Proved, p.Accesses, len(p.Guards), p.Polls)
	}
	if f := p.Fastcall; f.Spills > 0 {
		fmt.Fprintf(w, "  removed around calls that keep registers: %d spills, %d fills\n", f.Spills, f.Fills)
	}
	if p.Inlined > 0 {
		fmt.Fprintf(w, "  calls inlined: %d\n", p.Inlined)
	}
	for _, g := range p.Guards {
		fmt.Fprintf(w, "    guard %s\n", g.text())
	}
}

func (d *inspectDataJSON) print(w io.Writer) {
	access := "writable"
	if d.ReadOnly {
		access = "read-only"
	}
	fmt.Fprintf(w, "data %s: %d bytes, %s\n", d.Name, d.Size, access)
	for _, v := range d.Variables {
		fmt.Fprintf(w, "  %s: offset %d, %d bytes\n", v.Name, v.Offset, v.Size)
	}
}

// text is a guard as a line.
func (g *guardJSON) text() string {
	at := ""
	if g.Insn != nil {
		at = fmt.Sprintf("at insn %d ", *g.Insn)
	}
	if g.Source != nil && g.Source.File != "" {
		at += fmt.Sprintf("(%s:%d) ", g.Source.File, g.Source.Line)
	}
	return fmt.Sprintf("%s`%s`: %s [%s]", at, g.Text, g.Reason, g.Code)
}
