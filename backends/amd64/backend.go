// Package amd64 compiles the IR to amd64 machine code.
//
// The direct tier (-O0) maps registers one to one and passes over the code once.
// The native calling convention is BPF's, so a call of a helper or a function
// needs no shuffling of arguments:
//
//	BPF    R0  R1  R2  R3  R4  R5  R6  R7  R8  R9  R10 | T0 T1  T2  | run context
//	amd64  rax rdi rsi rdx rcx r8  rbx r13 r14 r15 rbp | r9 r10 r11 | r12
//
// There are two stacks. BPF's is addressed by rbp (R10) and is a region that the
// program may touch; return addresses and saved registers are on the control
// stack (rsp), which no store of a program can reach:
//
//	control stack (rsp)                BPF stack (rbp)
//	+--------------------+ 16-aligned  +------------------+ <- R10 of the caller
//	| return address     |             | caller's frame   |
//	| rbx r13 r14 r15    | those used  +------------------+ <- R10 of the callee: the caller
//	| slots, padding     | if it calls | callee's frame   |    lowers rbp around the call
//	+--------------------+ <- rsp      +------------------+
//
// A function pads so that rsp is a multiple of 16 at every call it makes.
package amd64

import (
	"context"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/runtime"
)

// version changes with the code that the back end makes.
const version = "1"

// The CPU levels of the x86-64 psABI (section 3.1.1), lowest first.
var levels = []string{"x86-64", "x86-64-v2", "x86-64-v3"}

// Backend is the amd64 back end. The zero value is ready; it is safe for concurrent use.
type Backend struct {
	// CheckAllocation proves of every function that each value is where its readers look for it, before code is made.
	CheckAllocation bool
}

// New returns the back end.
func New() *Backend { return &Backend{} }

// Target describes the back end.
func (*Backend) Target() codegen.Target {
	return codegen.Target{Name: "amd64", Version: version, Arch: "amd64", CPUs: slices.Clone(levels), Opts: []int{0, 2}, Object: true, Features: slices.Clone(features)}
}

// Compile makes machine code of a unit. Errors are *codegen.UnsupportedError for
// options it does not have. The programs obey ir.Check, which the way here sees to:
// the lowering, or who reads a unit off the wire.
func (b *Backend) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	if o.Opt != 0 && o.Opt != 2 {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("optimisation level %d", o.Opt), Msg: "the amd64 back end has 0 and 2"}
	}
	if err := checkFeatures(o.Features); err != nil {
		return nil, err
	}
	level := slices.Index(levels, o.CPU)
	if o.CPU == "" {
		level = 0
	}
	if level < 0 {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("CPU level %q", o.CPU), Msg: fmt.Sprintf("the amd64 back end has %v", levels)}
	}
	if o.Object {
		if err := checkObject(u); err != nil {
			return nil, err
		}
	}
	e := &emitter{unit: u, opts: o, v3: level >= 2, thunks: thunks, refNumber: map[reference]int32{}}
	e.ibt, e.retpoline = slices.Contains(o.Features, featureIBT), slices.Contains(o.Features, featureRetpoline)
	e.reserve()
	e.origin = e.asm.NewLabel()
	e.asm.Bind(e.origin)
	for i, p := range u.Programs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := b.allocate(p)
		if err != nil {
			return nil, err
		}
		if b.CheckAllocation {
			if err := checkAllocation(p); err != nil {
				return nil, err
			}
		}
		e.program(int32(i), p)
	}
	e.searches()
	if o.Object {
		e.objectEntries()
	}
	e.retpolines()
	if e.err != nil {
		return nil, e.err
	}
	if err := e.asm.Finish(); err != nil {
		return nil, fmt.Errorf("amd64: %s: %w", u.Name, err)
	}
	a := e.artifact()
	a.CPU = levels[level]
	a.Seal()
	return a, nil
}

// reserve makes room for about what the unit will need, so that tables are not copied while they grow.
func (e *emitter) reserve() {
	insns := 0
	for _, p := range e.unit.Programs {
		for _, f := range p.Funcs {
			for _, b := range f.Blocks {
				insns += len(b.Insns)
			}
		}
	}
	e.asm.Grow(8 * insns) // an instruction of the IR takes 4 to 8 bytes, a guard 25
	e.lines = make([]line, 0, insns+insns/4)
}

// artifact gathers what was emitted.
func (e *emitter) artifact() *codegen.Artifact {
	u := e.unit
	a := &codegen.Artifact{
		Target: "amd64", Version: version, Arch: "amd64", Name: u.Name,
		Code: slices.Clone(e.asm.Bytes()),
		Maps: u.Maps, Data: u.Data, Helpers: u.Helpers, Items: u.Items,
	}
	for i, info := range u.Entries {
		a.StackSize = max(a.StackSize, info.StackSize)
		entry := codegen.Entry{EntryInfo: info, Offset: e.offset(e.entries[i])}
		if e.opts.Object {
			entry.HasC, entry.COffset, entry.CChecked = true, e.offset(e.c[i].plain), e.offset(e.c[i].checked)
		}
		a.Entries = append(a.Entries, entry)
	}
	for _, s := range e.symbols {
		sym := codegen.Symbol{Name: s.name, Offset: e.offset(s.start), Global: s.global, Prog: s.prog}
		sym.Size = e.offset(s.end) - sym.Offset
		for _, c := range s.cfa {
			sym.CFA = append(sym.CFA, codegen.CFAStep{Offset: e.offset(c.at), CFA: c.cfa, Saved: c.saved})
		}
		a.Symbols = append(a.Symbols, sym)
	}
	for _, r := range e.asm.Relocs() {
		ref := e.refs[r.Sym]
		a.Relocs = append(a.Relocs, codegen.Reloc{Offset: r.Offset, Kind: ref.kind, Index: ref.index, Addend: r.Addend})
	}
	a.Exits = make([]codegen.Exit, len(e.exits))
	for i, x := range e.exits {
		x.Offset = e.offset(x.at)
		a.Exits[i] = x.Exit
	}
	slices.SortFunc(a.Exits, func(x, y codegen.Exit) int { return int(x.Offset) - int(y.Offset) })
	a.Rodata = e.rodata(a.Exits)
	a.Lines = make([]codegen.LineEntry, len(e.lines))
	for i, l := range e.lines {
		a.Lines[i] = codegen.LineEntry{Offset: e.offset(l.at), Prog: l.prog, Pos: l.pos}
	}
	return a
}

func (e *emitter) offset(m asm.Mark) uint32 { return uint32(e.asm.Offset(m)) }

// Open opens a session that runs artifacts of this back end in this process.
// On other machines than linux/amd64 loading an artifact is refused.
func (*Backend) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	return runtime.OpenSession(ctx, s, runtime.Native{})
}
