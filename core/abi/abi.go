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
	// Structs are the structures that fields and helpers lead to: sockets, flow keys, …
	Structs []Context
}

// ProgType is a program type: which sections name it, what it gets, what it
// may call and what it may return. A type of the kernel that is attached in
// several ways with different rules is one ProgType for each: "cgroup_skb",
// "cgroup_skb/egress".
type ProgType struct {
	Name string // a sized memory type is written NAME/N
	// Sections are patterns of ELF section names: "NAME", "NAME.frags", "NAME/*", "NAME/*/TARGET".
	// Where several match, the longest pattern wins.
	Sections []string
	Context  Context
	Helpers  []string // names of helpers it may call; "*" is every helper of the merged set
	// Variants are the helpers whose prototype is another one for this type than the
	// set's of the same number: one that takes a context here and a socket elsewhere.
	Variants []Helper
	// Returns is the range of legal return values; not Bounded means unrestricted 64 bits.
	Returns Range
	// Packet says how a program may use packet pointers of its context.
	Packet PacketAccess
	// PacketArgs says which helpers take packet pointers for memory arguments.
	PacketArgs PacketArgs
	// LoadAbs allows LD_ABS and LD_IND (may_access_skb, kernel/bpf/verifier.c, Linux 6.18).
	LoadAbs bool
	// Loads names the helper that does such loads: (offset, size) gives the value, or a negative number.
	Loads string
	// Kernel and Attach are the numbers of enum bpf_prog_type and enum bpf_attach_type
	// (include/uapi/linux/bpf.h, Linux 6.18) that a loader for the kernel passes; Kernel 0 if it has no such type.
	Kernel, Attach uint32
	// Sleepable programs may call helpers that sleep.
	Sleepable bool
	// Unsupported says why programs of the type cannot be decided, "" if they can.
	Unsupported string
}

// PacketAccess says what a program may do with the bytes behind packet pointers
// (may_access_direct_pkt_data, kernel/bpf/verifier.c, Linux 6.18).
type PacketAccess uint8

// The packet accesses.
const (
	PacketNone PacketAccess = iota
	PacketRead
	PacketReadWrite
)

// PacketArgs says which helpers take packet pointers for memory arguments
// (may_access_direct_pkt_data, kernel/bpf/verifier.c, Linux 6.18).
type PacketArgs uint8

// The helpers that take packet pointers.
const (
	PacketArgsFlagged PacketArgs = iota // those with FlagPacket
	PacketArgsNone
	PacketArgsAll
)

// Range is an inclusive range of return values with optional names.
type Range struct {
	Min, Max int64
	Names    map[int64]string
	// Zero: the only legal value is 0.
	Zero bool
}

// Bounded reports whether the range restricts anything.
func (r *Range) Bounded() bool { return r.Zero || r.Min != 0 || r.Max != 0 }

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

// Context is the layout of a program type's first argument, or of a structure of
// a Set. A structure of kind CtxMemory is plain memory: every byte may be read and
// written, in any piece, and its fields only name the bytes.
type Context struct {
	Kind   ContextKind
	Name   string // C name of the structure
	Size   uint32 // bytes that the program sees (CtxStruct) or that are promised (CtxMemory)
	Fields []Field
	// Opaque: nothing describes its fields. Programs that use them cannot be decided.
	Opaque bool
	// Private is how many bytes of the host's form, behind what programs see, are the implementation's own: see Place.
	Private uint32
	// Is names the structures that one of this kind also counts as: a struct bpf_tcp_sock is a struct bpf_sock_common.
	Is []string
}

