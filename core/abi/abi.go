// Package abi describes what varies between uses of BPF, as plain data:
// program types, contexts, helper prototypes and map kinds. A helper plugin
// declares a Set once; verifier, lowering and run time read the same
// description. The package contains no behaviour of any helper.
package abi

// Set is what one helper plugin, or several merged by Merge, declares.
// A Set is immutable once it has been merged or passed to a compile.
type Set struct {
	Name     string // of the plugin, e.g. "base"
	Types    []ProgType
	Helpers  []Helper
	MapKinds []MapKind
}

// ProgType is a program type: which sections name it, what it gets, what it
// may call and what it may return.
type ProgType struct {
	Name string // a sized memory type is written NAME/N
	// Sections are patterns of ELF section names: "NAME", "NAME.frags", "NAME/*".
	Sections []string
	Context  Context
	Helpers  []string // names of helpers it may call; "*" is every helper of the merged set
	// Returns is the range of legal return values; both 0 means unrestricted 64 bits.
	Returns Range
}

// Range is an inclusive range of return values with optional names.
type Range struct {
	Min, Max int64
	Names    map[int64]string
}

// ContextKind says how R1 (and R2) are set at entry.
type ContextKind uint8

// The context kinds.
const (
	// CtxNone: R1 is 0.
	CtxNone ContextKind = iota
	// CtxMemory: R1 = memory, R2 = its length in bytes; both 0 without memory.
	// Size bytes are promised by the host.
	CtxMemory
	// CtxStruct: R1 points to a described structure that is accessed by field.
	CtxStruct
)

// Context is the layout of a program type's first argument.
type Context struct {
	Kind   ContextKind
	Name   string // C name of the structure
	Size   uint32 // bytes that the program sees (CtxStruct) or that are promised (CtxMemory)
	Fields []Field
}

// Field is one field of a context, as the program sees it. The zero access is
// read-only; what is not described is refused.
type Field struct {
	Name   string
	Offset uint32
	Size   uint32 // bytes
	Kind   FieldKind
	Access Access
	// Narrow allows loads of a part of the field.
	Narrow bool
	// Native is the byte offset, and NativeSize the size, of the field in the host's own context.
	Native, NativeSize uint32
}

// FieldKind says what a context field holds.
type FieldKind uint8

// The field kinds.
const (
	FieldScalar FieldKind = iota
	FieldPacketStart
	FieldPacketEnd
	FieldPacketMeta
	FieldPointer
)

// Access says which accesses a field allows.
type Access uint8

// The accesses.
const (
	ReadOnly Access = iota
	ReadWrite
	WriteOnly
)

// ArgKind is the kind of a helper's argument, in the kernel's vocabulary
// (enum bpf_arg_type, Linux 6.18).
type ArgKind uint8

// The argument kinds. The pointer kinds are declared; programs of this version cannot call helpers that have them.
const (
	ArgNone       ArgKind = iota // the helper has no such argument
	ArgAny                       // ARG_ANYTHING: any initialised value
	ArgCtx                       // ARG_PTR_TO_CTX
	ArgConstMap                  // ARG_CONST_MAP_PTR
	ArgMapKey                    // ARG_PTR_TO_MAP_KEY
	ArgMapValue                  // ARG_PTR_TO_MAP_VALUE
	ArgMem                       // ARG_PTR_TO_MEM, size in the next argument
	ArgMemWrite                  // ARG_PTR_TO_UNINIT_MEM, size in the next argument
	ArgSize                      // ARG_CONST_SIZE
	ArgSizeOrZero                // ARG_CONST_SIZE_OR_ZERO
	ArgFunc                      // ARG_PTR_TO_FUNC
)

// Scalar reports whether an argument of this kind is a plain number.
func (k ArgKind) Scalar() bool { return k == ArgNone || k == ArgAny }

// RetKind is the kind of a helper's return value (enum bpf_return_type, Linux 6.18).
type RetKind uint8

// The return kinds.
const (
	RetInteger RetKind = iota
	RetVoid
	RetMapValueOrNull
)

// Flags of a helper.
type Flags uint16

// The flags.
const (
	FlagFastcall Flags = 1 << iota // clobbers only R0 and the argument registers of its prototype
	FlagPure                       // result depends on arguments alone, no effects
	FlagInvalidatesPackets
	FlagAcquires
	FlagReleases
	FlagGPL
)

// Impl says how a helper runs, best way first.
type Impl uint8

// The ways to run a helper. ImplNone is declared but not running here: a
// program that calls it is refused by name.
const (
	ImplNone Impl = iota
	ImplIntrinsic
	ImplBody
	ImplNative
	ImplGo
	ImplRemote
)

// Helper is the prototype of a helper function and the way it runs.
type Helper struct {
	// ID is the number that `call ID` uses: the kernel's for standard helpers;
	// for third parties (16-bit hash of the plugin's name) << 16 | n.
	ID   uint32
	Name string // the kernel's for standard helpers, "set/name" for third parties
	Args [5]ArgKind
	Ret  RetKind
	Flags
	Impl Impl
	// Body is the helper as BPF bytecode (little-endian, RFC 9669), of Impl ImplBody.
	Body []byte
	// Native is object code for Target ("amd64"), of ImplNative: position-independent,
	// SysV: uint64_t f(uint64_t × ≤5).
	Native       []byte
	NativeTarget string
}

// NumArgs is the number of arguments of the helper, 0 to 5.
func (h *Helper) NumArgs() int {
	n := 0
	for n < len(h.Args) && h.Args[n] != ArgNone {
		n++
	}
	return n
}

// MapKind is a kind of map that a set knows, by its kernel name and number
// (enum bpf_map_type).
type MapKind struct {
	Name string // "array", "hash", "lru_hash", …
	Type uint32
}
