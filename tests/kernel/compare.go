package kernel

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/cilium/ebpf"
)

// Class is how two verdicts on a program compare.
type Class string

// The classes, in the order of the table.
const (
	BothAccept    Class = "both accept"
	WeReject      Class = "kernel accepts, we reject"
	WeCannot      Class = "kernel accepts, we unsupported"
	WeAccept      Class = "kernel rejects, we accept"
	BothReject    Class = "both reject"
	KernelAlone   Class = "kernel rejects, we unsupported"
	NotComparable Class = "environment"
)

// Classes are all of them, in the order of the table.
func Classes() []Class {
	return []Class{BothAccept, WeReject, WeCannot, WeAccept, BothReject, KernelAlone, NotComparable}
}

// Row is the comparison for one program.
type Row struct {
	Object  string // path, as given
	Program string
	Section string
	Class   Class
	Kernel  Answer
	Ours    Ours
}

// Name is a short name of the object: its last directory and its file.
func (r *Row) Name() string {
	return filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(r.Object)), filepath.Base(r.Object)))
}

// classify compares two verdicts.
func classify(k Verdict, o verifier.Verdict) Class {
	switch {
	case k == Accepted:
		return [...]Class{verifier.Accept: BothAccept, verifier.Reject: WeReject, verifier.Unsupported: WeCannot}[o]
	case k == Rejected:
		return [...]Class{verifier.Accept: WeAccept, verifier.Reject: BothReject, verifier.Unsupported: KernelAlone}[o]
	}
	return NotComparable
}

// Options of a comparison.
type Options struct {
	// Repeat is the number of verifications of which the fastest counts, of both sides.
	Repeat int
	// Log asks for the kernel's steps.
	Log bool
	// Program limits the comparison to the program of this name, "" for all.
	Program string
	// Section, if set, replaces the section's name of all programs, and so their type: for inputs without sections.
	Section string
}

// Compare asks kernel and verifier for their verdicts on every program of an object
// file, or of another input that our front ends read. An error says that
// nobody can read the file.
func (o *Oracle) Compare(path string, v *Verifier, opts Options) ([]Row, error) {
	programs, err := programsOf(path)
	object, unread := v.Read(path)
	if object != nil {
		for i := range object.Programs {
			p := &object.Programs[i]
			p.Section = cmp.Or(opts.Section, p.Section)
			programs = append(programs, named{p.Name, p.Section})
		}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %s; %w", path, unread.Message, err)
	}
	slices.SortFunc(programs, func(a, b named) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(b.section, a.section)) })
	programs = slices.CompactFunc(programs, func(a, b named) bool { return a.name == b.name })
	var rows []Row
	for _, p := range programs {
		if opts.Program == "" || opts.Program == p.name {
			rows = append(rows, o.compare(path, object, unread, p, v, opts))
		}
	}
	return rows, nil
}

func (o *Oracle) compare(path string, object *obj.Object, unread *Ours, p named, v *Verifier, opts Options) Row {
	row := Row{Object: path, Program: p.name, Section: p.section}
	row.Kernel = o.ObjectVerdict(path, p.name, object, v.Set, opts)
	switch {
	case unread != nil:
		row.Ours = *unread
	case !has(object, p.name):
		row.Ours = Ours{Verdict: verifier.Unsupported, Code: "none", Message: "our front end finds no program of that name", Insn: -1}
	default:
		row.Ours = v.Verify(object, p.name, opts.Repeat)
	}
	row.Class = classify(row.Kernel.Verdict, row.Ours.Verdict)
	return row
}

func has(o *obj.Object, program string) bool {
	return slices.ContainsFunc(o.Programs, func(p obj.Program) bool { return p.Name == program })
}

// ObjectVerdict asks for a program of an object file: through the cilium/ebpf
// loader, and if that cannot present it to the kernel, as bytecode from object,
// which is what our front end made of the file, or nil.
func (o *Oracle) ObjectVerdict(path, program string, object *obj.Object, set *abi.Set, opts Options) Answer {
	first := o.Ask(Question{Object: path, Program: program, Repeat: opts.Repeat, Log: opts.Log})
	if first.Verdict != Environment || first.Errno != "" || object == nil {
		return first
	}
	for i := range object.Programs {
		p := &object.Programs[i]
		if p.Name != program {
			continue
		}
		c, err := CodeOf(object, p, set)
		if err == nil && c.Type == 0 {
			err = fmt.Errorf("section %q means no program type", p.Section)
		}
		if err != nil {
			first.Message += "; as bytecode: " + err.Error()
			return first
		}
		second := o.Ask(Question{Code: c, Repeat: opts.Repeat, Log: opts.Log})
		if second.Verdict == Environment {
			second.Message = first.Message + "; as bytecode: " + second.Message
		}
		return second
	}
	return first
}

// named is a program's name and section.
type named struct{ name, section string }

// programsOf lists the programs that the cilium/ebpf loader sees in an object file.
func programsOf(path string) (list []named, err error) {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return nil, err
	}
	for name, p := range spec.Programs {
		list = append(list, named{name, p.SectionName})
	}
	return list, nil
}
