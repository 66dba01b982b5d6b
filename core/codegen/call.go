package codegen

import "github.com/bpfc/bpfc/core/abi"

// GoHelper is a helper in the process that runs the program: it gets the run that calls it, R1 to R5, and returns R0.
// It must be safe for concurrent use, must not call back into BPF, and must not keep c or what c gives out.
type GoHelper func(c Call, r1, r2, r3, r4, r5 uint64) uint64

// Call is the run that calls a Go helper, or that is about to begin: what the helper may see of it and change.
// It belongs to one goroutine and is valid during the call.
type Call interface {
	// CPU is the number of the virtual CPU, from 0.
	CPU() int
	// Entry describes the program.
	Entry() *EntryInfo
	// Context is the host's form of the context, which the helper may change: see abi.Context.Place. It is empty
	// for programs without a described context.
	Context() []byte
	// Bytes is the n bytes at addr, in place: of the stack, the packet, values of maps, data sections, the context, or
	// what Home.Alloc has made. It is nil if they are not all inside one of these, or if write is set and the
	// program may not write there.
	Bytes(addr, n uint64, write bool) []byte
	// Word is the 4 bytes at addr, a multiple of 4, as a word of the machine for atomic operations; nil if the run may
	// not write there.
	Word(addr uint64) *uint32
	// Packet is the packet of the run, nil if its context has none.
	Packet() Packet
	// Map is the map whose address a program passes as an argument of kind abi.ArgConstMap, nil if it is none.
	Map(addr uint64) Map
	// MapAt is map number i of the program's object, for arguments of kind abi.ArgMapIndex; nil if there is none.
	MapAt(i int) Map
	// Record adds to what the run leaves behind. Beyond MaxRecords of a batch it is counted as lost, and Record reports false.
	Record(r Record) bool
	// End ends the run when the helper returns, with ret as the program's result.
	End(ret uint64)
	// Fail ends the run when the helper returns: it has no result, and err is its error.
	Fail(err error)
}

// Packet is the packet of a run: its bytes, with room before and behind them. What moves it makes the program's
// pointers into it stale; the packet pointers of the context follow by themselves.
type Packet interface {
	// Bytes is the packet from its start to its end, in place.
	Bytes() []byte
	// Meta is the metadata just before the start, in place.
	Meta() []byte
	// Address is the address of the start.
	Address() uint64
	// MoveStart moves the start by n bytes: a positive n takes bytes away, a negative one adds what lay there before in
	// this run, or zeros. Metadata moves along. It reports false, and does nothing, without room or bytes for it.
	MoveStart(n int) bool
	// MoveEnd moves the end by n bytes; what it adds is zero.
	MoveEnd(n int) bool
	// MoveMeta moves the start of the metadata by n bytes; what it adds is what lay there before in this run, or zeros.
	MoveMeta(n int) bool
	// Insert makes room for n zero bytes at offset off, by moving what lies before it (front) or behind it.
	Insert(off, n int, front bool) bool
	// Remove takes away n bytes at offset off, by moving what lies before it (front) or behind it.
	Remove(off, n int, front bool) bool
	// Limit is the room: how far the start can move backwards and the end forwards, in bytes.
	Limit() (head, tail int)
}

// Map is a map of a session, as helpers and the session's own operations see it. It is safe for concurrent use.
// Keys and values are copied. Errors are the kernel's, 0 if there is none.
type Map interface {
	Spec() *abi.MapSpec
	// Address is what programs have for the map, and pass to helpers.
	Address() uint64
	// Lookup is the address of the value at key on a CPU, 0 if there is none. It stays valid until the run ends.
	// Of a map of maps it is the address of the inner map.
	Lookup(key []byte, cpu int) uint64
	// Get is the value at key: of a per-CPU map the values of all CPUs, each at a multiple of 8 bytes; of a map
	// of maps, programs or other objects their number, 4 bytes.
	Get(key []byte) ([]byte, Errno)
	// Update sets the value at key. Flags are the kernel's: 0 any, 1 only if it is new, 2 only if it exists, 4 lock.
	// cpu says whose value of a per-CPU map it is: AllCPUs takes the values of all, as Get gives them.
	Update(key, value []byte, flags uint64, cpu int) Errno
	// Delete takes the element at key away.
	Delete(key []byte) Errno
	// Next is the key after key in the order of the map, the first one for nil or a key that is not there; nil after the last.
	Next(key []byte) ([]byte, Errno)
	// Push adds a value without a key: to a queue, a stack, a bloom filter. Flag 2 makes room by dropping the oldest.
	Push(value []byte, flags uint64) Errno
	// Pop takes the first value into value, Peek reads it; of a bloom filter, Peek tells whether it may hold value.
	Pop(value []byte) Errno
	Peek(value []byte) Errno
}

