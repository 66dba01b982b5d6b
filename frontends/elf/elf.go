// Package elf reads relocatable BPF objects, as clang and gcc write them, and
// links each program in them with the functions, maps and data it refers to.
//
// The ELF container is read by debug/elf and the types in .BTF by cilium/ebpf;
// instructions are decoded from the bytes of their sections by core/isa, so that
// no bit is lost. Relocations are those of the BPF psABI that LLVM documents
// (docs/CompilerWriterInfo and Linux Documentation/bpf/llvm_reloc.rst, 6.18);
// programs, subprograms and maps are found as libbpf 1.6 finds them.
package elf

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/bpfc/bpfc/core/obj"
)

// Limits on what an object may claim or make of itself.
const (
	// maxInsns is what Linux 6.18 accepts in one program (BPF_COMPLEXITY_LIMIT_INSNS).
	maxInsns = 1_000_000
	// maxLinked bounds all programs of an object together: shared subprograms are linked into each.
	maxLinked = 4 * maxInsns
	// maxData bounds all data sections together; .bss claims its size without bytes in the file.
	maxData = 64 << 20
	// maxAlign is a page, more than any data of a BPF program needs.
	maxAlign = 4096
)

// Options change how an object is read. The zero value is the default.
type Options struct {
	// MaxInsns is the limit on the instruction slots of one program, at most
	// the default of 1,000,000, which 0 stands for.
	MaxInsns int
	// Kernel are the types that CO-RE relocations are solved for; nil refuses the relocations that need them.
	Kernel *Types
	// Config are the values of .kconfig externs by name, as a kernel's configuration writes them: 250, y, m, "text".
	// LINUX_KERNEL_VERSION may be written 6.18.0. See DefaultConfig for those that need not be given.
	Config map[string]string
}

func (o Options) maxInsns() int {
	if o.MaxInsns <= 0 || o.MaxInsns > maxInsns {
		return maxInsns
	}
	return o.MaxInsns
}

// Parse reads the object b; name stands for it in messages. The result shares
// nothing with b. Programs are ordered by section and position. An error is an
// *Error. Parse is safe for concurrent use; time and memory are linear in the
// size of b and of the linked programs.
func Parse(name string, b []byte, o Options) (result *obj.Object, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, panicked(p, debug.Stack())
		}
		var e *Error
		if errors.As(err, &e) {
			e.File = name
		}
	}()
	f, err := open(b)
	if err != nil {
		return nil, err
	}
	f.options = o
	return f.object(name)
}

// panicked turns the panic of a library into an error that names it. Panics of
// our own are bugs and go on.
func panicked(p any, stack []byte) error {
	for _, library := range []string{"debug/elf", "github.com/cilium/ebpf/btf"} {
		if bytes.Contains(stack, []byte(library+".")) {
			e := malformed(CodeLibrary, "%s cannot read this object: %v; it is probably damaged", library, p)
			e.Err = fmt.Errorf("%s: %v", library, p)
			return e
		}
	}
	panic(p)
}

// steps read everything but the programs in its order: what later ones refer to comes first.
func (f *file) steps() []func() error {
	return []func() error{f.refuse, f.fromGNU, f.readTypes, f.readMaps, f.readData, f.readConfig, f.relocateData, f.readCode, f.fillMaps, f.solve}
}

// object reads the file and links its programs.
func (f *file) object(name string) (*obj.Object, error) {
	for _, step := range f.steps() {
		if err := step(); err != nil {
			return nil, err
		}
	}
	programs, err := f.link(f.options.maxInsns())
	if err != nil {
		return nil, err
	}
	return &obj.Object{
		Name:     name,
		License:  f.license(),
		Programs: programs,
		Maps:     f.maps,
		Slots:    f.slots,
		Data:     f.data,

		MapTypes:  f.mapTypes,
		DataTypes: f.dataTypes(),

		BTF: bytes.Clone(f.bytesOf(".BTF")),
	}, nil
}

// license is the string in the section of that name, "" without one.
func (f *file) license() string {
	text, _, _ := bytes.Cut(f.bytesOf("license"), []byte{0})
	return clean(string(text))
}
