package codegen

import (
	"context"
	"time"

	"github.com/bpfc/bpfc/core/abi"
)

// Spec describes the environment that a session opens.
type Spec struct {
	// CPUs is the number of workers, 0 for GOMAXPROCS.
	CPUs int
	// Set holds the program types and helpers that artifacts may rely on.
	Set *abi.Set
	// Helpers are the implementations of Go helpers by name. They exist in this
	// process only: a session in another process refuses an artifact that needs one.
	Helpers map[string]GoHelper
	// Sets are the implementations of whole sets. They exist in this process only; a back end in another
	// process has its own of the built-in sets.
	Sets []Open
	// Env is the environment of the helpers, by part, as JSON: "clock", "tasks", …
	Env map[string][]byte
}

// ProgID names a loaded program in its session.
type ProgID uint32

// Session is one home for artifacts, maps and clock, in this process or in a
// plugin. It is safe for concurrent use.
type Session interface {
	// Load makes the artifact's programs runnable; IDs are in the order of its
	// entries. Many artifacts may be loaded.
	Load(ctx context.Context, a *Artifact) ([]ProgID, error)
	// Unload frees a program; running ones end first. The artifact's memory is
	// freed with its last program.
	Unload(ctx context.Context, p ProgID) error
	// Run runs the program once per input. On an error the results made so far are returned with it.
	Run(ctx context.Context, p ProgID, in Batch) (Results, error)
	// Maps performs the operations in order.
	Maps(ctx context.Context, ops []MapOp) ([]MapResult, error)
	// Close frees everything. Further calls fail.
	Close() error
}

// Batch is what one call of Run processes.
type Batch struct {
	Inputs []Input
	// Repeat runs each input so many times (at least 1) and reports the last result and the mean time.
	Repeat int
	// Fuel is the budget of each run in loop turns; 0 is DefaultFuel, negative none.
	Fuel int64
	// Trace asks for a record of each instruction, if the session can.
	Trace bool
}

// DefaultFuel is the budget of a run under policy guard, in loop turns.
const DefaultFuel = int64(1) << 32

// Input is one context or memory. Memory may be modified in place by an
// in-process session, never by one in another process.
type Input struct {
	// Mem is the memory of the program or, for a type with a described context, its packet.
	Mem []byte
	// Ctx is the context as the program sees it, or the beginning of it: what is not given is 0. Packet pointers in it
	// are not looked at. Only for types with a described context.
	Ctx []byte
}

// Results of a batch, in the order of its inputs.
type Results struct {
	Results []Result
	// Elapsed is the time spent in the program, over all runs; where runs are not repeated, with the making of their results.
	Elapsed time.Duration
	Runs    int
	// Lost is how many records there was no room for.
	Lost int
}

// Result of one input.
type Result struct {
	Ret   uint64
	Fault *Fault // nil if the program returned
	Mem   []byte // the memory or packet after the run, with its metadata before it
	Ctx   []byte // the context after the run, as the program sees it; packet pointers in it are 0
	Trace []TraceStep
	// Records are what the run has left behind, in order.
	Records []Record
}

// TraceStep is one executed instruction and the registers after it.
type TraceStep struct {
	Slot int
	Func string
	Regs [11]uint64
}

// MapOpKind says what a MapOp does.
type MapOpKind uint8

// The operations on maps. Data sections are array maps of one element, named by their section.
const (
	MapGet MapOpKind = iota
	MapPut
	MapDelete
	MapIterate // all keys and values
	MapList    // names of all maps of the program; the value of each result is the map's number, 4 bytes, none for data sections
	MapTake    // get and delete
	MapPush    // of maps without keys
	MapPop
	MapConsume // the complete records of a ring buffer
)

// MapOp is one operation on the map called Map of program Prog's artifact.
type MapOp struct {
	Kind  MapOpKind
	Prog  ProgID
	Map   string
	Key   []byte
	Value []byte
	Flags uint64 // of MapPut: see Map.Update
}

// MapResult answers one MapOp. Err is a kernel errno name ("ENOENT"), "" if it succeeded.
type MapResult struct {
	Err     string
	Entries []MapEntry
}

// MapEntry is a key with its value.
type MapEntry struct {
	Map        abi.MapSpec
	Key, Value []byte
}
