package maps

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// The map types (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
const (
	typeHash                = 1
	typeArray               = abi.MapTypeArray
	typeProgArray           = 3
	typePerfEventArray      = 4
	typePerCPUHash          = 5
	typePerCPUArray         = 6
	typeStackTrace          = 7
	typeCgroupArray         = 8
	typeLRUHash             = 9
	typeLRUPerCPUHash       = 10
	typeLPMTrie             = 11
	typeArrayOfMaps         = 12
	typeHashOfMaps          = 13
	typeDevMap              = 14
	typeSockMap             = 15
	typeCPUMap              = 16
	typeXSKMap              = 17
	typeSockHash            = 18
	typeCgroupStorage       = 19
	typePerCPUCgroupStorage = 21
	typeQueue               = 22
	typeStack               = 23
	typeSKStorage           = 24
	typeDevMapHash          = 25
	typeRingBuf             = 27
	typeInodeStorage        = 28
	typeTaskStorage         = 29
	typeBloomFilter         = 30
	typeCgrpStorage         = 32
)

// The flags of maps (include/uapi/linux/bpf.h, Linux 6.18).
const (
	FlagNoPrealloc    = 1 << 0
	FlagNoCommonLRU   = 1 << 1
	FlagNUMANode      = 1 << 2
	FlagReadOnly      = 1 << 3 // user space cannot write
	FlagWriteOnly     = 1 << 4 // user space cannot read
	FlagStackBuildID  = 1 << 5
	FlagZeroSeed      = 1 << 6
	FlagReadOnlyProg  = abi.MapFlagReadOnlyProg // programs cannot write
	FlagWriteOnlyProg = 1 << 8                  // programs cannot read
	FlagClone         = 1 << 9
	FlagMmapable      = 1 << 10
	FlagPreserveElems = 1 << 11
	FlagInnerMap      = 1 << 12

	flagsUser   = FlagReadOnly | FlagWriteOnly
	flagsProg   = FlagReadOnlyProg | FlagWriteOnlyProg
	flagsAccess = flagsUser | flagsProg
)

// kind is what distinguishes a type of map.
type kind struct {
	name  string
	open  func(*base) (Map, error)
	flags uint32 // that it allows
	early []rule // checked before the flags
	rules []rule

	perCPU bool
	lru    bool
	// maps: its values are maps, by their number.
	maps bool
	// objectKey: its keys are addresses of objects, whatever the description says.
	objectKey bool
	// readOnly: programs never write the values.
	readOnly bool
	take     bool // BPF_MAP_LOOKUP_AND_DELETE_ELEM works
	batch    batches
	// fixedInner: as an inner map it needs the template's number of entries.
	fixedInner bool
	// notInner: it cannot be an inner map.
	notInner bool
	none     absent
	table    tableRules
}

// batches says which of the BPF_MAP_*_BATCH a kind has.
type batches uint8

const (
	noBatch  batches = iota
	getBatch         // lookup and update
	allBatch         // delete too
)

// absent are the errors of operations that the kind does not have.
type absent struct{ get, update, delete, next codegen.Errno }

// kindOf is the kind of a map type, nil if there is none.
func kindOf(t uint32) *kind {
	if int(t) < len(kinds) && kinds[t].open != nil {
		return &kinds[t]
	}
	return nil
}

// Shorthands of the table.
const (
	einval  = codegen.EINVAL
	enotsup = codegen.ENOTSUPP
	eopnot  = codegen.EOPNOTSUPP
)

const (
	flagsArray   = FlagNUMANode | flagsAccess
	flagsHash    = FlagNoPrealloc | FlagNoCommonLRU | FlagNUMANode | flagsAccess | FlagZeroSeed
	flagsDev     = FlagNUMANode | flagsUser
	flagsStorage = FlagNoPrealloc | FlagClone
)

