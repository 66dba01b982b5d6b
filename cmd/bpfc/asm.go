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
	var out, dialect, format string
	c := &cobra.Command{
		Use:   "asm IN",
		Short: "Assemble a program to bytecode",
		Args:  exactly(1, "one input"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.assemble(c.Context(), args[0], out, dialect, format)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `OUT` (- for standard output)")
	c.Flags().StringVar(&dialect, "dialect", "", "dialect of the input, recognised without it: "+dialectNames())
	c.Flags().StringVar(&format, "format", "bin", "`bin|hex`")
	return c
}

func (a *app) assemble(ctx context.Context, in, out, dialect, format string) error {
	if err := checkFormat(format, "bin", "hex"); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	o, err := a.readObject(ctx, in, dialect, nil)
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
