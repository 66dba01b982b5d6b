package main

import (
	"cmp"
	"context"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/spf13/cobra"
)

func (a *app) disasmCommand() *cobra.Command {
	var out, dialect string
	var input inputFlags
	c := &cobra.Command{
		Use:   "disasm IN [-- CLANG-FLAGS]",
		Short: "Print programs as assembly that `bpfc asm` reads",
		Args:  input.one,
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.disasm(c.Context(), input.inputs(in)[0], clang, &input, out, dialect)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `OUT` (- for standard output)")
	c.Flags().StringVar(&dialect, "dialect", "", "dialect to print: "+dialectNames()+"; without it kernel, and a classic filter as bpf_asm reads it")
	input.add(c, "from")
	return c
}

func (a *app) disasm(ctx context.Context, name string, clang []string, f *inputFlags, out, dialect string) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	in, err := a.load(ctx, name, f)
	if err != nil {
		return err
	}
	if in.kind == builtin.KindClassic && dialect == "" {
		if err := checkMeaning(in, clang); err != nil {
			return err
		}
		filter, err := in.filter()
		if err != nil {
			return err
		}
		return a.write(out, []byte(cbpf.Print(filter.Insns)), false)
	}
	o, err := a.object(ctx, in, clang)
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
	text, err := builtin.Disassemble(o, cmp.Or(dialect, "kernel"))
	if err != nil {
		return err
	}
	return a.write(out, []byte(text), false)
}
