package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// object prepares a program of an object file: its maps exist when the loads begin.
func (l *loader) object(q Question) (load, func(), error) {
	spec, err := l.spec(q.Object)
	if err != nil {
		return nil, nil, err
	}
	p := spec.Programs[q.Program]
	if p == nil {
		return nil, nil, fmt.Errorf("the loader finds no program %q in %s", q.Program, q.Object)
	}
	if p.Type == ebpf.UnspecifiedProgram {
		return nil, nil, fmt.Errorf("section %q names no program type that the loader knows", p.SectionName)
	}
	if err := gateProgram(p); err != nil {
		return nil, nil, err
	}
	only, err := alone(spec, q.Program)
	if err != nil {
		return nil, nil, err
	}
	maps, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{Cache: l.types})
	if err != nil {
		return nil, nil, fmt.Errorf("maps: %w", err)
	}
	only.Programs = map[string]*ebpf.ProgramSpec{q.Program: p}
	return func(level uint32) outcome { return l.loadAlone(only, maps.Maps, q.Program, level) }, maps.Close, nil
}

// spec reads an object file, or remembers it.
func (l *loader) spec(path string) (*ebpf.CollectionSpec, error) {
	if s := l.specs[path]; s != nil {
		return s, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	s, err := ebpf.LoadCollectionSpecFromReader(f)
	if err == nil {
		l.specs = map[string]*ebpf.CollectionSpec{path: s}
	}
	return s, err
}

// alone returns the collection with the maps that the program refers to, tamed, and without any program.
func alone(spec *ebpf.CollectionSpec, name string) (*ebpf.CollectionSpec, error) {
	only := spec.Copy()
	var used []string
	for i := range only.Programs[name].Instructions {
		if ins := &only.Programs[name].Instructions[i]; ins.IsLoadFromMap() {
			used = append(used, ins.Reference())
		}
	}
	for m, s := range only.Maps {
		if !slices.Contains(used, m) {
			delete(only.Maps, m)
			continue
		}
		if err := tame(s); err != nil {
			return nil, err
		}
	}
	for v, s := range only.Variables {
		if !slices.Contains(used, s.SectionName) {
			delete(only.Variables, v)
		}
	}
	only.Programs = nil
	return only, nil
}

// loadAlone loads the one program of a collection whose maps exist.
func (l *loader) loadAlone(only *ebpf.CollectionSpec, maps map[string]*ebpf.Map, name string, level uint32) outcome {
	alive.Pace()
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{
		Programs:        ebpf.ProgramOptions{LogLevel: ebpf.LogLevel(level)},
		MapReplacements: maps, Cache: l.types,
	})
	if err != nil {
		var verr *ebpf.VerifierError
		if errors.As(err, &verr) {
			return outcome{err: verr.Cause, log: verr.Log}
		}
		return outcome{err: err}
	}
	p := c.DetachProgram(name)
	c.Close()
	return outcome{program: p, log: lines(p.VerifierLog)}
}

// gateProgram is Gate for a program of the loader's. It is not for generated programs alone: the kernel is shared.
func gateProgram(p *ebpf.ProgramSpec) error {
	var packet, functions bool
	for i := range p.Instructions {
		ins := &p.Instructions[i]
		if ins.OpCode.Class() == asm.LdClass {
			mode := ins.OpCode.Mode()
			packet = packet || mode == asm.AbsMode || mode == asm.IndMode
		}
		functions = functions || ins.IsFunctionCall() || ins.IsLoadOfFunctionPointer()
	}
	if packet && functions {
		return ErrGate
	}
	return nil
}
