package verifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// packetChecks compare the pointer with the end before the access.
func (a *analysis) packetChecks(e *Error) (list []remedy) {
	if e.in.Op.Info().Effects&ir.UseMem == 0 {
		return nil
	}
	n := a.at(e.blame[0])
	length := a.holding(e, func(m *node) bool { return n.id == idMemory && m.base == a.length && a.length != 0 && m.off == 0 })
	for _, bytes := range a.reaches(e) {
		p := copied(a.program)
		if length != ir.None {
			a.leaveIf(p, here(e), compare(length, isa.LT, n.off+bytes, ir.None))
			text := fmt.Sprintf("before %s add `if (len < %d) return %d;`, where len is the length of the memory, the program's second argument", a.place(e.in.Pos), n.off+bytes, a.quiet(here(e).fn))
			list = append(list, remedy{p, Fix{int(e.in.Pos), e.Source, text}})
			continue
		}
		end, ok := a.endOf(e, n)
		if !ok {
			return nil
		}
		a.compareEnd(p, e, bytes, end)
		list = append(list, remedy{p, Fix{int(e.in.Pos), e.Source, a.packetText(e, n, bytes, end.name)}})
	}
	return list
}

// reaches are the bytes from the base register that a comparison may be about: those of the access,
// then more, for the accesses through the same register that it can be for as well.
func (a *analysis) reaches(e *Error) []int64 {
	first := int64(e.in.Disp) + int64(e.in.Size)
	list := []int64{first}
	for _, b := range a.program.Funcs[here(e).fn].Blocks {
		for i := range b.Insns {
			in := &b.Insns[i]
			if reach := int64(in.Disp) + int64(in.Size); in.Op.Info().Effects&ir.UseMem != 0 && in.Base == e.in.Base && reach > first {
				list = append(list, reach)
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), maxFixTries)]
}

// ending is how a program comes by the end of the packet or memory.
type ending struct {
	reg  ir.Reg    // that holds it; None: load puts it into a register
	load []ir.Insn // the last one says into which
	save bool      // load takes the context from scratch, where the program has to save it as it begins
	name string
}

// endOf finds the end that pointers like n are compared with.
func (a *analysis) endOf(e *Error, n *node) (end ending, ok bool) {
	fn := here(e).fn
	is := func(m *node) bool { return isEnd(m.kind) && sameArea(n.kind, m.kind) }
	field := a.endField()
	if r := a.holding(e, is); r != ir.None {
		return ending{reg: r, name: a.endName(e, field, a.at(e.path.top().regs[r-ir.R0]), r)}, true
	}
	name := a.endName(e, field, nil, ir.None)
	if at := a.stored(e, is); at != 0 {
		return ending{load: []ir.Insn{reload(ir.None, at)}, name: name}, true
	}
	if field == nil || a.scratch(fn) == 0 {
		return end, false
	}
	isContext := func(m *node) bool { v, ok := a.whole(m).Const(); return m.kind == isCtx && ok && v == 0 }
	load := ir.Insn{Op: ir.OpLoad, Width: 64, Size: uint8(field.Size), Disp: int32(field.Offset)}
	if r := a.holding(e, isContext); r != ir.None {
		load.Base = r
		return ending{load: []ir.Insn{load}, name: name}, true
	}
	if at := a.stored(e, isContext); at != 0 {
		return ending{load: []ir.Insn{reload(ir.None, at), load}, name: name}, true
	}
	entered := len(predecessors(a.program.Funcs[fn])[0]) > 0
	return ending{load: []ir.Insn{reload(ir.None, a.scratch(fn)), load}, save: true, name: name}, fn == 0 && !entered
}

// endField is the context's field with the packet's end, nil if there is none.
func (a *analysis) endField() (field *abi.Field) {
	for i := range a.typ.Context.Fields {
		if f := &a.typ.Context.Fields[i]; f.Kind == abi.FieldPacketEnd {
			field = f
		}
	}
	return field
}