// AllCPUs stands for every CPU in Map.Update.
const AllCPUs = -1

// Ring is a Map of kind ring buffer.
type Ring interface {
	Map
	// Reserve is the address of n bytes for a record, 0 if there is no room.
	Reserve(n uint64) uint64
	// Commit ends a reservation, by its address: the record is for readers, or with discard for nobody.
	Commit(addr uint64, discard bool)
	// Output adds a record; EAGAIN if there is no room.
	Output(data []byte) Errno
	// Consume takes the records that are complete, the oldest first.
	Consume() [][]byte
	// Query tells of the ring: 0 bytes not yet consumed, 1 its size, 2 the consumer's position, 3 the producer's.
	Query(what uint64) uint64
}

// StackTrace is a Map of kind stack trace.
type StackTrace interface {
	Map
	// Store keeps the addresses of a stack, the innermost first, and returns its number, as bpf_get_stackid does with
	// flags: a number in use gives EEXIST if another stack has it, unless flags let the new one take its place.
	Store(stack []uint64, flags uint64) (id uint32, errno Errno)
}

// Record is something that a run leaves behind beside its result: a redirect, a line of the trace, an event.
type Record struct {
	// Helper is the name of the helper that left it.
	Helper string
	// Map names the map that it is about, "" if none; Key is its key there.
	Map string
	Key []byte
	// Data is what was put out.
	Data []byte
	// Args are numbers whose meaning is the helper's: of a redirect the interface and the flags.
	Args []uint64
	CPU  int
}

// MaxRecords bounds the records of a batch: what is beyond counts as lost, as in a full buffer of the kernel.
const MaxRecords = 1 << 16

// Home is what a set's implementation gets of the session in which it is to run.
type Home interface {
	// Env is the environment's part called name, as JSON; nil if the session was given none. A part that no set asks
	// for while it is opened is refused.
	Env(name string) []byte
	// CPUs is the number of virtual CPUs.
	CPUs() int
	// Random is the state of a virtual CPU's random numbers, which abi.IntrinsicRandom moves on. At first it is the CPU's
	// number. It belongs to the run on that CPU, and before any run to whoever seeds it.
	Random(cpu int) *uint64
	// Alloc makes n bytes, zero, that programs and helpers can reach by the address; machine code may read them, and
	// write them if the program's set allows it. They live as long as the session.
	Alloc(n int) (mem []byte, addr uint64, err error)
}

// HookArgs is what a hook is told of the run of the program that it is attached to.
type HookArgs struct {
	Args   [2]uint64 // R1 and R2 at the entry
	Exit   bool      // the program has run
	Ret    uint64    // what it has returned
	Failed bool      // it has not returned by itself
}

// Implementation is how the helpers of a set run, in one session.
type Implementation struct {
	// Helpers are the Go helpers, by name.
	Helpers map[string]GoHelper
	// Enter completes the context of a run, by program type: it is called when the input's context and packet are in
	// place. What it finds wrong with them is the error of the input.
	Enter map[string]func(Call) error
	// Steady says by program type of packets of how many bytes and more Enter makes the same context always, but for
	// their addresses, if the input has no context and no helper of the set has run in between.
	Steady map[string]int
	// Leave is called when the program has returned, with its result, by program type.
	Leave map[string]func(c Call, ret uint64)
	// Hooks fill in the context of a program that is a hook of another, whatever the type of that, by the hook's program
	// type: ctx is its host's form, of zeros.
	Hooks map[string]func(ctx []byte, a HookArgs)
	// Done is called at the end of a run, however it ended, that has called one of Helpers; it may be nil. It gives
	// back what a run that ended by a fault still holds, such as locks.
	Done func(Call)
	// Close is called when the session is closed; it may be nil.
	Close func() error
}

// Open makes a set's implementation for a session.
type Open func(Home) (Implementation, error)
