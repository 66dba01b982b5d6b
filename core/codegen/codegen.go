// Package codegen is the contract between the compiler, its back ends and what
// runs their output. It holds types only.
package codegen

import (
	"context"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// Unit is what a back end compiles: all wanted programs of one object, verified
// and lowered. Back ends must not modify it.
type Unit struct {
	Name     string // of the object
	Programs []*ir.Program
	Entries  []EntryInfo // one per program, same order
	Maps     []abi.MapSpec
	Data     []obj.Data
	Helpers  []abi.Helper // those that ir.RefHelper refers to; bodies are linked in already
	Items    []Item
}

// EntryInfo is what the host of a program must know of it.
type EntryInfo struct {
	Name    string
	Section string
	Type    string // program type, "mem/64"
	Context abi.ContextKind
	// CtxSize is the number of bytes that the host promises at R1.
	CtxSize uint32
	// Return32 says that only the low 32 bits of R0 are the return value.
	Return32 bool
	// StackSize is the BPF stack that the program and what it calls need, in bytes.
	StackSize uint32
	// StackRegion is the size of region ir.RegionStack, the bytes below R10 at entry: StackSize if the
	// program lets an address of its stack out of its sight, else 0: then the region does not exist.
	StackRegion uint32
	// TailDepth is how much of the BPF stack is in use, at most, above a function of the program that makes a tail call:
	// it stays in use while what that leads to runs.
	TailDepth uint32
	// Turn bounds the instructions that run between two polls; 0 if it is not known.
	Turn  uint32
	Lines []obj.Line // source lines, ascending by slot
	Insns int        // BPF slots, for statistics
}

// Item is a part of a set that an artifact relies on, with the digest of its
// definition: loading where one differs is refused, by name.
type Item struct {
	Kind, Name string // "type" "mem", "helper" "test/identity"
	Digest     [32]byte
}

// Backend turns units into artifacts. Implementations are safe for concurrent use.
type Backend interface {
	Target() Target
	// Compile makes one artifact of one object. Same unit and options, same bytes.
	Compile(ctx context.Context, u *Unit, o Options) (*Artifact, error)
}

// Runner is what a back end implements that can also run its artifacts. It is optional.
type Runner interface {
	Open(ctx context.Context, s Spec) (Session, error)
}

// Target names a back end and what it makes code for.
type Target struct {
	Name    string // "amd64", "interp"
	Version string
	// Arch is the architecture (GOARCH) that its code needs, "" for any.
	Arch string
	// CPUs are the CPU levels it knows, lowest first: "x86-64", "x86-64-v2", …
	CPUs []string
	// Opts are the optimisation levels it has.
	Opts []int
	// Features are what it does on demand: see Options.Features.
	Features []string
	// Object says that its artifacts have C entries and can be written as ELF objects.
	Object bool
}

// Options of a compile.
type Options struct {
	// Opt is the optimisation level, 0 or 2.
	Opt int
	// CPU is the level to generate code for; "" is the target's lowest. Never detected by a back end.
	CPU string
	// Object asks for C-callable entries as well (ahead-of-time objects).
	Object bool
	// Features asks for what back ends have names for (Target.Features). One that the back end does not have is refused.
	Features []string
}

// Artifact is compiled code as position-independent data. It is immutable once
// made; Digest covers every other field (Seal, CheckDigest in artifact.go).
type Artifact struct {
	Target  string // Target.Name
	Version string // Target.Version
	Arch    string
	CPU     string
	Name    string // of the object
	Code    []byte
	Rodata  []byte // the back end's own constants, mapped before the code; reached by RelocRodata
	Entries []Entry
	Symbols []Symbol
	Relocs  []Reloc
	Exits   []Exit
	Lines   []LineEntry
	// StackSize is the largest BPF stack of any entry, in bytes.
	StackSize uint32
	Maps      []abi.MapSpec
	Data      []obj.Data
	Helpers   []abi.Helper
	Items     []Item
	Digest    [32]byte
}

// Entry is a program in an artifact.
type Entry struct {
	EntryInfo
	Offset uint32 // of its first instruction in Code: called by the runtime
	// COffset is the offset of `uint64_t NAME(…)`, CChecked that of NAME_checked
	// (Options.Object; both 0 otherwise, see HasC).
	HasC              bool
	COffset, CChecked uint32
}

// Symbol is a function of the image, for listings, debuggers and object files.
// Artifact.Symbols are ascending by Offset and do not overlap.
type Symbol struct {
	Name         string
	Offset, Size uint32
	Global       bool
	// Prog is the index of its entry in Entries, -1 if shared.
	Prog int32
	// CFA describes its frame for .eh_frame: ascending by Offset.
	CFA []CFAStep
}

// CFAStep is a change of the unwinding rule: from Offset (in Code) on, the
// caller's frame begins CFA bytes above rsp; Saved lists all callee-saved registers
// that are saved there (DWARF numbers, System V psABI for amd64 figure 3.36) with their distance below it.
// Before the first step CFA is 8 and nothing is saved.
type CFAStep struct {
	Offset uint32
	CFA    int32
	Saved  []SavedReg
}

// SavedReg is a register saved at (frame begin - Below).
type SavedReg struct {
	Reg   uint8
	Below int32
}

// RelocKind says how a loader fills a field.
type RelocKind uint8

// The relocations. All but RelocAbs64 are 32-bit, relative to the field:
// value = address(symbol) + Addend - address(field).
const (
	RelocNone     RelocKind = iota
	RelocData               // Artifact.Data[Index]
	RelocRodata             // Artifact.Rodata
	RelocMapValue           // value of key 0 of Artifact.Maps[Index]
	RelocHelper             // native code of Artifact.Helpers[Index]
	// RelocFaultHook is the word that holds the address of the weak symbol
	// FaultHook, 0 if nobody defines it. Only in object files (Options.Object): the code of a C entry reads it with
	// `mov r64, [rip+field]`; a loader refuses an entry of the runtime that does.
	RelocFaultHook
	RelocMap // Artifact.Maps[Index] itself: see Map.Address
	// RelocTable is the table of the prog array Artifact.Maps[Index]: a word for each slot, the address where its program is
	// entered, or 0. Code reads it.
	RelocTable
)

// Reloc is a 4-byte field at Offset in Code.
type Reloc struct {
	Offset uint32
	Kind   RelocKind
	Index  int32
	Addend int64
}

// ExitCode says why machine code returned to its host.
type ExitCode uint8

// The exit codes.
const (
	ExitOK     ExitCode = iota // the program returned
	ExitHelper                 // call of a Go or remote helper; resumed
	ExitPoll                   // the slice is used up; resumed
	ExitFault                  // a rule was broken; the run ends
	ExitAbort                  // the host ended the run
)

// Exit is a place where code leaves, identified by the offset in Code of the
// instruction after the one that left: that is where it resumes.
type Exit struct {
	Offset uint32
	Code   ExitCode
	Rule   ir.Rule
	Size   uint8 // of the access
	Write  bool
	Helper int32 // ExitHelper: index in Artifact.Helpers
	Prog   int32 // index in Entries
	Pos    ir.Pos
}

// LineEntry maps the code from Offset up to the next entry to a BPF instruction.
type LineEntry struct {
	Offset uint32
	Prog   int32
	Pos    ir.Pos
}

// Fault is the end of a run that broke a rule. It is an error.
type Fault struct {
	Rule    ir.Rule
	Program string
	Insn    int // slot
	Address uint64
	Size    int
	Write   bool
	Source  *obj.Line // nil if unknown
}
