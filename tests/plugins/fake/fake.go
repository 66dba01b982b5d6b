// Package fake is a back end that generates no code, with every field of an
// artifact and of a result in use: what the tests of plugins send through.
package fake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// Backend is the fake back end. CodeSize is the number of bytes of its artifacts' code.
type Backend struct{ CodeSize int }

// Target has every field set.
func (b Backend) Target() codegen.Target {
	return codegen.Target{Name: "fake", Version: "1.2.3", Arch: "none", CPUs: []string{"a", "b"}, Opts: []int{0, 2}, Object: true}
}

// Compile makes an artifact of the unit. Options choose errors: CPU "unknown" is
// an ordinary error, "wait" waits for the end of ctx; level 2 is not supported.
func (b Backend) Compile(ctx context.Context, u *codegen.Unit, o codegen.Options) (*codegen.Artifact, error) {
	switch {
	case o.Opt == 2:
		return nil, fmt.Errorf("fake: %w", &codegen.UnsupportedError{What: "optimisation level 2", Msg: "use 0"})
	case o.CPU == "unknown":
		return nil, errors.New("fake: unknown CPU level")
	case o.CPU == "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return Artifact(u, o, b.CodeSize), nil
}

// Artifact is what Compile makes.
func Artifact(u *codegen.Unit, o codegen.Options, size int) *codegen.Artifact {
	a := &codegen.Artifact{
		Target:  "fake",
		Version: "1.2.3",
		Arch:    "none",
		CPU:     o.CPU,
		Name:    u.Name,
		Code:    bytes.Repeat([]byte{0xc3}, max(size, 16)),
		Rodata:  []byte{1, 2, 3},
		Symbols: []codegen.Symbol{{Name: "f", Offset: 1, Size: 2, Global: true, Prog: -1, CFA: []codegen.CFAStep{
			{Offset: 1, CFA: 16, Saved: []codegen.SavedReg{{Reg: 3, Below: 16}, {Reg: 6, Below: -8}}}}}},
		Relocs:    []codegen.Reloc{{Offset: 4, Kind: codegen.RelocData, Index: 0, Addend: -4}},
		Exits:     []codegen.Exit{{Offset: 8, Code: codegen.ExitFault, Rule: ir.RuleMemory, Size: 8, Write: true, Helper: -1, Prog: 0, Pos: ir.NoPos}},
		Lines:     []codegen.LineEntry{{Offset: 2, Prog: 0, Pos: 3}},
		StackSize: 512,
		Maps:      u.Maps,
		Data:      u.Data,
		Helpers:   u.Helpers,
		Items:     u.Items,
	}
	for i, e := range u.Entries {
		a.Entries = append(a.Entries, codegen.Entry{EntryInfo: e, Offset: uint32(i), HasC: o.Object, COffset: 3, CChecked: 4})
	}
	a.Seal()
	return a
}

// Open opens a session.
func (b Backend) Open(context.Context, codegen.Spec) (codegen.Session, error) {
	return &session{programs: map[codegen.ProgID]string{}, values: map[string][]byte{}}, nil
}

type session struct {
	mu       sync.Mutex
	last     codegen.ProgID
	programs map[codegen.ProgID]string
	values   map[string][]byte
}

func (s *session) Load(_ context.Context, a *codegen.Artifact) (ids []codegen.ProgID, err error) {
	if err := a.CheckDigest(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range a.Entries {
		s.last++
		s.programs[s.last] = e.Name
		ids = append(ids, s.last)
	}
	return ids, nil
}

func (s *session) Unload(_ context.Context, p codegen.ProgID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.programs[p]; !ok {
		return fmt.Errorf("no program %d", p)
	}
	delete(s.programs, p)
	return nil
}

// What the first byte of an input asks for.
const (
	DoFault = 0xfa
	DoFail  = 0xfb // an error, after the results so far
	DoWait  = 0xfc // wait for the end of the context
)

// TraceSteps is the number of steps in the trace of every run.
const TraceSteps = 150_000

// Run returns the sum of the input's bytes and the input reversed.
func (s *session) Run(ctx context.Context, p codegen.ProgID, in codegen.Batch) (res codegen.Results, err error) {
	s.mu.Lock()
	name, ok := s.programs[p]
	s.mu.Unlock()
	if !ok {
		return res, fmt.Errorf("no program %d", p)
	}
	for _, i := range in.Inputs {
		if len(i.Mem) > 0 && i.Mem[0] == DoFail {
			return res, errors.New("fake: told to fail")
		}
		if len(i.Mem) > 0 && i.Mem[0] == DoWait {
			<-ctx.Done()
			return res, ctx.Err()
		}
		res.Results = append(res.Results, run(name, i.Mem, in))
		res.Elapsed += 10
		res.Runs += in.Repeat
	}
	return res, nil
}

func run(name string, mem []byte, in codegen.Batch) codegen.Result {
	r := codegen.Result{Ret: uint64(in.Fuel)}
	for i := len(mem) - 1; i >= 0; i-- {
		r.Ret += uint64(mem[i])
		r.Mem = append(r.Mem, mem[i])
	}
	if mem != nil && r.Mem == nil {
		r.Mem = []byte{}
	}
	if len(mem) > 0 && mem[0] == DoFault {
		r.Fault = &codegen.Fault{Rule: ir.RuleMemory, Program: name, Insn: 7, Address: 1<<63 + 1, Size: 8, Write: true,
			Source: &obj.Line{Slot: 7, File: "f.c", Line: 3, Col: 4, Text: "*p = 1;"}}
	}
	for i := 0; in.Trace && i < TraceSteps; i++ {
		r.Trace = append(r.Trace, codegen.TraceStep{Slot: i, Func: name, Regs: [11]uint64{uint64(i), 10: ^uint64(0)}})
	}
	return r
}

// Maps keeps values by the name of their map.
func (s *session) Maps(_ context.Context, ops []codegen.MapOp) (out []codegen.MapResult, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range ops {
		v, ok := s.values[o.Map]
		switch {
		case o.Kind == codegen.MapPut:
			s.values[o.Map] = o.Value
			out = append(out, codegen.MapResult{})
		case !ok:
			out = append(out, codegen.MapResult{Err: "ENOENT"})
		default:
			out = append(out, codegen.MapResult{Entries: []codegen.MapEntry{{Key: o.Key, Value: v}}})
		}
	}
	return out, nil
}

func (s *session) Close() error { return nil }