// Field is one field of a context, as the program sees it. The zero access is
// read-only; what is not described is refused. An access is legal if it is
// aligned to its size and is Unit bytes at a multiple of Unit from Offset, or
// as Narrow and Wide say. Fields may overlap: an access is legal if one allows it.
type Field struct {
	Name   string
	Offset uint32
	Size   uint32 // bytes of the whole field, an array's too
	Unit   uint32 // bytes of the access that the field is meant for; 0: Size
	Signed bool   // C programs declare it with a sign
	Kind   FieldKind
	Access Access
	// Narrow allows loads of a power of two of bytes inside one unit
	// (bpf_ctx_narrow_access_ok, include/linux/filter.h, Linux 6.18); NarrowWrite stores too.
	Narrow, NarrowWrite bool
	// NarrowFirst allows such loads only at the start of the field.
	NarrowFirst bool
	// Wide is the size of a wider access that is also legal, at multiples of it from the start of the context (8, for two 4-byte units); 0 if none.
	Wide uint32
	// Struct is the structure of the Set that a FieldPointer leads to; empty: Mem bytes of readable memory.
	Struct string
	Mem    uint32
	// OrNull: the pointer may be null and has to be tested.
	OrNull bool
	// Max bounds a scalar's value, inclusive; 0 if nothing is known.
	Max uint64
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
	FieldFlowKeys // a pointer to the structure Struct, which the program may write
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
// (enum bpf_arg_type, include/linux/bpf.h, Linux 6.18).
type ArgKind uint8

// The argument kinds. "Sized" memory has its length in the next argument, which is ArgSize or ArgSizeOrZero;
// "fixed" memory has Helper.Sizes[i] bytes.
const (
	ArgNone           ArgKind = iota // the helper has no such argument
	ArgAny                           // ARG_ANYTHING: any initialised value
	ArgCtx                           // ARG_PTR_TO_CTX
	ArgConstMap                      // ARG_CONST_MAP_PTR: a map, of a kind that lists the helper
	ArgMapKey                        // ARG_PTR_TO_MAP_KEY: readable memory of the map's key size
	ArgMapValue                      // ARG_PTR_TO_MAP_VALUE: readable memory of the map's value size
	ArgMem                           // ARG_PTR_TO_MEM | MEM_RDONLY, sized
	ArgMemWrite                      // ARG_PTR_TO_UNINIT_MEM, sized: the helper writes it
	ArgSize                          // ARG_CONST_SIZE: at least 1
	ArgSizeOrZero                    // ARG_CONST_SIZE_OR_ZERO
	ArgFunc                          // ARG_PTR_TO_FUNC: a function as Helper.Callback describes it
	ArgMemOrNull                     // ARG_PTR_TO_MEM | PTR_MAYBE_NULL, sized; null is legal with size 0 only
	ArgMapValueOut                   // ARG_PTR_TO_MAP_VALUE | MEM_UNINIT: the helper writes it
	ArgMapKeyOrNull                  // null or readable memory of the map's key size
	ArgFixedMem                      // ARG_PTR_TO_FIXED_SIZE_MEM: the helper reads it
	ArgFixedMemWrite                 // ARG_PTR_TO_FIXED_SIZE_MEM | MEM_WRITE, MEM_UNINIT: the helper writes it
	ArgAllocSize                     // ARG_CONST_ALLOC_SIZE_OR_ZERO: a constant, the size of the memory returned
	ArgCtxOrNull                     // ARG_PTR_TO_CTX_OR_NULL
	ArgStackOrNull                   // ARG_PTR_TO_STACK_OR_NULL: what a callback gets as its context
	ArgStruct                        // a structure that is Helper.Structs[i] (ARG_PTR_TO_SOCKET, ARG_PTR_TO_SOCK_COMMON, …)
	ArgStructOrNull                  // the same, or null
	ArgSpinLock                      // ARG_PTR_TO_SPIN_LOCK: the lock in a map value
	ArgTimer                         // ARG_PTR_TO_TIMER: a timer in a map value
	ArgRecord                        // ARG_PTR_TO_RINGBUF_MEM: memory that a helper with FlagAcquires returned, whole
	ArgConstString                   // ARG_PTR_TO_CONST_STR: a string in read-only data
	ArgDynptr                        // ARG_PTR_TO_DYNPTR: an initialised dynptr on the stack, 16 bytes
	ArgDynptrInit                    // ARG_PTR_TO_DYNPTR | MEM_UNINIT: a stack slot that becomes one; Helper.Dynptr says of which kind
	ArgDynptrRecord                  // ARG_PTR_TO_DYNPTR | DYNPTR_TYPE_RINGBUF
	ArgIter                          // an open-coded iterator on the stack; FlagIterNew, FlagIterNext, FlagIterDestroy say what happens to it
	ArgKptr                          // ARG_KPTR_XCHG_DEST: a pointer field in a map value
	ArgConst                         // a number that is known when the program is verified
	ArgFlagZero                      // a number that must be 0
	ArgMapIndex                      // the index of a map among the program's maps, known when it is verified: the tables of 2014
	ArgMemWriteOrNull                // ARG_PTR_TO_MEM_OR_NULL | MEM_WRITE, sized: the helper writes it; null is legal with size 0, and with any size of kind ArgConst (the arguments "__opt" and "__szk" of kernel functions)
	ArgMapValueOrNull                // null or readable memory of the map's value size
)

// Scalar reports whether an argument of this kind is a plain number.
func (k ArgKind) Scalar() bool { return k == ArgNone || k == ArgAny }

// RetKind is the kind of a helper's return value (enum bpf_return_type, include/linux/bpf.h, Linux 6.18).
type RetKind uint8

// The return kinds.
const (
	RetInteger         RetKind = iota // within Helper.Returns, if that is not empty
	RetVoid                           // R0 has no value
	RetMapValueOrNull                 // RET_PTR_TO_MAP_VALUE_OR_NULL; of a map of maps: the inner map
	RetMapValue                       // RET_PTR_TO_MAP_VALUE
	RetMemOrNull                      // RET_PTR_TO_MEM_OR_NULL: as many bytes as the argument of kind ArgAllocSize says, or Helper.RetSize
	RetMem                            // RET_PTR_TO_MEM: Helper.RetSize bytes
	RetStructOrNull                   // a structure Helper.RetStruct
	RetStruct                         // never null
	RetDynptrMemOrNull                // RET_PTR_TO_DYNPTR_MEM_OR_NULL: as many bytes as the argument of kind ArgConst or ArgAllocSize says; read-only with FlagReadOnly
)

// Flags of a helper.
type Flags uint32

// The flags.
const (
	FlagFastcall           Flags = 1 << iota // clobbers only R0 and the argument registers of its prototype (bpf_fastcall, kernel/bpf/verifier.c, Linux 6.18); counts where the call is expanded, and is checked of bodies (Check)
	FlagPure                                 // result depends on arguments alone, no effects
	FlagInvalidatesPackets                   // packet pointers are stale afterwards (bpf_helper_changes_pkt_data, net/core/filter.c)
	FlagAcquires                             // the result is a reference that must be released
	FlagReleases                             // releases the reference of its argument that has one
	FlagGPL                                  // only for programs with a licence compatible with the GPL
	FlagPacket                               // memory arguments may be packet pointers (pkt_access)
	FlagReturnsLength                        // the result is at most the size argument, or a negative errno ≥ -4095
	FlagTailCall                             // does not return if it succeeds
	FlagLock                                 // takes the lock of its argument; until it is unlocked no other helper may be called
	FlagUnlock                               // releases that lock
	FlagSleeps                               // only in sleepable programs
	FlagReadOnly                             // the memory returned must not be written
	FlagIterNew                              // initialises an iterator
	FlagIterNext                             // returns its next element, or null when it has ended
	FlagIterDestroy                          // ends it
	FlagCasts                                // the result is another view of the structure of its argument: the same reference, gone when that is released (is_ptr_cast_function, kernel/bpf/verifier.c)
	FlagAnyType                              // programs of every type may call it (bpf_base_func_proto, kernel/bpf/helpers.c)
	FlagInternal                             // no program may call it: expansions do (Helper.With, ProgType.Loads)
)

// CallbackArg is what a callback gets in an argument register.
type CallbackArg uint8

// The callback arguments.
const (
	CbNone     CallbackArg = iota // not initialised
	CbScalar                      // any number
	CbMap                         // the map of the call
	CbMapKey                      // a key of that map, read-only
	CbMapValue                    // a value of that map
	CbCtx                         // the argument of kind ArgStackOrNull of the call, as it is
	CbDynptr                      // a dynptr that must only be read
	CbUnknown                     // a structure that no set describes: programs that use it cannot be decided
)

// Callback describes the function that a helper calls.
type Callback struct {
	Args    [5]CallbackArg
	Returns Range // legal return values
	// Async: the function runs later, on its own; the call itself does not run it.
	Async bool
	// Many: it runs any number of times, none included; otherwise once at most.
	Many bool
}

// DynptrKind says what a dynptr leads to (enum bpf_dynptr_type, include/linux/bpf.h, Linux 6.18).
type DynptrKind uint8

// The kinds of dynptrs.
const (
	DynptrNone DynptrKind = iota
	DynptrLocal
	DynptrRecord // of a ring buffer: a reference that must be submitted or discarded
	DynptrPacket // of an skb or xdp frame: slices go stale as packet pointers do
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

// Intrinsic is a meaning that compilers know, so that a helper which has it costs no call. Any set may name one. Where
// an argument is not what the expansion does, it calls the helper, which says what happens then.
type Intrinsic uint8

// The intrinsics.
const (
	IntrinsicNone        Intrinsic = iota
	IntrinsicMapLookup             // (map, key): the address of the value, 0 if there is none
	IntrinsicTailCall              // (ctx, map, index): go on in the program at the index, as if called in this one's place
	IntrinsicLoop                  // (count, function, context, flags): call function(i, context) until it returns 1
	IntrinsicForEach               // (map, function, context, flags): call function(map, key, value, context) until it returns 1
	IntrinsicCPU                   // (): the number of the virtual CPU
	IntrinsicRandom                // (): the upper half of the next number of SplitMix64, from the virtual CPU's state: see codegen.Call
	IntrinsicMapUpdate             // (map, key, value, flags): set the value at the key
	IntrinsicSumDiff               // (old, bytes, new, bytes, sum): the Internet checksum's 16-bit sum without old and with new
	IntrinsicPacketLoad            // (ctx, offset, memory, bytes): copy what the packet has at the offset
	IntrinsicPacketStore           // (ctx, offset, memory, bytes[, flags]): the other way; flags are 0 or the helper's to know
	numIntrinsics
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
	// C is the prototype as C programs declare it, "long bpf_x(void *map, __u64 flags)"; "" if its kinds say it all.
	C string
	// Sizes and Structs are the bytes and the structures of the arguments whose kinds need them.
	Sizes   [5]uint32
	Structs [5]string
	// RetSize and RetStruct describe what the result leads to; Returns bounds it if it is a number.
	RetSize   uint32
	RetStruct string
	Returns   Range
	// Callback describes the function of an argument of kind ArgFunc.
	Callback *Callback
	// Dynptr is the kind of dynptr that an argument of kind ArgDynptrInit becomes.
	Dynptr DynptrKind
	Impl   Impl
	// Intrinsic, if set, is how compilers expand the call where they can; where they cannot, it is called as Impl says.
	Intrinsic Intrinsic
	// With names the helper that the expansion calls, if it needs one.
	With string
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
	// Helpers are those that programs may call with a map of the kind
	// (check_map_func_compatibility, kernel/bpf/verifier.c, Linux 6.18).
	Helpers []string
	// Values: a lookup gives an address of the value. Maps of maps give the inner map, maps of sockets a structure.
	Values MapValues
	// Struct is the structure that a lookup gives, for ValuesStruct and ValuesBorrowed.
	Struct string
	// Direct: the value of key 0 can be addressed by an lddw (map_direct_value_addr; array maps).
	Direct bool
	// Indexed: every key below max_entries has a value, so that a lookup of a known key finds one.
	Indexed bool
}

// MapValues says what a lookup in a map gives.
type MapValues uint8

// What lookups give.
const (
	ValuesNone     MapValues = iota // programs cannot look up
	ValuesMemory                    // the value's address
	ValuesMap                       // the inner map
	ValuesStruct                    // a structure, as a reference that must be released (sockmap)
	ValuesBorrowed                  // a structure that is not a reference (xskmap)
)
