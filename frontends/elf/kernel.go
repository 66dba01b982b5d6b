package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Types are the types of a kernel, for Options.Kernel. They are immutable and
// safe for concurrent use.
type Types struct {
	spec *btf.Spec
	// flavors are the types whose name is longer than its essential part, by that part.
	flavors map[string][]btf.TypeID
}

// Spec is the types for package btf, which must not be changed.
func (t *Types) Spec() *btf.Spec { return t.spec }

// maxKernelBTF bounds the types of a kernel: those of Linux 6.18 have 5 to 30 MiB.
const maxKernelBTF = 256 << 20

// LoadTypes reads the types of a kernel from raw BTF, as in /sys/kernel/btf/vmlinux,
// or from the section .BTF of an ELF file, as vmlinux itself is; name stands for it in
// messages. It does not keep r. An error is an *Error.
func LoadTypes(name string, r io.ReaderAt) (result *Types, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, panicked(p, debug.Stack())
		}
		var e *Error
		if errors.As(err, &e) {
			e.File = name
		}
	}()
	b, err := rawTypes(r)
	if err != nil {
		return nil, err
	}
	body, text, err := btfParts(b, maxKernelBTF)
	if err != nil {
		return nil, err
	}
	t := &Types{flavors: map[string][]btf.TypeID{}}
	if t.spec, err = btf.LoadSpecFromReader(bytes.NewReader(b)); err != nil {
		return nil, broken(CodeBTF, err)
	}
	t.index(body, text)
	return t, nil
}

// rawTypes reads what r has of BTF.
func rawTypes(r io.ReaderAt) ([]byte, error) {
	magic := make([]byte, len(stdelf.ELFMAG))
	if _, err := r.ReadAt(magic, 0); err == nil && string(magic) == stdelf.ELFMAG {
		return typesSection(r)
	}
	b, err := io.ReadAll(io.NewSectionReader(r, 0, maxKernelBTF+1))
	if err != nil {
		return nil, broken(CodeBTF, err)
	}
	return b, nil
}

// typesSection returns the section .BTF of an ELF file.
func typesSection(r io.ReaderAt) ([]byte, error) {
	e, err := stdelf.NewFile(r)
	if err != nil {
		return nil, broken(CodeHeader, err)
	}
	s := e.Section(".BTF")
	if s == nil || s.Type == stdelf.SHT_NOBITS {
		return nil, malformed(CodeBTF, "the file has no section .BTF, which holds the types")
	}
	if s.Size > maxKernelBTF {
		return nil, unsupported(CodeLimit, "%d bytes of types, the limit is %d", s.Size, maxKernelBTF).in(".BTF", -1)
	}
	raw, err := s.Data()
	if err != nil {
		return nil, broken(CodeBTF, err).in(".BTF", -1)
	}
	return raw, nil
}

// Sizes of what follows the 12 bytes of a type, by kind: for each element, or
// once (include/uapi/linux/btf.h, Linux 6.18).
var btfTail = [...]struct{ each, once int }{
	1: {once: 4}, 3: {once: 12}, 4: {each: 12}, 5: {each: 12}, 6: {each: 8}, 13: {each: 8},
	14: {once: 4}, 15: {each: 12}, 17: {once: 4}, 19: {each: 12},
}

// index finds the types with a flavor in their name. It ends at a kind that it does not know,
// which the library has refused before.
func (t *Types) index(body, text []byte) {
	le := binary.LittleEndian
	for id := btf.TypeID(1); len(body) >= btfTypeSize; id++ {
		name, info := le.Uint32(body), le.Uint32(body[4:])
		tail := 0
		if kind := int(info >> 24 & 0x1f); kind < len(btfTail) {
			tail = btfTail[kind].once + btfTail[kind].each*int(info&0xffff)
		}
		if uint64(name) < uint64(len(text)) {
			full, _, _ := bytes.Cut(text[name:], []byte{0})
			if base := essential(string(full)); len(base) < len(full) {
				t.flavors[base] = append(t.flavors[base], id)
			}
		}
		body = body[min(btfTypeSize+tail, len(body)):]
	}
}

// essential is a type's name without its flavor: what follows the last "___".
func essential(name string) string {
	if i := strings.LastIndex(name, "___"); i > 0 {
		return name[:i]
	}
	return name
}

// candidates returns the types that a local type may be in the kernel: those of
// its kind and essential name, by number.
func (t *Types) candidates(local btf.Type) ([]btf.Type, error) {
	name := essential(local.TypeName())
	list, err := t.spec.AnyTypesByName(name)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return nil, err
	}
	for _, id := range t.flavors[name] {
		typ, err := t.spec.TypeByID(id)
		if err != nil {
			return nil, err
		}
		list = append(list, typ)
	}
	return slices.DeleteFunc(list, func(c btf.Type) bool { return !sameKind(local, c) }), nil
}
