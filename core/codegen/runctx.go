package codegen

// The native convention of amd64 code, between a back end and what runs it.
//
// An entry is called with rdi = R1, rsi = R2, rbp = R10 (top of the BPF stack),
// r12 = run context, rsp = control stack, and returns R0 in rax with `ret`;
// it preserves rbx, rbp, r12 to r15 as in System V. Functions of one image call
// one another with arguments in rdi, rsi, rdx, rcx, r8 and r12, rbp as above:
// the caller lowers rbp by its own frame around the call.
//
// To leave, code executes `call [r12+RunExit]` with every register as it should be on resumption; rsp need not be
// aligned. What left is known by the return address (Artifact.Exits). A resumed
// run continues after that call with all registers restored; for ExitHelper, rax holds
// the helper's result, and rdi, rsi, rdx, rcx, r8 (the arguments) are undefined.
// A guard that fails stores the address in RunFaultAddr and jumps to [r12+RunExit] with the site's
// return address on top of the stack.
//
//	run context (r12)
//	  0  Slice        int64   turns left; a poll decrements and leaves when it becomes negative
//	  8  Exit         uint64  address to call to leave
//	 16  HostSP       uint64  for the exit routine
//	 24  FaultAddr    uint64
//	 32  RegionsEnd   uint64  address after the last region in use
//	 40  Tails        uint64  tail calls that the run has made
//	 48  CPU          uint64  number of the virtual CPU
//	 56  State        what the virtual CPU keeps from run to run: ir.OpState gives its address
//	 64  …            reserved for the runtime (saved registers)
//	288  Regions      [64]{Base, N1, N2, N4, N8 uint64; Writable uint64}
//
// The state of a virtual CPU, which code and Go functions share:
//
//	0  Random       uint64  of SplitMix64
//
// A tail call loads the word at the index of the prog array's table; it is the address of an entry, 0 if there is none.
// The code undoes its prologue and jumps there through rcx, with rdi = R1.
//
//	header of a map (the address that programs have for it)
//	  0  ID, Type, KeySize, ValueSize, MaxEntries, Flags  uint32 each
//	 24  Values       uint64  address of the values
//	 32  Table        uint64  address of the index: of a prog array or array of maps, its words; of a hash, its heads
//	 48  Mask         uint64  of a hash: buckets - 1
//	 56  PerCPU       uint64  distance of the values of two CPUs
//	 64  HashSeed     uint64  of a trie: number of its root node
//	 72  HashElements uint64  address of the elements: next, hash (uint32 each), key padded to 8, of an LRU a word; runtime/maps has more.
//	                          Of a trie, of its nodes
//
// In a region an access of S bytes at address a is inside iff a - Base < N_S
// (unsigned), with N_S = max(0, size - S + 1).
const (
	RunSlice      = 0
	RunExit       = 8
	RunHostSP     = 16
	RunFaultAddr  = 24
	RunRegionsEnd = 32
	RunTails      = 40
	RunCPU        = 48
	RunState      = 56
	RunReserved   = 64
	RunRegions    = 288

	StateRandom = 0
	StateSize   = 8

	RegionBase     = 0
	RegionN1       = 8
	RegionN2       = 16
	RegionN4       = 24
	RegionN8       = 32
	RegionWritable = 40
	RegionSize     = 48

	RunCtxSize = RunRegions + 64*RegionSize

	MapMaxEntries = 16
	MapValues     = 24
	MapTable      = 32
	MapMask       = 48
	MapPerCPU     = 56
	HashSeed      = 64
	HashElements  = 72
	TrieRoot      = 64
	TrieNodes     = 72

	HashNext = 0
	HashSum  = 4
	HashKey  = 8

	TrieLength = 8
	TrieValue  = 12
	TrieData   = 16

	// ObjectSize is the size of what a hash of maps keeps of a value: the word that a lookup gives, and its number.
	ObjectSize = 16

	HashM1 = -0x61c8864680b583eb // 0x9e3779b97f4a7c15
	HashM2 = -0x2917014799a6026d // 0xd6e8feb86659fd93
)

// Sizes of the stacks.
const (
	// BPFStackSize is for ir.MaxTailCalls tail calls that leave MaxTailDepth bytes in use each, and a program of MaxStackSize.
	BPFStackSize = 16 << 10
	// MaxTailDepth bounds EntryInfo.TailDepth: less than 256 bytes in frames of multiples of 16 (check_max_stack_depth,
	// kernel/bpf/verifier.c, Linux 6.18), and in each of up to seven a counter of 8 that a lowering adds.
	MaxTailDepth = 240 + 7*8
	// MaxStackSize bounds EntryInfo.StackSize. The verifier allows 512 bytes, but types of programs that have no tail calls
	// themselves may have that in each of eight frames.
	MaxStackSize = BPFStackSize - 33*MaxTailDepth
	// ControlStackSize is usable bytes, beside the guard page below.
	ControlStackSize = 64 << 10
)
