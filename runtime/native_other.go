//go:build !(linux && amd64)

package runtime

import (
	"fmt"
	goruntime "runtime"
	"unsafe"

	"github.com/bpfc/bpfc/core/codegen"
)

// nativeRuns says that no machine code runs here.
const (
	nativeRuns = false
	nativeArch = "no architecture"
)

func exitAddress() uint64 { return 0 }

// callNative is not reached: a helper of machine code is refused at load.
func (w *Worker) callNative(uint64, *[5]uint64) uint64 { return 0 }

// codes is empty where no machine code runs.
type codes struct{}

// nativeRun is empty where no machine code runs.
type nativeRun struct {
	err   error
	stays bool
}

func (nativeRun) bind(*Worker, *Program, int) {}

func (nativeRun) takeErr() error { return errReleased }

func (nativeRun) bound() bool { return false }

func (nativeRun) enter(*Worker) uint64 { return 0 }

func (nativeRun) enterEach(*Worker) {}

// enterLeaf is not reached: there are no leaves.
func enterLeaf(*leaf, unsafe.Pointer, int) (uint64, bool) { return 0, false }

// Load refuses every artifact: machine code runs on linux/amd64 only.
func (Native) Load(img *Image) (Executable, error) {
	return nil, &codegen.UnsupportedError{What: fmt.Sprintf("running machine code on %s/%s", goruntime.GOOS, goruntime.GOARCH), Msg: "use the interpreter"}
}
