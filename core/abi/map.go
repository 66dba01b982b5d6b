package abi

// MapSpec describes one map of an object.
type MapSpec struct {
	Name       string
	Type       uint32 // enum bpf_map_type
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	// Inner is the index plus one of the inner map's template in the object's maps; 0 if none.
	Inner uint32
	// Extra is map_extra: hash functions of a bloom filter, address of an arena, …
	Extra   uint64
	Pinning uint32 // as .maps says (LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME); nothing is pinned
	// Special are the fields of the value that only helpers may touch, ascending by offset; from its BTF.
	Special []Special
}

// Special is a field of a map value that only helpers may touch.
type Special struct {
	Kind   SpecialKind
	Offset uint32
	Size   uint32 // bytes
}

// SpecialKind says what a special field is (enum btf_field_type, include/linux/bpf.h, Linux 6.18).
type SpecialKind uint8

// The special fields. Programs whose maps have one of SpecialOther cannot be decided.
const (
	SpecialLock  SpecialKind = iota // struct bpf_spin_lock
	SpecialTimer                    // struct bpf_timer
	SpecialOther                    // kernel pointers, lists, trees, work queues, …
)

// The map types whose layout compilers know, and the flag of maps that programs
// must not write (enum bpf_map_type and BPF_F_RDONLY_PROG, include/uapi/linux/bpf.h, Linux 6.18).
const (
	MapTypeHash          = 1
	MapTypeArray         = 2
	MapTypeProgArray     = 3
	MapTypePerCPUHash    = 5
	MapTypePerCPUArray   = 6
	MapTypeLRUHash       = 9
	MapTypeLRUPerCPUHash = 10
	MapTypeLPMTrie       = 11
	MapTypeArrayOfMaps   = 12
	MapTypeHashOfMaps    = 13

	MapFlagReadOnlyProg = 1 << 7
)

// Stride is the distance of two values of an array map in bytes: its size
// rounded up to 8 (array_map_alloc, Linux 6.18).
func (m *MapSpec) Stride() uint64 { return (uint64(m.ValueSize) + 7) &^ 7 }

// ArrayBytes is the storage of an array map's values in bytes. It cannot overflow.
func (m *MapSpec) ArrayBytes() uint64 { return m.Stride() * uint64(m.MaxEntries) }
