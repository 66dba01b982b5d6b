package main

import (
	"context"

	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/spf13/cobra"
)

func (a *app) disasmCommand() *cobra.Command {
	var out, dialect, from string
	c := &cobra.Command{
		Use:   "disasm IN [-- CLANG-FLAGS]",
		Short: "Print programs as assembly that `bpfc asm` reads",
		Args:  exactly(1, "one input"),
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.disasm(c.Context(), in[0], clang, out, dialect, from)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `OUT` (- for standard output)")
	c.Flags().StringVar(&dialect, "dialect", "kernel", "dialect to print: "+dialectNames())
	c.Flags().StringVar(&from, "from", "", "dialect of assembly input: "+dialectNames())
	return c
}

func (a *app) disasm(ctx context.Context, in string, clang []string, out, dialect, from string) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	o, err := a.readObject(ctx, in, from, clang)
	if err != nil {
		return err
	}
	if len(a.progs) > 0 {
		some, err := a.wanted(o)
		if err != nil {
			return err
		}
		only := *o
		only.Programs = nil
		for _, p := range some {
			only.Programs = append(only.Programs, *p)
		}
		o = &only
	}
	text, err := builtin.Disassemble(o, dialect)
	if err != nil {
		return err
	}
	return a.write(out, []byte(text), false)
}