// kinds is every kind of map, by its type.
var kinds = [...]kind{
	typeHash: {name: "hash", open: openHash, flags: flagsHash, rules: []rule{hashKey, someEntries, someKey, someValue, elementSize, fewBuckets},
		take: true, batch: allBatch},
	typeArray: {name: "array", open: openArray, flags: flagsArray | FlagMmapable | FlagInnerMap, rules: []rule{someEntries, indexKey, someValue, intValue},
		batch: getBatch, fixedInner: true, none: absent{delete: einval}},
	typeProgArray: {name: "prog array", open: openTable, flags: flagsArray, rules: []rule{someEntries, indexKey, numberValue, noProg},
		notInner: true, table: tableRules{beyond: codegen.E2BIG, empty: codegen.ENOENT}},
	typePerfEventArray: {name: "perf event array", open: openTable, flags: flagsArray | FlagPreserveElems, rules: []rule{someEntries, indexKey, numberValue, noProg},
		fixedInner: true, table: tableRules{beyond: codegen.E2BIG, empty: codegen.ENOENT, get: enotsup}},
	typePerCPUHash: {name: "percpu hash", open: openHash, flags: flagsHash, rules: []rule{hashKey, oneNode, someEntries, someKey, someValue, elementSize, perCPUValue, fewBuckets},
		perCPU: true, take: true, batch: allBatch},
	typePerCPUArray: {name: "percpu array", open: openArray, flags: flagsArray, rules: []rule{someEntries, indexKey, someValue, oneNode, intValue, perCPUValue},
		perCPU: true, batch: getBatch, fixedInner: true, none: absent{delete: einval}},
	typeStackTrace: {name: "stack trace", open: openStackTrace, flags: FlagNUMANode | flagsUser | FlagStackBuildID, rules: []rule{someEntries, indexKey, noBuildID, traceValue, fewBuckets},
		take: true, none: absent{update: einval}},
	typeCgroupArray: {name: "cgroup array", open: openTable, flags: flagsArray, rules: []rule{someEntries, indexKey, numberValue, noProg},
		fixedInner: true, table: tableRules{beyond: codegen.E2BIG, empty: codegen.ENOENT, get: enotsup}},
	typeLRUHash: {name: "lru hash", open: openHash, flags: flagsHash, rules: []rule{preLRU, splitLRU, someEntries, someKey, someValue, elementSize, fewBuckets},
		lru: true, take: true, batch: allBatch},
	typeLRUPerCPUHash: {name: "lru percpu hash", open: openHash, flags: flagsHash, rules: []rule{preLRU, oneNode, someEntries, someKey, someValue, elementSize, perCPUValue, fewBuckets},
		perCPU: true, lru: true, take: true, batch: allBatch},
	typeLPMTrie: {name: "lpm trie", open: openTrie, flags: FlagNoPrealloc | FlagNUMANode | flagsAccess, rules: []rule{someEntries, lateAlloc, trieKey, someValue, trieValue},
		batch: allBatch},
	typeArrayOfMaps: {name: "array of maps", open: openTable, flags: flagsArray, rules: []rule{someEntries, indexKey, numberValue, noProg},
		maps: true, batch: getBatch, notInner: true, table: tableRules{beyond: codegen.E2BIG, empty: codegen.ENOENT}},
	typeHashOfMaps: {name: "hash of maps", open: openHashOfMaps, flags: flagsHash, rules: []rule{numberValue, hashKey, someEntries, someKey, elementSize, fewBuckets},
		maps: true, batch: allBatch, notInner: true},
	typeDevMap: {name: "devmap", open: openDevMap, flags: flagsDev, rules: []rule{someEntries, indexKey, wordValue},
		readOnly: true},
	typeSockMap: {name: "sockmap", open: openTable, flags: flagsDev, rules: []rule{someEntries, indexKey, wordValue},
		table: tableRules{found: true, beyond: einval, empty: einval, socket: true}},
	typeCPUMap: {name: "cpumap", open: openCPUMap, flags: FlagNUMANode, rules: []rule{someEntries, indexKey, wordValue, knownCPUs},
		readOnly: true},
	typeXSKMap: {name: "xskmap", open: openTable, flags: flagsDev, rules: []rule{someEntries, indexKey, numberValue},
		fixedInner: true, table: tableRules{found: true, same: true, beyond: einval, get: eopnot}},
	typeSockHash: {name: "sockhash", open: openSockHash, flags: flagsDev, rules: []rule{someEntries, someKey, wordValue, stackKey},
		table: tableRules{socket: true}},
	typeCgroupStorage:       {name: "cgroup storage", open: openStorage, flags: FlagNUMANode | flagsAccess, early: []rule{cgroupKey, someValue, storageValue}, rules: []rule{noEntries}, notInner: true},
	typePerCPUCgroupStorage: {name: "percpu cgroup storage", open: openStorage, flags: FlagNUMANode | flagsAccess, early: []rule{cgroupKey, someValue, rawPerCPU}, rules: []rule{noEntries}, perCPU: true, notInner: true},
	typeQueue: {name: "queue", open: openQueue, flags: flagsArray, rules: []rule{someEntries, noKey, someValue, kmallocValue},
		take: true, none: absent{delete: einval, next: einval}},
	typeStack: {name: "stack", open: openQueue, flags: flagsArray, rules: []rule{someEntries, noKey, someValue, kmallocValue},
		take: true, none: absent{delete: einval, next: einval}},
	typeSKStorage: {name: "sk storage", open: openStorage, flags: flagsStorage, rules: storageRules, objectKey: true},
	typeDevMapHash: {name: "devmap hash", open: openDevMapHash, flags: flagsDev, rules: []rule{someEntries, indexKey, wordValue, fewBuckets},
		readOnly: true},
	typeRingBuf: {name: "ringbuf", open: openRing, flags: FlagNUMANode, rules: []rule{noKey, noValue, someEntries, ringSize},
		none: absent{get: enotsup, update: enotsup, delete: enotsup, next: enotsup}},
	typeInodeStorage: {name: "inode storage", open: openStorage, flags: flagsStorage, rules: storageRules, objectKey: true},
	typeTaskStorage:  {name: "task storage", open: openStorage, flags: flagsStorage, rules: storageRules, objectKey: true},
	typeBloomFilter: {name: "bloom filter", open: openBloom, flags: flagsArray | FlagZeroSeed, early: []rule{kmallocValue}, rules: []rule{noKey, someValue, someEntries, bloomHashes},
		none: absent{delete: eopnot, next: eopnot}},
	typeCgrpStorage: {name: "cgrp storage", open: openStorage, flags: flagsStorage, rules: storageRules, objectKey: true},
}

var storageRules = []rule{lateAlloc, noEntries, indexKey, someValue, storageValue}
