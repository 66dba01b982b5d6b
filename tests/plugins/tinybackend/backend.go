// Bpfc-backend-tiny is a back end of a third party: a plugin of bpfc in a module
// of its own that knows the SDK alone. It compiles straight-line arithmetic to
// amd64 code and refuses everything else, so that what it compiles is right.
//
//	go build -o DIR/bpfc-backend-tiny .
//	bpfc conformance --plugin-dir DIR --backend tiny
package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/plugin"
)

func main() { plugin.ServeBackend(Backend{}) }

const (
	name    = "tiny"
	version = "1"
	level   = "x86-64"
)

// Backend compiles units to machine code and runs it. It has no state, so it is
// safe for concurrent use, and the same unit gives the same bytes.
type Backend struct{}

// Target says what the back end is for.
func (Backend) Target() sdk.Target {
	return sdk.Target{Name: name, Version: version, Arch: "amd64", CPUs: []string{level}, Opts: []int{0}}
}

// Open makes the back end one that also runs what it has compiled: the SDK runs amd64 code.
func (Backend) Open(ctx context.Context, s sdk.Spec) (sdk.Session, error) {
	return sdk.OpenNative(ctx, s)
}

// Compile makes one artifact of all programs of a unit.
func (Backend) Compile(ctx context.Context, u *sdk.Unit, o sdk.BackendOptions) (*sdk.Artifact, error) {
	if err := checkOptions(o); err != nil {
		return nil, err
	}
	a := &sdk.Artifact{
		Target: name, Version: version, Arch: "amd64", CPU: level, Name: u.Name,
		Maps: u.Maps, Data: u.Data, Helpers: u.Helpers, Items: u.Items,
	}
	e := &emitter{artifact: a}
	for i, p := range u.Programs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a.Entries = append(a.Entries, sdk.Entry{EntryInfo: u.Entries[i], Offset: e.offset()})
		a.StackSize = max(a.StackSize, u.Entries[i].StackSize)
		if err := e.program(int32(i), p); err != nil {
			return nil, err
		}
	}
	a.Code = e.code
	a.Seal()
	return a, nil
}

func checkOptions(o sdk.BackendOptions) error {
	switch {
	case o.Opt != 0:
		return unsupported("optimisation level %d", o.Opt)
	case o.CPU != "" && o.CPU != level:
		return unsupported("CPU level %q", o.CPU)
	case o.Object:
		return unsupported("an object file")
	}
	return nil
}

// unsupported is the answer to what is legal, but not done here (exit code 3 of bpfc).
func unsupported(format string, args ...any) error {
	return &sdk.UnsupportedError{What: fmt.Sprintf(format, args...), Msg: "back end tiny compiles arithmetic without branches; use amd64 or interp"}
}

// emitter collects the code of a unit.
type emitter struct {
	artifact *sdk.Artifact
	code     []byte
}

func (e *emitter) offset() uint32 { return uint32(len(e.code)) }

// program emits the one block of a program: without branches and calls there is no other.
func (e *emitter) program(n int32, p *sdk.IRProgram) error {
	if len(p.Funcs) != 1 || len(p.Funcs[0].Blocks) != 1 {
		return unsupported("the control flow of program %s", p.Name)
	}
	s := sdk.Symbol{Name: p.Name, Offset: e.offset(), Global: true, Prog: n}
	s.CFA = e.save()
	block := p.Funcs[0].Blocks[0]
	for i := range block.Insns {
		in := &block.Insns[i]
		e.artifact.Lines = append(e.artifact.Lines, sdk.LineEntry{Offset: e.offset(), Prog: n, Pos: in.Pos})
		if !e.insn(in) {
			return unsupported("%s at instruction %d of program %s", in.Op, in.Pos, p.Name)
		}
	}
	s.Size = e.offset() - s.Offset
	e.artifact.Symbols = append(e.artifact.Symbols, s)
	return nil
}

// saved are the registers of R6 to R9, which belong to the caller.
var saved = []struct {
	reg
	dwarf uint8 // its number for debuggers (System V psABI for amd64, figure 3.36)
}{{rbx, 3}, {r13, 13}, {r14, 14}, {r15, 15}}

// save pushes them, and describes the frame for who unwinds the stack.
func (e *emitter) save() (steps []sdk.CFAStep) {
	var below []sdk.SavedReg
	for i, r := range saved {
		e.rex(w32, 0, r.reg)
		e.emit(0x50 | byte(r.reg)&7) // push
		below = append(below, sdk.SavedReg{Reg: r.dwarf, Below: int32(16 + 8*i)})
		steps = append(steps, sdk.CFAStep{Offset: e.offset(), CFA: int32(16 + 8*i), Saved: slices.Clone(below)})
	}
	return steps
}

// restore pops them and returns.
func (e *emitter) restore() {
	for _, r := range slices.Backward(saved) {
		e.rex(w32, 0, r.reg)
		e.emit(0x58 | byte(r.reg)&7) // pop
	}
	e.emit(0xc3) // ret
}
