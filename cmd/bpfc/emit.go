package main

import (
	"bytes"
	"strings"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/objfile"
)

// need says how much of the house a product needs.
type need int

const (
	needInput   need = iota // the front end
	needSet                 // also a helper set
	needBackend             // also a back end
)

// product is a kind of output of compile.
type product struct {
	name   string
	ext    string // added to the base name if there are several
	binary bool
	object bool // needs C entries
	needs  need
	make   func(*compilation) ([]byte, error)
}

// allProducts are the values of --emit.
var allProducts = []product{
	{"obj", ".o", true, true, needBackend, emitObject},
	{"bin", ".bin", true, false, needBackend, emitCode},
	{"asm", ".s", false, false, needBackend, emitAsm},
	{"listing", ".lst", false, false, needBackend, emitListing},
	{"ir", ".ir", false, false, needSet, emitIR},
	{"header", ".h", false, true, needBackend, emitHeader},
	{"bpf", ".bpf", true, false, needInput, emitBPF},
	{"bpfobj", ".bpf.o", true, false, needInput, emitBPFObject},
}

func productNames() string {
	var names []string
	for _, p := range allProducts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// products looks up the kinds that --emit names, each once.
func products(names []string) ([]product, error) {
	var wanted []product
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		found := false
		for _, p := range allProducts {
			if p.name == name {
				wanted, found = append(wanted, p), true
			}
		}
		if !found {
			return nil, usage("--emit knows no kind %q: kinds are %s", name, productNames())
		}
	}
	if len(wanted) == 0 {
		return nil, usage("--emit is empty: kinds are %s", productNames())
	}
	return wanted, nil
}

func needsObject(wanted []product) bool {
	for _, p := range wanted {
		if p.object {
			return true
		}
	}
	return false
}

func emitObject(u *compilation) ([]byte, error) {
	a, err := u.artifact()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = objfile.Write(&out, a, objfile.Options{Debug: u.debug})
	return out.Bytes(), err
}

func emitHeader(u *compilation) ([]byte, error) {
	a, err := u.artifact()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = objfile.Header(&out, a, u.headerName, u.set)
	return out.Bytes(), err
}

// emitCode is the machine code alone, as the runtime calls it. Code that refers
// to anything outside it would be wrong without a linker.
func emitCode(u *compilation) ([]byte, error) {
	a, err := u.bare()
	if err != nil {
		return nil, err
	}
	if a.Arch != "amd64" {
		return nil, &codegen.UnsupportedError{What: "--emit bin with back end " + a.Target, Msg: "it makes no machine code; use --backend amd64"}
	}
	if len(a.Relocs) > 0 {
		return nil, &codegen.UnsupportedError{What: "--emit bin of code that refers to data, maps or helpers", Msg: "use --emit obj, which a linker completes"}
	}
	return a.Code, nil
}

// emitIR is the IR that the back end gets.
func emitIR(u *compilation) ([]byte, error) {
	unit, err := core.Lower(u.object, u.set, u.opts)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for i, p := range unit.Programs {
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(ir.String(p))
	}
	return []byte(text.String()), nil
}

// emitBPF is the linked bytecode of one program.
func emitBPF(u *compilation) ([]byte, error) {
	p, err := u.single()
	if err != nil {
		return nil, err
	}
	return bytecode(p)
}

// emitBPFObject is one program as an object that loaders of the kernel take. They know functions of a program by symbols only.
func emitBPFObject(u *compilation) ([]byte, error) {
	p, err := u.single()
	switch {
	case err != nil:
		return nil, err
	case p.Section == "":
		return nil, usage("%s names no section, which tells loaders its type: a classic filter has one with --type sched_cls or --type xdp", u.object.Name)
	case len(p.Refs) > 0:
		return nil, &codegen.UnsupportedError{What: "--emit bpfobj of " + p.Name, Msg: "it refers to maps, data, helpers or functions by name; keep the object file that it is from"}
	}
	code, err := isa.Encode(p.Insns)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = objfile.WriteBPF(&out, p.Name, p.Section, u.object.License, code)
	return out.Bytes(), err
}

// single is the one program that bytecode is made of.
func (u *compilation) single() (*obj.Program, error) {
	var some []*obj.Program
	for i := range u.object.Programs {
		p := &u.object.Programs[i]
		if len(u.opts.Programs) == 0 && !p.Off || len(u.opts.Programs) > 0 && u.opts.Programs[0] == p.Name {
			some = append(some, p)
		}
	}
	if len(some) != 1 || len(u.opts.Programs) > 1 {
		return nil, usage("bytecode is that of one program: choose it with --prog: %s", programNames(u.object))
	}
	return some[0], nil
}

// bytecode encodes a linked program. Bytecode has no names, so that a program
// that refers to maps, data or helpers by name has none.
func bytecode(p *obj.Program) ([]byte, error) {
	for _, r := range p.Refs {
		if r.Kind != obj.RefFunc {
			return nil, &codegen.UnsupportedError{What: "bytecode of " + p.Name, Msg: "it refers to maps, data or helpers by name, which bytecode cannot hold; keep the object file"}
		}
	}
	insns := append([]isa.Insn(nil), p.Insns...)
	for _, r := range p.Refs {
		insns[r.Slot] = isa.LoadFunc(insns[r.Slot].Dst, int32(r.Index-r.Slot-1))
	}
	return isa.Encode(insns)
}
