package runtime

import (
	"fmt"
	goruntime "runtime"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// helper is a helper as the image runs it: a Go function or machine code. Both
// are nil if the code must not call it (it is linked in, or emitted in line).
type helper struct {
	call    codegen.GoHelper
	machine []byte
	native  uint64 // address of machine, once placed
}

// resolveHelpers finds the implementation of each of the artifact's helpers.
func resolveHelpers(a *codegen.Artifact, s *implementations) ([]helper, error) {
	hs := make([]helper, len(a.Helpers))
	for i := range a.Helpers {
		h, err := resolveHelper(&a.Helpers[i], s)
		if err != nil {
			return nil, err
		}
		hs[i] = h
	}
	return hs, nil
}

func resolveHelper(h *abi.Helper, s *implementations) (helper, error) {
	switch h.Impl {
	case abi.ImplIntrinsic, abi.ImplBody:
		return helper{}, nil
	case abi.ImplNative:
		if h.NativeTarget == goruntime.GOARCH && nativeRuns && len(h.Native) > 0 {
			return helper{machine: h.Native}, nil
		}
	}
	if f := s.helpers[h.Name]; f != nil {
		return helper{call: f}, nil
	}
	return helper{}, &codegen.UnsupportedError{What: fmt.Sprintf("helper %s", h.Name), Msg: missing(h)}
}

// missing says why a helper cannot run here.
func missing(h *abi.Helper) string {
	switch h.Impl {
	case abi.ImplNative:
		return fmt.Sprintf("its machine code is for %q, this process runs that of %q; give a Go function for it", h.NativeTarget, nativeArch)
	case abi.ImplGo:
		return "it is a Go function, and this session was given none of its name; a session in another process has remote helpers only"
	case abi.ImplRemote:
		return "it runs in its plugin's process, and this session was not given the plugin: see host.HelperSet.Implement"
	}
	return "its set declares it without an implementation"
}
