package builtin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/frontends/raw"
)

// Kind is a kind of input.
type Kind uint8

// The kinds of input.
const (
	KindELF     Kind = iota // a relocatable BPF object
	KindC                   // C source, compiled by clang
	KindAsm                 // assembly text
	KindHex                 // bytecode as hex digits
	KindRaw                 // bytecode
	KindClassic             // a filter of classic BPF, in any of its forms
)

var kindNames = [...]string{KindELF: "ELF object", KindC: "C source", KindAsm: "assembly", KindHex: "hex", KindRaw: "bytecode", KindClassic: "a classic filter"}

// String is the kind's name in messages.
func (k Kind) String() string { return kindNames[k] }

// extensions decide the kind before the content is looked at.
var extensions = map[string]Kind{
	".o": KindELF, ".elf": KindELF,
	".c": KindC,
	".s": KindAsm, ".asm": KindAsm,
	".hex": KindHex,
	".bin": KindRaw, ".raw": KindRaw, ".bpf": KindRaw,
	".cbpf": KindClassic, ".ddd": KindClassic, ".dd": KindClassic,
}

var elfMagic = []byte("\x7fELF")

// Detect tells the kind of an input by its name's extension, else by its content.
func Detect(name string, b []byte) Kind {
	if kind, ok := extensions[strings.ToLower(filepath.Ext(name))]; ok {
		return kind
	}
	switch {
	case bytes.HasPrefix(b, elfMagic):
		return KindELF
	case surelyClassic(b):
		return KindClassic
	case isHex(b):
		return KindHex
	case isText(b):
		return KindAsm
	}
	return KindRaw
}

// isHex reports whether b consists of at least one pair of hex digits and blanks.
func isHex(b []byte) bool {
	digits := 0
	for _, c := range bytes.ReplaceAll(b, []byte("0x"), nil) {
		switch {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			digits++
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			return false
		}
	}
	return digits > 1
}

// isText reports whether b looks like text that a person wrote.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

// ReadOptions say how inputs are read. The zero value is the default.
type ReadOptions struct {
	// Dialect of assembly: "kernel", "ubpf" or "2014"; "" recognises it. Or of classic filters: "pcap", "linux" or "seccomp";
	// then the input is one, and without it a filter has the dialect of its form (cbpf.Format.Dialect).
	Dialect string
	// Form of a classic filter: "ddd", "dd", "line", "asm" or "raw"; "" recognises it. With it the input is a filter.
	Form string
	// Type is the program type asked for, or "". A classic filter becomes a program of it if that is one of the kernel's for
	// packets; to other inputs it means nothing.
	Type string
	// Clang is the program that compiles C; "" searches for it. ClangFlags are passed on to it.
	Clang      string
	ClangFlags []string
	// Kernel are the types that CO-RE relocations of objects are solved for; nil refuses those that need them.
	Kernel *elf.Types
	// Config are the values of an object's .kconfig externs by name; see elf.Options.
	Config map[string]string
	// Messages gets what clang prints; nil drops it.
	Messages io.Writer
}

// elf are the options of the front end for objects.
func (o *ReadOptions) elf() elf.Options { return elf.Options{Kernel: o.Kernel, Config: o.Config} }

// ReadObject reads the input b of any kind; name stands for it in messages and
// its extension tells the kind, else the content does. For C, name must be the
// path of a file: clang reads it, not b. The caller owns the result; b is not
// kept. Errors are those of the front ends, and a *NameError.
func ReadObject(ctx context.Context, name string, b []byte, o ReadOptions) (*obj.Object, error) {
	object, err := parse(ctx, name, b, o)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkLength(object), checkText(object)); err != nil {
		return nil, err
	}
	return object, nil
}

func parse(ctx context.Context, name string, b []byte, o ReadOptions) (*obj.Object, error) {
	switch o.Kind(name, b) {
	case KindClassic:
		return readClassic(name, b, o)
	case KindC:
		object, err := elf.Clang{Path: o.Clang, Stderr: o.Messages}.Compile(ctx, name, o.ClangFlags)
		if err != nil {
			return nil, err
		}
		return elf.Parse(name, object, o.elf())
	case KindAsm:
		return readAsm(name, b, o)
	case KindHex:
		return raw.Parse(name, b, raw.Hex)
	case KindRaw:
		if err := checkBytes(name, b); err != nil {
			return nil, err
		}
		return raw.Parse(name, b, raw.Binary)
	}
	return elf.Parse(name, b, o.elf())
}

// ReadFile reads the file at path as ReadObject does.
func ReadFile(ctx context.Context, path string, o ReadOptions) (*obj.Object, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ReadObject(ctx, path, b, o)
}

func readAsm(name string, b []byte, o ReadOptions) (*obj.Object, error) {
	dialect, err := ParseDialect(o.Dialect)
	if err != nil {
		return nil, err
	}
	return asm.Parse(name, b, asm.Options{Dialect: dialect})
}
