package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// runJSON is bpfc/run/v1.
type runJSON struct {
	Schema   string             `json:"schema"`
	Program  string             `json:"program"`
	Backend  string             `json:"backend"`
	Results  []resultJSON       `json:"results"`
	Maps     map[string]mapJSON `json:"maps"`
	NsPerRun float64            `json:"ns_per_run"`
}

type resultJSON struct {
	Retval string     `json:"retval"` // "" if the run ended with a fault
	Fault  *faultJSON `json:"fault"`
	Memory string     `json:"memory,omitempty"`
}

type faultJSON struct {
	Rule    string      `json:"rule"`
	Insn    int         `json:"insn"`
	Address string      `json:"address"`
	Size    int         `json:"size"`
	Access  string      `json:"access"`
	Source  *sourceJSON `json:"source"`
}

// printRun prints the results and returns the error that the exit code is made of.
func (a *app) printRun(r *running, format string, expect *uint64) error {
	for _, res := range r.results.Results {
		r.printTrace(a.messages, &res)
	}
	if format == "json" {
		if err := writeJSON(a.out, r.json()); err != nil {
			return err
		}
	} else if err := r.print(a.out); err != nil {
		return err
	}
	return r.outcome(expect)
}

// outcome is the first fault, or what was not as expected.
func (r *running) outcome(expect *uint64) error {
	var errs []error
	for _, res := range r.results.Results {
		switch got := r.value(res.Ret); {
		case res.Fault != nil:
			errs = append(errs, fmt.Errorf("%s: %w", r.object.Name, res.Fault))
		case expect != nil && got != r.value(*expect):
			errs = append(errs, fail(exitRejected, "%s returned %#x, expected %#x", r.entry.Name, got, r.value(*expect)))
		}
	}
	return errors.Join(errs...)
}

func (r *running) print(w io.Writer) error {
	for _, res := range r.results.Results {
		if res.Fault == nil {
			fmt.Fprintln(w, hexNumber(r.value(res.Ret)))
		}
	}
	for _, name := range sortedKeys(r.maps) {
		m := r.maps[name]
		for _, e := range m.Entries {
			fmt.Fprintf(w, "%s[%s] = %s\n", name, bareText(e.Key), bareText(e.Value))
		}
	}
	return nil
}

func bareText(m json.RawMessage) string {
	if text, err := strconv.Unquote(string(m)); err == nil {
		return text
	}
	return string(m)
}

func (r *running) json() runJSON {
	out := runJSON{Schema: "bpfc/run/v1", Program: r.entry.Name, Backend: r.backend, Maps: r.maps, Results: []resultJSON{}}
	if out.Maps == nil {
		out.Maps = map[string]mapJSON{}
	}
	if r.results.Runs > 0 {
		out.NsPerRun = float64(r.results.Elapsed.Nanoseconds()) / float64(r.results.Runs)
	}
	for _, res := range r.results.Results {
		j := resultJSON{Memory: fmt.Sprintf("%x", res.Mem)}
		if res.Fault == nil {
			j.Retval = hexNumber(r.value(res.Ret))
		} else {
			j.Fault = faultOf(res.Fault)
		}
		out.Results = append(out.Results, j)
	}
	return out
}

func faultOf(f *codegen.Fault) *faultJSON {
	access := "read"
	if f.Write {
		access = "write"
	}
	return &faultJSON{Rule: f.Rule.String(), Insn: f.Insn, Address: hexNumber(f.Address), Size: f.Size, Access: access, Source: source(f.Source)}
}

// printTrace writes a line for each instruction: what it was, and the registers
// and the memory that it changed; before it, the source line if that is a new one.
func (r *running) printTrace(w io.Writer, res *codegen.Result) {
	var before [11]uint64
	var shown *obj.Line
	for i, s := range res.Trace {
		if line := r.entry.Source(s.Slot); line != nil && (shown == nil || line.File != shown.File || line.Line != shown.Line) {
			fmt.Fprintf(w, "; %s:%d\t%s\n", line.File, line.Line, strings.TrimSpace(line.Text))
			shown = line
		}
		text, changes := "?", changed(before, s.Regs)
		if s.Slot >= 0 && s.Slot < len(r.program.Insns) {
			text = insnText(r.object, r.program, s.Slot)
			in := r.program.Insns[s.Slot]
			failed := res.Fault != nil && i == len(res.Trace)-1
			if known := i > 0 || !in.Row().Fetch; known && !failed { // nothing tells the registers before the first step
				changes = append(changes, stored(in, before, s.Regs)...)
			}
		}
		fmt.Fprintf(w, "%s%6d: %-40s %s\n", functionPrefix(r, s.Func), s.Slot, text, strings.Join(changes, " "))
		before = s.Regs
	}
}

// stored tells what an instruction wrote to memory, from the registers before and
// after it: the address with the value, or with the atomic operation and its operand.
func stored(in isa.Insn, before, after [11]uint64) []string {
	row := in.Row()
	operator, value := "=", after[in.Src]
	switch row.Kind {
	case isa.KindStore, isa.KindStoreRel:
	case isa.KindStoreImm:
		value = uint64(in.Imm)
	case isa.KindAtomic:
		operator = " " + row.Atomic.String() + " "
		if row.Fetch && row.Atomic != isa.AtomicCmpXchg { // the register holds what memory held
			value = before[in.Src]
		}
	default:
		return nil
	}
	value &= 1<<(8*row.Size) - 1
	return []string{fmt.Sprintf("[%#x]%s%#x", after[in.Dst]+uint64(in.Off), operator, value)}
}

// functionPrefix names the function of a step that is not in the entry function.
func functionPrefix(r *running, name string) string {
	if name == "" || name == r.entry.Name {
		return ""
	}
	return name + ":"
}

func changed(before, after [11]uint64) (parts []string) {
	for i, v := range after {
		if v != before[i] {
			parts = append(parts, fmt.Sprintf("%v=%#x", isa.Reg(i), v))
		}
	}
	return parts
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
