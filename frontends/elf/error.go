package elf

import (
	"fmt"
	"strings"
)

// Code names what is wrong with an object. Codes are stable: tests and
// `bpfc explain` match them, not the prose.
type Code string

// The codes.
const (
	CodeNotELF    Code = "elf-not-elf"        // the bytes do not begin like an ELF file
	CodeHeader    Code = "elf-header"         // a malformed ELF header or section table
	CodeEndian    Code = "elf-big-endian"     // a big-endian object
	CodeMachine   Code = "elf-machine"        // an object for another machine, or not a relocatable object
	CodeSection   Code = "elf-section"        // a malformed section
	CodeSymbol    Code = "elf-symbol"         // a malformed symbol
	CodeReloc     Code = "elf-reloc"          // a malformed or unknown relocation
	CodeInsn      Code = "elf-insn"           // a malformed instruction
	CodeFunction  Code = "elf-function"       // functions that overlap, or a jump from one to another
	CodeNoProgram Code = "elf-no-program"     // no function that could be a program
	CodeBTF       Code = "elf-btf"            // malformed .BTF or .BTF.ext
	CodeMap       Code = "elf-map"            // a malformed or unsupported map definition
	CodeCORE      Code = "elf-co-re"          // an instruction that has to be adapted to a kernel
	CodeExtern    Code = "elf-extern"         // a variable or configuration that nobody supplies
	CodeFuncData  Code = "elf-function-data"  // the address of a function or map in data
	CodeLimit     Code = "elf-limit"          // larger than this version handles
	CodeLibrary   Code = "elf-library-panic"  // a library that this package uses gave up
	CodeClang     Code = "elf-clang"          // clang refused the source
	CodeNoClang   Code = "elf-clang-missing"  // there is no clang
	CodeClangFile Code = "elf-clang-no-input" // the C file cannot be read
)

// Error says what is wrong with an object and where. Section, Symbol and Insn
// are empty, empty and -1 where they do not apply. Insn counts 8-byte slots
// from the beginning of Section, as llvm-objdump does.
type Error struct {
	Code    Code
	File    string
	Section string
	Symbol  string
	Insn    int
	Msg     string
	// Unsupported is true for what is well-formed but not handled in this
	// version: the answer is "cannot decide", not "malformed".
	Unsupported bool
	// Err is the cause, if another package found it.
	Err error
}

// Error returns one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	var at []string
	if e.Section != "" {
		at = append(at, "section "+e.Section)
	}
	if e.Insn >= 0 {
		at = append(at, fmt.Sprintf("instruction %d", e.Insn))
	}
	if e.Symbol != "" {
		at = append(at, "symbol "+e.Symbol)
	}
	if len(at) > 0 {
		b.WriteString(strings.Join(at, ", ") + ": ")
	}
	return b.String() + e.Msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// malformed makes an Error without a place.
func malformed(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Insn: -1, Msg: fmt.Sprintf(format, args...)}
}

// unsupported makes an Error without a place for what this version does not handle.
func unsupported(c Code, format string, args ...any) *Error {
	e := malformed(c, format, args...)
	e.Unsupported = true
	return e
}

// in adds the section and the instruction, -1 for none.
func (e *Error) in(section string, insn int) *Error {
	e.Section, e.Insn = section, insn
	return e
}

// on adds the symbol.
func (e *Error) on(symbol string) *Error {
	e.Symbol = symbol
	return e
}
