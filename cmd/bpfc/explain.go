package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/verifier"
	"github.com/spf13/cobra"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain a code of the verifier, or list them all",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listRules(a.out)
			}
			return explainRule(a.out, args[0])
		},
	}
}

func listRules(w io.Writer) error {
	for _, r := range verifier.Rules() {
		if _, err := fmt.Fprintf(w, "%s  %s\n", r.Code, r.Name); err != nil {
			return err
		}
	}
	return nil
}

func explainRule(w io.Writer, code string) error {
	r, ok := verifier.RuleOf(verifier.Code(strings.ToUpper(code)))
	if !ok && slices.Contains(verifier.Retired(), verifier.Code(strings.ToUpper(code))) {
		return usage("%s is a code of earlier versions; nothing has it any more", strings.ToUpper(code))
	}
	if !ok {
		return usage("there is no code %q; `bpfc explain` lists them", code)
	}
	kind := "reject"
	if r.Unsupported {
		kind = "unsupported"
	}
	fmt.Fprintf(w, "%s: %s (%s)\n\n%s\n\nWhat to do: %s\n", r.Code, r.Name, kind, r.Text, r.Fix)
	if e, ok := examples[r.Code]; ok {
		fmt.Fprintf(w, "\nExample (%s):\n\n    %s\n", e.command(), strings.ReplaceAll(e.text, "\n", "\n    "))
	}
	return nil
}
