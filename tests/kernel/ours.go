package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Ours is our verifier's verdict on a program.
type Ours struct {
	Verdict verifier.Verdict
	Code    string // BV… or a front end's code, "" if accepted
	Message string
	Insn    int // -1 if the message is not about one
	Time    time.Duration
}

// Sets are the built-in helper sets that declare what the kernel has, merged.
// The conformance suite's is not among them: its helpers take others' numbers.
func Sets() (*abi.Set, error) {
	var all []*abi.Set
	for _, name := range builtin.Sets() {
		if name == "conformance" {
			continue
		}
		s, ok := builtin.Set(name)
		if !ok {
			return nil, fmt.Errorf("there is no set %q", name)
		}
		all = append(all, s)
	}
	return abi.Merge(all...)
}

// Strict reports whether this version has policy strict, by the verdict on the shortest program.
func Strict(set *abi.Set) bool {
	o, err := builtin.ReadObject(context.Background(), "x.s", []byte("r0 = 0\nexit\n"), builtin.ReadOptions{})
	if err != nil {
		return false
	}
	o.Programs[0].Type = "mem"
	return Verify(o, o.Programs[0].Name, set, 1).Code != string(verifier.CodePolicy)
}

// Read reads an object file as the command does. An error becomes the verdict on all that is in it.
func Read(path string) (*obj.Object, *Ours) {
	b, err := os.ReadFile(path)
	if err == nil {
		var o *obj.Object
		if o, err = builtin.ReadObject(context.Background(), filepath.Base(path), b, builtin.ReadOptions{}); err == nil {
			return o, nil
		}
	}
	ours := &Ours{Verdict: verifier.Reject, Message: err.Error(), Insn: -1, Code: "read"}
	var e *elf.Error
	if errors.As(err, &e) {
		ours.Code = string(e.Code)
		if e.Unsupported {
			ours.Verdict = verifier.Unsupported
		}
	}
	return nil, ours
}

// Verify is our verdict on a program of an object under policy strict, with the least time of several.
func Verify(o *obj.Object, program string, set *abi.Set, repeat int) Ours {
	var ours Ours
	for n := range max(repeat, 1) {
		reports, err := core.Verify(o, set, core.Options{Policy: verifier.Strict, Programs: []string{program}})
		if err != nil {
			return Ours{Verdict: verifier.Reject, Message: err.Error(), Insn: -1, Code: "internal"}
		}
		r := &reports[0]
		if n > 0 {
			ours.Time = min(ours.Time, r.Time)
			continue
		}
		ours = Ours{Insn: -1, Time: r.Time}
		if e := r.Err; e != nil {
			ours.Verdict, ours.Code, ours.Message, ours.Insn = e.Verdict, string(e.Code), e.Msg, e.Slot
		}
	}
	return ours
}
