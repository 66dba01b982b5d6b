package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/spf13/cobra"
)

// inputFlags say how an input is read.
type inputFlags struct {
	dialect  string
	form     string
	expr     string
	linkType string
}

// add adds the flags to a command; dialect is the name of the one for the dialect.
func (f *inputFlags) add(c *cobra.Command, dialect string) {
	c.Flags().StringVar(&f.dialect, dialect, "", "dialect of assembly input, recognised without it: "+dialectNames()+
		"; or of a classic filter, which the input is then: "+strings.Join(builtin.ClassicDialects(), ", "))
	c.Flags().StringVar(&f.form, "form", "", "the input is a classic filter in this `FORM`, recognised without it: "+strings.Join(cbpf.Formats(), ", "))
	c.Flags().StringVar(&f.expr, "expr", "", "instead of an input, an `EXPRESSION` of pcap-filter(7), which tcpdump compiles to a classic filter")
	c.Flags().StringVar(&f.linkType, "linktype", "EN10MB", "link type of the packets of --expr, a `NAME` as tcpdump -y takes it")
}

// exprName stands for the filter of --expr in messages. Its extension is that of the form in which tcpdump prints.
const exprName = "expression.ddd"

// inputs are what is read: the arguments, or the expression.
func (f *inputFlags) inputs(args []string) []string {
	if f.expr != "" {
		return []string{exprName}
	}
	return args
}

// one takes one input, or --expr.
func (f *inputFlags) one(c *cobra.Command, args []string) error {
	if f.expr == "" {
		return exactly(1, "one input")(c, args)
	}
	return f.none(c, args)
}

// none refuses inputs beside --expr.
func (f *inputFlags) none(c *cobra.Command, args []string) error {
	if own, _ := split(c, args); len(own) > 0 {
		return usage("%s takes an input or --expr, not both", c.CommandPath())
	}
	return nil
}

// loaded is an input that has been read and not yet taken apart.
type loaded struct {
	name    string // in messages
	content []byte
	kind    builtin.Kind
	options builtin.ReadOptions // what the flags say of it
}

// load reads an input, or compiles the expression.
func (a *app) load(ctx context.Context, name string, f *inputFlags) (in loaded, err error) {
	if f.expr != "" {
		in.content, err = cbpf.Tcpdump{Path: os.Getenv("BPFC_TCPDUMP"), LinkType: f.linkType}.Compile(ctx, f.expr)
	} else {
		in.content, err = a.readBytes(ctx, name)
	}
	in.name, in.options = title(name), builtin.ReadOptions{Dialect: f.dialect, Form: f.form, Type: a.typ}
	in.kind = in.options.Kind(in.name, in.content)
	if in.kind == builtin.KindClassic && f.dialect == "" && a.typ == seccompType {
		in.options.Dialect = seccompType // the dialect has the name of the type
	}
	return in, err
}

// seccompType is the program type of filters for seccomp.
const seccompType = "seccomp"

// filter reads a classic filter. If its dialect was named, it keeps the rules of that.
func (in *loaded) filter() (*cbpf.Filter, error) {
	filter, dialect, err := builtin.ReadFilter(in.name, in.content, in.options)
	if err == nil && in.options.Dialect != "" {
		err = filter.Check(dialect)
	}
	if err != nil {
		return nil, err
	}
	return filter, nil
}

// classicFormats are the formats of asm for classic filters.
var classicFormats = map[string]cbpf.Format{"bin": cbpf.Binary, "ddd": cbpf.Decimal, "dd": cbpf.CArray, "line": cbpf.OneLine}

// assembleClassic writes a classic filter in a format.
func (a *app) assembleClassic(in loaded, out, format string) error {
	filter, err := in.filter()
	if err != nil {
		return err
	}
	if format == "hex" {
		return a.write(out, fmt.Appendf(nil, "%x\n", cbpf.Encode(filter.Insns)), false)
	}
	to := classicFormats[format]
	return a.write(out, cbpf.Write(filter.Insns, to), to == cbpf.Binary)
}
