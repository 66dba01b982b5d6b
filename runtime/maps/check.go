package maps

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Limits of the kernel on x86-64, Linux 6.18, with pages of 4 KiB.
const (
	page        = 4096
	maxKmalloc  = 4 << 20  // KMALLOC_MAX_SIZE
	maxPerCPU   = 32 << 10 // PCPU_MIN_UNIT_SIZE
	maxBuckets  = 1 << 31
	hashElement = 48 // sizeof(struct htab_elem)
	maxStackKey = 512
	maxTrace    = 127 // kernel.perf_event_max_stack
	maxCPUs     = 8192
	cpuMapQueue = 16384
	maxStorage  = 65535 - 64 // BPF_LOCAL_STORAGE_MAX_VALUE_SIZE, about
	lpmMin      = 4 + 1
	lpmMax      = 4 + 256
	lpmNode     = 40 // sizeof(struct lpm_trie_node)
)

// rule is a condition on a map that is to be made.
type rule struct {
	errno  codegen.Errno
	broken func(*abi.MapSpec) bool
	// msg says what is wrong and what to do; its %d, if any, are what args gives.
	msg  string
	args func(*abi.MapSpec) []any
}

// check applies the rules of every map, then those of the kind, in order.
func (k *kind) check(s, inner *abi.MapSpec, env *Env) error {
	fail := func(errno codegen.Errno, msg string) error {
		return &Error{Map: s.Name, Kind: k.name, Errno: errno, Msg: msg}
	}
	for _, rules := range [][]rule{general, k.early, {flagRule(k.flags), oneAccess}, k.rules} {
		for i := range rules {
			if r := &rules[i]; r.broken(s) {
				return fail(r.errno, r.text(s))
			}
		}
	}
	if k.perCPU && env.CPUs < 1 {
		return fail(einval, "values per CPU need a CPU: give the session one")
	}
	return k.checkInner(s, inner, fail)
}

// flagRule allows the flags of a kind.
func flagRule(allowed uint32) rule {
	return rule{einval, flagged(^allowed), "maps of this kind have no flag %#x: leave it out", func(s *abi.MapSpec) []any {
		f := s.Flags &^ allowed
		return []any{f & -f}
	}}
}

func (r *rule) text(s *abi.MapSpec) string {
	if r.args == nil {
		return r.msg
	}
	return fmt.Sprintf(r.msg, r.args(s)...)
}

func (k *kind) checkInner(s, inner *abi.MapSpec, fail func(codegen.Errno, string) error) error {
	if s.Type != typeArrayOfMaps && s.Type != typeHashOfMaps {
		return nil
	}
	if inner == nil {
		return fail(codegen.EBADF, "it needs a template of its inner maps: declare one")
	}
	in := kindOf(inner.Type)
	switch {
	case in == nil || in.notInner:
		return fail(enotsup, fmt.Sprintf("map %s cannot be an inner map: use another kind", inner.Name))
	case inner.Type == typeArrayOfMaps || inner.Type == typeHashOfMaps:
		return fail(einval, fmt.Sprintf("map %s, the template, is itself a map of maps: one level is all", inner.Name))
	}
	return nil
}

func keySize(s *abi.MapSpec) []any   { return []any{s.KeySize} }
func valueSize(s *abi.MapSpec) []any { return []any{s.ValueSize} }
func entries(s *abi.MapSpec) []any   { return []any{s.MaxEntries} }

// General rules (map_create and bpf_get_file_flag, kernel/bpf/syscall.c, Linux 6.18).
var general = []rule{
	{einval, func(s *abi.MapSpec) bool { return s.Extra != 0 && s.Type != typeBloomFilter }, "only bloom filters and arenas have map_extra: leave it out", nil},
	{einval, both(FlagReadOnly | FlagWriteOnly), "it is both BPF_F_RDONLY and BPF_F_WRONLY: choose one", nil},
	{einval, badSpecial, "a special field lies outside the value: make the value larger", nil},
}

var oneAccess = rule{einval, both(flagsProg), "it is both BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG: choose one", nil}

func both(flags uint32) func(*abi.MapSpec) bool {
	return func(s *abi.MapSpec) bool { return s.Flags&flags == flags }
}

func flagged(flags uint32) func(*abi.MapSpec) bool {
	return func(s *abi.MapSpec) bool { return s.Flags&flags != 0 }
}

func badSpecial(s *abi.MapSpec) bool {
	for _, f := range s.Special {
		if uint64(f.Offset)+uint64(f.Size) > uint64(s.ValueSize) || f.Kind == abi.SpecialLock && f.Offset%4 != 0 {
			return true
		}
	}
	return false
}

