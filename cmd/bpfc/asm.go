package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/spf13/cobra"
)

func dialectNames() string { return strings.Join(builtin.Dialects(), ", ") }

func (a *app) asmCommand() *cobra.Command {
	var out, format string
	var input inputFlags
	c := &cobra.Command{
		Use:   "asm IN",
		Short: "Assemble a program to bytecode",
		Args:  input.one,
		RunE: func(c *cobra.Command, args []string) error {
			return a.assemble(c.Context(), input.inputs(args)[0], &input, out, format)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `OUT` (- for standard output)")
	input.add(c, "dialect")
	c.Flags().StringVar(&format, "format", "bin", "`bin|hex`; of classic filters also ddd, dd, line: as tcpdump -ddd and -dd print them, and bpf_asm")
	return c
}

func (a *app) assemble(ctx context.Context, name string, f *inputFlags, out, format string) error {
	if err := checkFormat(format, "bin", "hex", "ddd", "dd", "line"); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	in, err := a.load(ctx, name, f)
	if err != nil {
		return err
	}
	if in.kind == builtin.KindClassic {
		return a.assembleClassic(in, out, format)
	}
	if err := checkFormat(format, "bin", "hex"); err != nil {
		return err
	}
	o, err := a.object(ctx, in, nil)
	if err != nil {
		return err
	}
	p, err := a.one(o)
	if err != nil {
		return err
	}
	code, err := bytecode(p)
	if err != nil {
		return err
	}
	if format == "hex" {
		return a.write(out, fmt.Appendf(nil, "%x\n", code), false)
	}
	return a.write(out, code, true)
}