// compareEnd puts the comparison before the access. A register that it needs is saved below the frame meanwhile.
func (a *analysis) compareEnd(p *ir.Program, e *Error, bytes int64, end ending) {
	at, base := here(e), e.in.Base
	var before, after []ir.Insn
	t := end.reg
	if t == ir.None {
		var live bool
		if t, live = a.borrowed(e); live {
			before, after = append(before, spill(t, a.scratch(at.fn)+8)), append(after, reload(t, a.scratch(at.fn)+8))
		}
		for i, in := range end.load {
			if in.Dst = t; i > 0 {
				in.Base = t
			}
			before = append(before, in)
		}
	}
	insert(p, at, append(before, ir.Insn{Op: ir.OpAdd, Width: 64, Dst: base, A: base, Imm: bytes})...)
	at.index += len(before) + 1
	a.leaveIf(p, at, compare(base, isa.GT, 0, t))
	rest := ir.BlockID(len(p.Funcs[at.fn].Blocks) - 1)
	insert(p, spotIn{at.fn, rest, 0}, append(after, ir.Insn{Op: ir.OpSub, Width: 64, Dst: base, A: base, Imm: bytes})...)
	if end.save {
		insert(p, spotIn{fn: at.fn}, spill(ir.R1, a.scratch(at.fn)))
	}
}

// borrowed is a register other than the base of the access, and whether something reads it later.
func (a *analysis) borrowed(e *Error) (r ir.Reg, live bool) {
	for _, r := range a.deadRegs(e) {
		if r != e.in.Base {
			return r, false
		}
	}
	if e.in.Base == ir.R9 {
		return ir.R8, true
	}
	return ir.R9, true
}

// endName is what the program calls the end; m is its value, nil if the program does not have it here, in register r.
func (a *analysis) endName(e *Error, field *abi.Field, m *node, r ir.Reg) string {
	inC := a.inC(e.in.Pos)
	if m != nil && inC {
		if v := a.line(m.pos).assigned(); v != "" {
			return v
		}
	}
	switch {
	case field == nil:
		return r.String()
	case !inC:
		return field.Name
	}
	context := "ctx"
	for _, b := range a.program.Funcs[here(e).fn].Blocks {
		for i := range b.Insns {
			l, in := a.line(b.Insns[i].Pos), &b.Insns[i]
			for _, m := range memberOf.FindAllStringSubmatch(l.text, -1) {
				if m[2] == field.Name && in.Disp == int32(field.Offset) && l.assigned() != "" {
					return l.assigned()
				}
				if slices.ContainsFunc(a.typ.Context.Fields, func(f abi.Field) bool { return f.Name == m[2] }) {
					context = m[1]
				}
			}
		}
	}
	return "(void *)(long)" + context + "->" + field.Name
}

// memberOf is a variable of C with a member.
var memberOf = regexp.MustCompile(`([A-Za-z_]\w*)\s*->\s*([A-Za-z_]\w*)`)

// packetText says what to compare.
func (a *analysis) packetText(e *Error, n *node, bytes int64, end string) string {
	what, note := fmt.Sprintf("%s + %d", e.in.Base, bytes), ""
	if a.inC(e.in.Pos) {
		if !strings.HasPrefix(end, "(void *)") {
			end = "(void *)" + end
		}
		start := a.line(a.beginningOf(n).pos).assigned()
		_, fixed := n.num.Const()
		switch behind := past(a.line(e.in.Pos).accessed()); {
		case behind != "":
			what = "(void *)(" + behind + ")"
		case start != "" && fixed:
			what = fmt.Sprintf("(void *)%s + %d", start, n.off+bytes)
		default:
			what, note = fmt.Sprintf("(void *)p + %d", e.in.Size), ", where p is the address that is accessed"
		}
	}
	return fmt.Sprintf("before %s add `if (%s > %s) return %d;`%s", a.place(e.in.Pos), what, end, a.quiet(here(e).fn), note)
}

// beginningOf is what a pointer was computed from.
func (a *analysis) beginningOf(n *node) *node {
	for n.a != 0 && n.cause != byCall && n.cause != byContext {
		n = a.at(n.a)
	}
	return n
}
