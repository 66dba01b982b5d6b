package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// bpfc/run/v1 is an object of "schema", "program", "backend", "results", "maps", "ns_per_run" and, if records were lost
// because there was no room for them, "lost".

const runSchema = "bpfc/run/v1"

// resultJSON is one of its results.
type resultJSON struct {
	Retval  string          `json:"retval"` // "" if the run ended with a fault
	Verdict string          `json:"verdict,omitempty"`
	Fault   *faultJSON      `json:"fault"`
	Error   string          `json:"error,omitempty"` // why the input was not run
	Memory  string          `json:"memory,omitempty"`
	Meta    string          `json:"metadata,omitempty"` // of a packet
	Ctx     json.RawMessage `json:"ctx,omitempty"`
	Records []recordJSON    `json:"records,omitempty"`
}

// recordJSON is what a run has left behind.
type recordJSON struct {
	Helper string   `json:"helper"`
	Map    string   `json:"map,omitempty"`
	Key    string   `json:"key,omitempty"`
	Args   []uint64 `json:"args,omitempty"`
	Data   string   `json:"data,omitempty"`
	Text   string   `json:"text,omitempty"` // of a line of the trace
	// Fields are those of a structure that the program has written: the keys of a flow dissector.
	Fields json.RawMessage `json:"fields,omitempty"`
	CPU    int             `json:"cpu"`
}

type faultJSON struct {
	Rule    string      `json:"rule"`
	Insn    int         `json:"insn"`
	Address string      `json:"address"`
	Size    int         `json:"size"`
	Access  string      `json:"access"`
	Source  *sourceJSON `json:"source"`
}

func faultOf(f *codegen.Fault) *faultJSON {
	access := "read"
	if f.Write {
		access = "write"
	}
	return &faultJSON{Rule: f.Rule.String(), Insn: f.Insn, Address: hexNumber(f.Address), Size: f.Size, Access: access, Source: source(f.Source)}
}

// printTrace writes a line for each instruction, of the program and of those that it goes on in: what it was, and the registers
// and the memory that it changed; before it, the source line if that is a new one.
func (r *running) printTrace(w io.Writer, res *codegen.Result) {
	var before [11]uint64
	var shown *obj.Line
	entry, p := r.entry, r.program
	for i, s := range res.Trace {
		if other, ok := r.entries[s.Func]; ok && s.Slot == 0 {
			entry, p = other, program(r.object, s.Func)
		}
		if line := entry.Source(s.Slot); line != nil && (shown == nil || line.File != shown.File || line.Line != shown.Line) {
			fmt.Fprintf(w, "; %s:%d\t%s\n", line.File, line.Line, strings.TrimSpace(line.Text))
			shown = line
		}
		text, changes := "?", changed(before, s.Regs)
		if s.Slot >= 0 && s.Slot < len(p.Insns) {
			text = insnText(r.object, p, s.Slot)
			in := p.Insns[s.Slot]
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
