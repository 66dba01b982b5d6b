package trial

import (
	"bytes"
	"debug/elf"
	"fmt"
	"runtime"

	"github.com/bpfc/bpfc/core/abi"
)

// checkNative refuses machine code that cannot run here: for another machine, or no code but a file that has some.
func checkNative(h *abi.Helper) error {
	if f, err := elf.NewFile(bytes.NewReader(h.Native)); err == nil {
		return fmt.Errorf("its machine code is an ELF file for %s: give the bytes of the function alone", f.Machine)
	}
	if h.NativeTarget != runtime.GOARCH {
		return fmt.Errorf("its machine code is for %q, this machine is %q", h.NativeTarget, runtime.GOARCH)
	}
	return nil
}
