package asm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// link resolves the names of a program.
func (b *Builder) link(p *program) (obj.Program, error) {
	out := p.out
	for i, f := range p.starts {
		if f.slot == p.end(i) {
			return out, &Error{Call: f.call, Method: [...]string{"Program", "Func"}[min(i, 1)], Program: out.Name, Text: fmt.Sprintf("the function %q has no instruction", f.name)}
		}
		out.Funcs = append(out.Funcs, obj.FuncInfo{Slot: f.slot, Name: f.name})
		for slot := f.slot; slot < p.end(i); slot++ {
			in, ref, err := b.resolve(p, i, slot)
			if err != nil {
				return out, p.blame(slot, err.Error(), err)
			}
			out.Insns = append(out.Insns, in)
			if ref.Kind != obj.RefNone {
				ref.Slot = slot
				out.Refs = append(out.Refs, ref)
			}
		}
	}
	return out, p.check(out.Insns)
}

// end returns the slot after the last one of a function.
func (p *program) end(function int) int {
	if function+1 < len(p.starts) {
		return p.starts[function+1].slot
	}
	return len(p.stmts)
}

// blame makes the error about a slot.
func (p *program) blame(slot int, text string, cause error) error {
	s := p.stmts[slot]
	return &Error{Call: s.call, Method: "Add", Index: s.index, Insn: s.String(), Program: p.out.Name, Text: text, Err: cause}
}

// check lets core/isa check the encoding and all targets.
func (p *program) check(insns []isa.Insn) error {
	_, err := isa.Encode(insns)
	if err == nil {
		err = isa.Check(insns)
	}
	var e *isa.Error
	if errors.As(err, &e) && e.Slot < len(p.stmts) {
		return p.blame(e.Slot, e.Text, err)
	}
	return err
}

// resolve returns the instruction at a slot with its symbol resolved.
func (b *Builder) resolve(p *program, function, slot int) (isa.Insn, obj.Ref, error) {
	s := p.stmts[slot]
	in := s.insn
	switch s.kind {
	case symLabel:
		return p.jump(in, function, slot, s.symbol)
	case symFunc, symFuncAddress:
		return p.function(in, slot, s.kind, s.symbol)
	case symHelper:
		return in, obj.Ref{Kind: obj.RefHelper, Name: s.symbol}, named(s.symbol)
	case symKfunc:
		return in, obj.Ref{Kind: obj.RefKfunc, Name: s.symbol}, named(s.symbol)
	case symMap, symMapValue:
		kind := obj.RefMap
		if s.kind == symMapValue {
			kind = obj.RefMapValue
		}
		i := b.mapIndex(s.symbol)
		if i < 0 {
			return in, obj.Ref{}, fmt.Errorf("there is no map %q", s.symbol)
		}
		return in, obj.Ref{Kind: kind, Index: i, Addend: s.addend}, nil
	case symData:
		ref, err := b.data(s.symbol, s.addend)
		return in, ref, err
	}
	return in, obj.Ref{}, nil
}

// named refuses a call without a name.
func named(name string) error {
	if name == "" {
		return errors.New("the call has no name")
	}
	return nil
}

// jump sets the offset of a jump to a label of the same function.
func (p *program) jump(in isa.Insn, function, slot int, label string) (isa.Insn, obj.Ref, error) {
	to, ok := p.labels[label]
	switch {
	case !ok:
		return in, obj.Ref{}, fmt.Errorf("the label %q is not defined", label)
	case to < p.starts[function].slot || to >= p.end(function):
		return in, obj.Ref{}, fmt.Errorf("the label %q is not before an instruction of the function %q", label, p.starts[function].name)
	}
	off := to - slot - 1
	if in.Row().OffUse != isa.Operand {
		in.Imm = int64(off)
		return in, obj.Ref{}, nil
	}
	if off != int(int16(off)) {
		return in, obj.Ref{}, fmt.Errorf("the label %q is %d slots away, more than 16 bits can say; use Ja32", label, off)
	}
	in.Off = int16(off)
	return in, obj.Ref{}, nil
}

// function sets the offset of a call, or of the address of a function.
func (p *program) function(in isa.Insn, slot int, kind symbolKind, name string) (isa.Insn, obj.Ref, error) {
	to, ok := p.funcs[name]
	if !ok {
		return in, obj.Ref{}, fmt.Errorf("there is no function %q in the program", name)
	}
	if kind == symFunc {
		return isa.CallFunc(int32(to - slot - 1)), obj.Ref{}, nil
	}
	return isa.LoadFunc(in.Dst, int32(to-slot-1)), obj.Ref{Kind: obj.RefFunc, Index: to}, nil
}

// data finds a variable, or a section by its own name.
func (b *Builder) data(name string, addend int64) (obj.Ref, error) {
	for i, d := range b.object.Data {
		if d.Name == name {
			return obj.Ref{Kind: obj.RefData, Index: i, Addend: addend}, nil
		}
		if j := slices.IndexFunc(d.Symbols, func(s DataSymbol) bool { return s.Name == name }); j >= 0 {
			return obj.Ref{Kind: obj.RefData, Index: i, Addend: int64(d.Symbols[j].Offset) + addend}, nil
		}
	}
	return obj.Ref{}, fmt.Errorf("there is no data section and no variable %q", name)
}
