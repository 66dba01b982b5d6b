//go:build !(linux && amd64)

package runtime

import (
	"bytes"
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

func gatesSize(*codegen.Artifact) uint64 { return 0 }

// nativeRun is empty where no machine code runs.
type nativeRun struct {
	err   error
	stays bool
}

func (nativeRun) bind(*Worker, *Program) {}

func (nativeRun) takeErr() error { return errReleased }

func (nativeRun) bound() bool { return false }

func (nativeRun) enter(*Worker) uint64 { return 0 }

func (nativeRun) enterEach(*Worker) {}

// enterLeaf is not reached: there are no leaves.
func enterLeaf(*leaf, unsafe.Pointer, int) (uint64, bool) { return 0, false }

// enterLeafEach is not reached either.
func enterLeafEach(*leaf, *[]byte, int, *uint64) int { return 0 }

func (nativeRun) enterAt(*Worker, uint64) {}

func (u *unit) inCode(int) uint64 { return 0 }

// goroutine is a number that no other goroutine has at the same time: the one that traces print (runtime/debug.Stack).
func goroutine() (n uint64) {
	var b [64]byte
	text := bytes.TrimPrefix(b[:goruntime.Stack(b[:], false)], []byte("goroutine "))
	for i := 0; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		n = 10*n + uint64(text[i]-'0')
	}
	return n
}

// Load refuses every artifact: machine code runs on linux/amd64 only.
func (Native) Load(img *Image) (Executable, error) {
	return nil, &codegen.UnsupportedError{What: fmt.Sprintf("running machine code on %s/%s", goruntime.GOOS, goruntime.GOARCH), Msg: "use the interpreter"}
}