// Rules that several kinds share.
var (
	someEntries  = rule{einval, func(s *abi.MapSpec) bool { return s.MaxEntries == 0 }, "it has no entries: set max_entries", nil}
	noEntries    = rule{einval, func(s *abi.MapSpec) bool { return s.MaxEntries != 0 }, "its max_entries is %d: it must be 0, elements come with their objects", entries}
	indexKey     = rule{einval, func(s *abi.MapSpec) bool { return s.KeySize != 4 }, "its keys have %d bytes: an index has 4", keySize}
	noKey        = rule{einval, func(s *abi.MapSpec) bool { return s.KeySize != 0 }, "its keys have %d bytes: maps of this kind have no keys", keySize}
	someKey      = rule{einval, func(s *abi.MapSpec) bool { return s.KeySize == 0 }, "its keys have no size: set key_size", nil}
	someValue    = rule{einval, func(s *abi.MapSpec) bool { return s.ValueSize == 0 }, "its values have no size: set value_size", nil}
	noValue      = rule{einval, func(s *abi.MapSpec) bool { return s.ValueSize != 0 }, "its values have %d bytes: maps of this kind have no values", valueSize}
	numberValue  = rule{einval, func(s *abi.MapSpec) bool { return s.ValueSize != 4 }, "its values have %d bytes: the number of an object has 4", valueSize}
	wordValue    = rule{einval, func(s *abi.MapSpec) bool { return s.ValueSize != 4 && s.ValueSize != 8 }, "its values have %d bytes: they must have 4 or 8", valueSize}
	intValue     = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.ValueSize > 1<<31-1 }, "its values have %d bytes: make them smaller", valueSize}
	kmallocValue = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.ValueSize > maxKmalloc }, "its values have %d bytes: at most 4 MiB are possible", valueSize}
	perCPUValue  = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return round8(uint64(s.ValueSize)) > maxPerCPU }, "its values have %d bytes: per CPU at most 32 KiB are possible", valueSize}
	oneNode      = rule{einval, flagged(FlagNUMANode), "values per CPU have no single NUMA node: leave BPF_F_NUMA_NODE out", nil}
	hashKey      = rule{einval, flagged(FlagNoCommonLRU), "BPF_F_NO_COMMON_LRU is for LRU maps: leave it out", nil}
	elementSize  = rule{codegen.E2BIG, func(s *abi.MapSpec) bool {
		return uint64(s.KeySize)+uint64(s.ValueSize) >= maxKmalloc-hashElement
	}, "key and value have together %d bytes: less than 4 MiB are possible", func(s *abi.MapSpec) []any { return []any{uint64(s.KeySize) + uint64(s.ValueSize)} }}
	fewBuckets = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.MaxEntries > maxBuckets }, "it has %d entries: at most 2^31 are possible", entries}
	preLRU     = rule{enotsup, flagged(FlagNoPrealloc), "LRU maps are made at once: leave BPF_F_NO_PREALLOC out", nil}
	splitLRU   = rule{einval, both(FlagNoCommonLRU | FlagNUMANode), "an LRU list per CPU has no single NUMA node: leave BPF_F_NUMA_NODE out", nil}
	lateAlloc  = rule{einval, func(s *abi.MapSpec) bool { return s.Flags&FlagNoPrealloc == 0 }, "maps of this kind cannot be made at once: add BPF_F_NO_PREALLOC", nil}
	noProg     = rule{einval, flagged(flagsProg), "programs do not access its entries: leave BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG out", nil}
)

// Rules of one kind.
var (
	trieKey = rule{einval, func(s *abi.MapSpec) bool { return s.KeySize < lpmMin || s.KeySize > lpmMax },
		"its keys have %d bytes: 4 for the length of the prefix and 1 to 256 of data are possible", keySize}
	trieValue = rule{einval, func(s *abi.MapSpec) bool { return s.ValueSize > maxKmalloc-lpmMax-lpmNode },
		"its values have %d bytes: less than 4 MiB are possible", valueSize}
	bloomHashes = rule{einval, func(s *abi.MapSpec) bool { return s.Extra > 15 },
		"its map_extra is %d: at most 15 hash functions are possible", func(s *abi.MapSpec) []any { return []any{s.Extra} }}
	traceValue = rule{einval, func(s *abi.MapSpec) bool {
		return s.ValueSize < 8 || s.ValueSize%8 != 0 || s.ValueSize/8 > maxTrace
	}, "its values have %d bytes: 8 for each of at most 127 addresses are possible", valueSize}
	noBuildID = rule{enotsup, flagged(FlagStackBuildID), "this version has no build IDs: leave BPF_F_STACK_BUILD_ID out", nil}
	ringSize  = rule{einval, func(s *abi.MapSpec) bool { return s.MaxEntries%page != 0 || s.MaxEntries&(s.MaxEntries-1) != 0 },
		"its max_entries is %d: the size in bytes must be a power of two and a multiple of 4096", entries}
	knownCPUs = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.MaxEntries > maxCPUs },
		"it has %d entries: there are at most 8192 CPUs", entries}
	stackKey = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.KeySize > maxStackKey },
		"its keys have %d bytes: at most 512 are possible", keySize}
	storageValue = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.ValueSize > maxStorage },
		"its values have %d bytes: less than 64 KiB are possible", valueSize}
	rawPerCPU = rule{codegen.E2BIG, func(s *abi.MapSpec) bool { return s.ValueSize > maxPerCPU },
		"its values have %d bytes: per CPU at most 32 KiB are possible", valueSize}
	cgroupKey = rule{einval, func(s *abi.MapSpec) bool { return s.KeySize != 8 && s.KeySize != 16 },
		"its keys have %d bytes: the number of a cgroup (8), with the attach type of the program (16), is possible", keySize}
)
