package runtime

import (
	"unsafe"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// Loader makes the code of artifacts executable. There is one for machine code
// (Native) and one in each back end that runs its artifacts itself. It must be
// safe for concurrent use.
type Loader interface {
	// Load makes the image's code executable. The image is valid until Executable.Close.
	Load(img *Image) (Executable, error)
}

// Executable is loaded code. Run may be called on many workers at once.
type Executable interface {
	// Run runs entry (index in Artifact.Entries) on the worker to its end, with
	// R1 and R2 as given and R10 = w.StackTop(). It returns R0, or the error
	// that ended the run: a *codegen.Fault, or what w.Refill returned.
	Run(w *Worker, entry int, r1, r2 uint64) (uint64, error)
	// Enter is the word that stands for an entry in a prog array, with the number of its program: what tail calls of
	// this kind of code understand. It is not 0.
	Enter(entry int, id uint64) uint64
	// Close frees what Load acquired beside the image. No worker runs the code any more.
	Close()
}

// Tracer is what an Executable implements that can record each instruction.
type Tracer interface {
	// RunTrace is Run, with step called after each instruction.
	RunTrace(w *Worker, entry int, r1, r2 uint64, step func(codegen.TraceStep)) (uint64, error)
}

// Image is an artifact placed in a runtime's memory. It is immutable.
type Image struct {
	Artifact *codegen.Artifact
	// Data holds the address of each of Artifact.Data, MapValues that of the
	// value of key 0 of each of Artifact.Maps.
	Data      []uint64
	MapValues []uint64
	// MapAddrs is what programs have for each of Artifact.Maps: see codegen.Map.Address.
	MapAddrs []uint64

	runtime  *Runtime
	span     span
	natives  part // machine code of helpers
	rodata   part // the back end's constants
	code     part
	consts   part // read-only data sections
	data     part // writable data sections
	helpers  []helper
	maps     []*mapHome
	sections [][]byte // of each of Artifact.Data
}

// Fault describes the end of a run at exit x: the program's name, and the source
// line if it is known. addr is the address accessed or the value called.
func (img *Image) Fault(x codegen.Exit, addr uint64) *codegen.Fault {
	f := &codegen.Fault{Rule: x.Rule, Insn: int(x.Pos), Address: addr, Size: int(x.Size), Write: x.Write}
	if x.Prog >= 0 && int(x.Prog) < len(img.Artifact.Entries) {
		e := &img.Artifact.Entries[x.Prog]
		f.Program, f.Source = e.Name, e.Source(f.Insn)
	}
	return f
}

// Refill is called when the turn counter that began with Slice has become
// negative, by a poll at pos in entry prog. It charges the budget, lets the
// collector and cancellation in, and returns the new counter, from which this
// turn is already taken. An error ends the run and is to be returned by
// Executable.Run: the fault RuleFuel, or the reason of the cancellation.
func (w *Worker) Refill(prog int, pos ir.Pos) (slice int64, err error) {
	if err := w.pause(); err != nil {
		return 0, err
	}
	slice, ok := w.budget.Refill()
	if !ok {
		x := codegen.Exit{Rule: ir.RuleFuel, Prog: int32(prog), Pos: pos}
		return 0, w.running.unit.image.Fault(x, 0)
	}
	return slice, nil
}

// Slice is the turn counter that a run begins with: each turn of a loop takes
// one, and the turn that makes it negative must call Refill.
func (w *Worker) Slice() int64 { return w.slice }

// SetSlice keeps what is left of the turn counter at the end of a program: it may return to one that has called it.
func (w *Worker) SetSlice(n int64) { w.slice = n }

// StackTop is R10 of the program that runs, at its entry: the address above the worker's BPF stack, or after a tail
// call where the frame of the caller began.
func (w *Worker) StackTop() uint64 { return w.top }

// Mem is the memory that the run may reach. It is valid during the run.
func (w *Worker) Mem() *Mem { return &w.mem }

// CPU is the number of the worker's virtual CPU, from 0.
func (w *Worker) CPU() int { return w.cpu }

// State is the address of what the virtual CPU keeps from run to run: see ir.OpState.
func (w *Worker) State() uint64 { return uint64(uintptr(unsafe.Pointer(&w.rc.state))) }

// CallHelper calls Artifact.Helpers[index] of the program that runs, with R1 to
// R5, and returns its R0. Loading has made sure that the helper can run here. If the helper
// ends the run, on is false and r0 the result of the program.
func (w *Worker) CallHelper(index int, args *[5]uint64) (r0 uint64, on bool) {
	h := &w.running.unit.image.helpers[index]
	if h.call == nil {
		return w.callNative(h.native, args), true
	}
	w.helped = true
	r0 = h.call((*call)(w), args[0], args[1], args[2], args[3], args[4])
	if w.ended {
		w.ended = false
		return w.result, false
	}
	return r0, true
}
