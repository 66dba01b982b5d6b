package runtime

import (
	"unsafe"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// runContext is the run context of machine code, as package codegen lays it
// out; between codegen.RunReserved and RunRegions it holds what the entry stub keeps.
type runContext struct {
	slice      int64
	exit       uint64 // address of the exit routine
	hostSP     uint64 // Go's stack pointer while machine code runs
	faultAddr  uint64
	regionsEnd uint64
	tails      uint64
	cpu        uint64
	state      cpuState

	hostBP     uint64
	controlTop uint64     // rsp at entry
	stackTop   uint64     // rbp at entry: R10
	left       uint64     // address after the instruction that left
	regs       [16]uint64 // by their number in encodings, but for r12 and those in args
	args       [5]uint64  // rdi rsi rdx rcx r8: R1 to R5
	entry      uint64     // address of the code that is entered
	r1, r2     uint64     // its arguments

	regions [ir.MaxRegions]nativeRegion
}

// cpuState is what a virtual CPU keeps from run to run.
type cpuState struct {
	random uint64
}

// nativeRegion is a region in the run context.
type nativeRegion struct {
	base, n1, n2, n4, n8 uint64
	writable             uint64
}

// The numbers of registers in runContext.regs: those of their encodings.
const (
	regRAX = 0
	regRBP = 5
)

// The layouts are those of package codegen: an index that is not 0 fails to compile.
var (
	_ = [1]int{}[unsafe.Offsetof(runContext{}.slice)-codegen.RunSlice]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.exit)-codegen.RunExit]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.hostSP)-codegen.RunHostSP]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.faultAddr)-codegen.RunFaultAddr]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.regionsEnd)-codegen.RunRegionsEnd]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.tails)-codegen.RunTails]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.cpu)-codegen.RunCPU]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.state)-codegen.RunState]
	_ = [1]int{}[unsafe.Offsetof(cpuState{}.random)-codegen.StateRandom]
	_ = [1]int{}[unsafe.Sizeof(cpuState{})-codegen.StateSize]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.hostBP)-codegen.RunReserved]
	_ = [1]int{}[unsafe.Offsetof(runContext{}.regions)-codegen.RunRegions]
	_ = [1]int{}[unsafe.Sizeof(runContext{})-codegen.RunCtxSize]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.base)-codegen.RegionBase]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.n1)-codegen.RegionN1]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.n2)-codegen.RegionN2]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.n4)-codegen.RegionN4]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.n8)-codegen.RegionN8]
	_ = [1]int{}[unsafe.Offsetof(nativeRegion{}.writable)-codegen.RegionWritable]
	_ = [1]int{}[unsafe.Sizeof(nativeRegion{})-codegen.RegionSize]
)

// set makes the region size bytes at base.
func (r *nativeRegion) set(base, size uint64, writable bool) {
	r.base, r.n1, r.n2, r.n4, r.n8, r.writable = base, size, within(size, 2), within(size, 4), within(size, 8), 0
	if writable {
		r.writable = 1
	}
}
