package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/spf13/cobra"
)

func (a *app) conformanceCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "conformance [MEMHEX]",
		Short: "Run one program of the public bpf_conformance suite",
		Long: `Run the program whose bytecode is on standard input in hex, of type mem, on the
memory given in hex, and print R0 in hex: the plugin protocol of the public
bpf_conformance runner. Blanks in hex are ignored. Helper 5 returns its argument.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("conformance takes the memory as one argument; quote hex that contains blanks")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.conformance(c.Context(), args, &f, c.Flags().Changed("backend"))
		},
	}
	c.Flags().StringVar(&f.backend, "backend", "amd64", "back end to run with, a `NAME`: amd64, interp")
	c.Flags().IntVarP(&f.opt, "opt", "O", 0, "optimisation `LEVEL`: 0 or 2")
	c.Flags().BoolVar(&f.inProcess, "in-process", false, "run in this process, not in the back end's")
	return c
}

func (a *app) conformance(ctx context.Context, args []string, f *runFlags, chosen bool) error {
	if err := checkOpt(f.opt); err != nil {
		return err
	}
	mem, err := parseHex("the memory", append(slices.Clone(args), "")[0])
	if err != nil {
		return err
	}
	a.helpers, a.typ, a.policy = []string{"conformance"}, "mem", verifier.Guard.String()
	a.chooseBackend(f, chosen)
	ctx, cancel := a.within(ctx)
	defer cancel()
	r, err := a.prepareWith(ctx, f, &arguments{}, func() (*obj.Object, error) { return a.readHex(ctx) })
	if err != nil {
		return err
	}
	defer r.session.Close()
	out, err := r.session.Run(ctx, r.id, codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}})
	if err != nil {
		return r.ended(err)
	}
	if fault := out.Results[0].Fault; fault != nil {
		return fault
	}
	_, err = fmt.Fprintf(a.out, "%x\n", out.Results[0].Ret)
	return err
}
