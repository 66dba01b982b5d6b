package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// Verifier is our side: the sets that declare what the kernel has, and the
// types and configuration that objects are adapted to. It is immutable.
type Verifier struct {
	Set *abi.Set
	// NoLeaks adds the rules for users without privileges, which an oracle that is limited has.
	NoLeaks bool
	kernel  *elf.Types // nil if this kernel does not describe its types
	config  map[string]string
}

// New returns our side for the running kernel: its types, its version. The
// sets are the built-in ones but that of the conformance suite, whose helpers
// take others' numbers.
func New() (*Verifier, error) {
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
	set, err := abi.Merge(all...)
	if err != nil {
		return nil, err
	}
	v := &Verifier{Set: set, config: elf.DefaultConfig()}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
		v.config["LINUX_KERNEL_VERSION"] = version
	}
	v.kernel, err = types("/sys/kernel/btf/vmlinux")
	return v, err
}

// types reads the types of a kernel, nil if the file does not exist.
func types(path string) (*elf.Types, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return elf.LoadTypes(path, f)
}

// Strict reports whether policy strict accepts anything, by the verdict on the shortest program.
func (v *Verifier) Strict() bool {
	o, err := builtin.ReadObject(context.Background(), "x.s", []byte("r0 = 0\nexit\n"), builtin.ReadOptions{})
	if err != nil {
		return false
	}
	o.Programs[0].Type = "mem"
	return v.Verify(o, o.Programs[0].Name, 1).Verdict == verifier.Accept
}

// Read reads an object file, or another input, as the command does. An error
// becomes the verdict on all that is in it.
func (v *Verifier) Read(path string) (*obj.Object, *Ours) {
	o, err := v.parse(path)
	if err == nil {
		return o, nil
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

func (v *Verifier) parse(path string) (*obj.Object, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	if builtin.Detect(name, b) == builtin.KindELF {
		return elf.Parse(name, b, elf.Options{Kernel: v.kernel, Config: v.config})
	}
	return builtin.ReadObject(context.Background(), name, b, builtin.ReadOptions{})
}

// Verify is our verdict on a program of an object under policy strict, with the least time of several.
func (v *Verifier) Verify(o *obj.Object, program string, repeat int) Ours {
	var ours Ours
	for n := 0; n == 0 || n < repeat && ours.Time < slow; n++ {
		reports, err := core.Verify(o, v.Set, core.Options{Policy: verifier.Strict, NoLeaks: v.NoLeaks, Programs: []string{program}})
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
