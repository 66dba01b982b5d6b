// Package obj is the form in which every front end hands over what it has read:
// linked programs, maps, data and source lines. It knows no file format.
package obj

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
)

// Object is the content of one input. It is plain data and owned by its holder;
// nothing in it is shared with the input bytes.
type Object struct {
	Name     string // of the input, for messages: "prog.o", "<stdin>"
	License  string
	Programs []Program
	Maps     []abi.MapSpec
	// Slots are the initial elements of maps of programs and of maps, in the order of the input.
	Slots []Slot
	Data  []Data
	// MapTypes are the types of Maps, by index, and DataTypes those of the Symbols of Data; nil where the input has none.
	MapTypes  []MapTypes
	DataTypes [][]*Type
	// BTF is the raw .BTF section, if there was one.
	BTF []byte
}

// Slot is an initial element of a map: Maps[Map][Key] is the program called Program, or Maps[Inner] if Program is empty.
type Slot struct {
	Map     int
	Key     uint32
	Program string
	Inner   int
}

// Program is one program, linked: the entry function first, then every
// subprogram that it reaches, as Linux gets it from libbpf. Instruction
// numbers are slots and agree with those in the kernel's messages.
type Program struct {
	Name    string // of the entry function
	Section string // "mem/64"; "" if the input has no sections
	// Type is the program type asked for by the input itself, "" to derive it from Section.
	Type string
	// Off is true for programs in a `?section`, which are only used when named.
	Off   bool
	Insns []isa.Insn
	// Refs are the symbolic operands, by slot, in ascending order of Slot. An lddw or a call with a
	// Ref ignores its immediate's bits, except as stated at the RefKind.
	Refs []Ref
	// Funcs are the functions' names and first slots, ascending; the first is the entry at slot 0.
	// It may be empty: then functions are found by the calls that reach them.
	Funcs []FuncInfo
	// Lines are the source lines, ascending by Slot; a line holds until the next entry's slot.
	Lines []Line
}

// Poison is the number of no helper. A call of it stands for an instruction that reads what the kernel
// that the object is adapted to does not have: legal where it is never reached (bpf_core_poison_insn, libbpf 1.6).
const Poison = 0xbad2310

// FuncInfo names the function that begins at Slot.
type FuncInfo struct {
	Slot int
	Name string
	// Global functions are verified alone, for all arguments that their types allow. Params are those types, from BTF.
	Global bool
	Params []Param
}

// Param is the type of a global function's parameter (btf_prepare_func_args, kernel/bpf/btf.c, Linux 6.18).
type Param struct {
	Kind ParamKind
	// Size is that of the memory behind a ParamMem, in bytes.
	Size uint32
	// Struct is the name of the structure that a ParamMem or a ParamOther points to, "" if it is none. If it is that
	// of the program type's context, the parameter is the context: front ends know no program types.
	Struct string
	// NonNull: callers must not pass null.
	NonNull bool
}

// ParamKind says what a parameter is.
type ParamKind uint8

// The kinds of parameters.
const (
	ParamScalar ParamKind = iota
	ParamCtx              // the program's context
	ParamMem              // readable and writable memory
	ParamDynptr           // a dynptr that must only be read
	ParamOther            // a type that cannot be decided
)

// Line is a source position. Text is the source line as BTF stores it, without its newline.
type Line struct {
	Slot      int
	File      string
	Line, Col int // 1-based; 0 if unknown
	Text      string
}

// RefKind says what a Ref refers to.
type RefKind uint8

// The reference kinds.
const (
	RefNone     RefKind = iota
	RefMap              // lddw: the map Index itself
	RefMapValue         // lddw: Addend bytes into the value of key 0 of map Index
	RefData             // lddw: Addend bytes into Data[Index]
	RefFunc             // lddw: the function at slot Index of this program, as a value
	RefHelper           // call: the helper called Name ("set/name" or "bpf_…")
	RefKfunc            // call or lddw: the extern called Name that no front end could resolve
)

// Ref is a symbolic operand of the instruction at Slot.
type Ref struct {
	Slot   int
	Kind   RefKind
	Index  int
	Addend int64
	Name   string
}

// Data is a data section. Its bytes are the initial content.
type Data struct {
	Name     string // ".rodata", ".data.counters", ".bss"
	Bytes    []byte // for .bss: zeros
	ReadOnly bool
	Align    uint32 // a power of two, at least 1
	Symbols  []DataSymbol
	// Relocs are addresses within the section, ascending by Offset.
	Relocs []DataReloc
	// Special are the fields that only helpers may touch, ascending by offset; from its BTF.
	Special []abi.Special
}

// DataSymbol is a named variable in a data section.
type DataSymbol struct {
	Name         string
	Offset, Size uint32
}

// DataReloc is an 8-byte address in a data section: of Data[Index]+Addend.
type DataReloc struct {
	Offset uint32
	Index  int
	Addend int64
}
