package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
)

// dump is the debug switch BPFC_DUMP: a comma-separated list of stages after
// which every program is written to standard error as IR text; "all" is every
// stage. nil without it.
func (a *app) dump() func(stage string, p *ir.Program) {
	wanted := os.Getenv("BPFC_DUMP")
	if wanted == "" {
		return nil
	}
	stages := strings.Split(wanted, ",")
	return func(stage string, p *ir.Program) {
		if slices.Contains(stages, stage) || slices.Contains(stages, "all") {
			fmt.Fprintf(a.messages, "; %s after %s\n%s", p.Name, stage, ir.String(p))
		}
	}
}
