// Package check examines machine code before it is mapped: that an artifact is
// what a back end would emit. It finds broken back ends and damaged artifacts;
// it cannot make hostile code harmless.
//
// The code is decoded linearly. Every byte belongs to an instruction, every
// instruction is in the table of allowed forms, control goes to instruction
// starts of the image and leaves it by the exits alone, and every relocation
// fills exactly one PC-relative field, whose target it stays inside of.
package check

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// Error says what in an artifact's code no back end emits.
type Error struct {
	Name   string // of the artifact's object
	Offset uint32 // in its code
	Msg    string
}

// Error is one line.
func (e *Error) Error() string {
	return fmt.Sprintf("artifact of %s: code at %#x: %s; the back end that made it is broken, or it was changed", e.Name, e.Offset, e.Msg)
}

// image is an artifact under examination.
type image struct {
	a      *codegen.Artifact
	insns  []insn
	at     []uint32         // offset of each instruction
	start  []uint64         // bitmap of the offsets at which instructions begin
	relocs map[uint32]int   // index of the relocation of a field, by offset
	exits  map[uint32]int32 // index of an exit, by offset
	thunks map[int64]int    // index of a retpoline, by offset
}

// Artifact examines the code, for amd64, and every table of the artifact that
// refers to it. The error is an *Error. It tells of each entry whether it is a leaf.
func Artifact(a *codegen.Artifact) (leaves []bool, err error) {
	m := &image{a: a, start: make([]uint64, len(a.Code)/64+1), thunks: map[int64]int{}}
	for _, step := range []func() error{m.decode, m.indexRelocs, m.indexExits, m.checkInsns, m.checkEntries, m.checkSymbols, m.checkLines} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	leaves = make([]bool, len(a.Entries))
	for i := range a.Entries {
		leaves[i] = m.leaf(a.Entries[i].Offset)
	}
	return leaves, nil
}

func (m *image) fail(off uint32, format string, args ...any) error {
	return &Error{Name: m.a.Name, Offset: off, Msg: fmt.Sprintf(format, args...)}
}

// decode decodes all of the code.
func (m *image) decode() error {
	const shortest = 3 // bytes of an instruction, about: so that growing is the exception
	n := len(m.a.Code) / shortest
	m.insns, m.at = make([]insn, 0, n), make([]uint32, 0, n)
	for off := 0; off < len(m.a.Code); {
		in, err := decodeInsn(m.a.Code[off:])
		if err != nil {
			return m.fail(uint32(off), "%v", err)
		}
		m.insns, m.at = append(m.insns, in), append(m.at, uint32(off))
		m.start[off/64] |= 1 << (off % 64)
		if in.has(thunk) {
			m.thunks[int64(off)] = len(m.insns) - 1
		}
		off += in.len
	}
	return nil
}

// starts reports whether an instruction begins at the offset.
func (m *image) starts(off int64) bool {
	return off >= 0 && off < int64(len(m.a.Code)) && m.start[off/64]&(1<<(off%64)) != 0
}

// boundary reports whether the offset is the start of an instruction or the end of the code.
func (m *image) boundary(off uint32) bool {
	return m.starts(int64(off)) || int(off) == len(m.a.Code)
}

// program reports whether the number is that of an entry, or none.
func (m *image) program(p int32) bool { return p >= -1 && int(p) < len(m.a.Entries) }

func (m *image) indexRelocs() error {
	m.relocs = make(map[uint32]int, len(m.a.Relocs))
	for i := range m.a.Relocs {
		off := m.a.Relocs[i].Offset
		if _, ok := m.relocs[off]; ok {
			return m.fail(off, "two relocations fill one field")
		}
		m.relocs[off] = i
	}
	return nil
}

func (m *image) indexExits() error {
	m.exits = make(map[uint32]int32, len(m.a.Exits))
	for i := range m.a.Exits {
		x := &m.a.Exits[i]
		if i > 0 && x.Offset <= m.a.Exits[i-1].Offset {
			return m.fail(x.Offset, "exits are not in ascending order")
		}
		if msg := m.exit(x); msg != "" {
			return m.fail(x.Offset, "exit %s: %s", x.Code, msg)
		}
		m.exits[x.Offset] = int32(i)
	}
	return nil
}

// exit says what is wrong with the exit.
func (m *image) exit(x *codegen.Exit) string {
	resumes := x.Code == codegen.ExitHelper || x.Code == codegen.ExitPoll
	switch {
	case !resumes && x.Code != codegen.ExitFault:
		return "code does not leave with it"
	case resumes && !m.starts(int64(x.Offset)), !m.boundary(x.Offset):
		return "no instruction begins there"
	case x.Code == codegen.ExitHelper && (x.Helper < 0 || int(x.Helper) >= len(m.a.Helpers)):
		return fmt.Sprintf("helper %d is not in its table", x.Helper)
	case x.Code == codegen.ExitFault && x.Rule == ir.NoRule:
		return "no rule"
	case !m.program(x.Prog):
		return fmt.Sprintf("program %d is not in its table", x.Prog)
	case x.Pos < ir.NoPos:
		return fmt.Sprintf("instruction %d", x.Pos)
	}
	return ""
}

// checkInsns checks each instruction at its place, and that each relocation and exit has one.
func (m *image) checkInsns() error {
	relocs, exits := 0, 0
	reached := true // control comes from the instruction before
	for i := range m.insns {
		in, end := &m.insns[i], m.at[i]+uint32(m.insns[i].len)
		used, msg := m.checkInsn(in, m.at[i], end)
		if msg == "" && in.has(filler) && (reached || i == 0) {
			msg = "it is reached"
		}
		x, leaves := m.exits[end]
		out := m.callsExit(in, end, used)
		if msg == "" {
			msg = m.checkLeave(in, out, x, leaves)
		}
		if msg != "" {
			return m.fail(m.at[i], "%s: %s", in.name, msg)
		}
		if used {
			relocs++
		}
		if leaves {
			exits++
		}
		reached = !in.has(last|filler) && !(leaves && out && m.a.Exits[x].Code == codegen.ExitFault)
	}
	switch {
	case reached && len(m.insns) > 0:
		return m.fail(uint32(len(m.a.Code)), "control falls off the end")
	case relocs != len(m.a.Relocs):
		return m.strayReloc()
	case exits != len(m.a.Exits):
		return m.fail(0, "%d exits of %d follow an instruction", exits, len(m.a.Exits))
	}
	return nil
}

// strayReloc names a relocation that fills no field.
func (m *image) strayReloc() error {
	fields := make(map[uint32]bool, len(m.a.Relocs))
	for i := range m.insns {
		if m.insns[i].field != 0 {
			fields[m.at[i]+uint32(m.insns[i].field)] = true
		}
	}
	for i := range m.a.Relocs {
		if off := m.a.Relocs[i].Offset; !fields[off] {
			return m.fail(off, "a relocation fills no field of 4 bytes that an instruction adds to its own address")
		}
	}
	return m.fail(0, "relocations do not fill one field each")
}

// callsExit reports whether the instruction calls the exit of the run context, as it is or by way of a retpoline.
func (m *image) callsExit(in *insn, end uint32, relocated bool) bool {
	if !in.has(call) || relocated {
		return false
	}
	t, by := m.thunks[int64(end)+in.rel]
	return in.hasMem || by && m.insns[t].hasMem
}

// checkLeave checks that exits follow calls that leave, and each of those has one. out tells that the instruction calls the exit.
func (m *image) checkLeave(in *insn, out bool, x int32, leaves bool) string {
	switch {
	case out && !leaves:
		return "no exit says what it leaves for"
	case leaves && !in.has(call):
		return "an exit follows it, but it is no call"
	case leaves && !out && m.a.Exits[x].Code != codegen.ExitFault:
		return "only a fault leaves by way of a routine of the image"
	}
	return ""
}

// checkInsn checks operands and targets. It reports whether a relocation fills the instruction's field.
func (m *image) checkInsn(in *insn, off, end uint32) (relocated bool, msg string) {
	r, relocated := -1, false
	if in.field != 0 {
		r, relocated = m.relocAt(off + uint32(in.field))
	}
	switch {
	case relocated:
		return true, m.checkReloc(in, &m.a.Relocs[r], end)
	case in.isRel && !m.starts(int64(end)+in.rel):
		return false, "it goes to where no instruction begins"
	case in.has(transfer) && !in.isRel && !in.tail && (!in.hasMem || !in.exitSlot()):
		return false, "only the exit in the run context may be called through memory"
	case in.has(call) && in.isRel && m.tailThunk(int64(end)+in.rel):
		return false, "only tail calls go where rcx says"
	case in.hasMem && !in.has(transfer):
		return false, in.checkMem()
	}
	return false, ""
}

// tailThunk reports whether the retpoline of tail calls is at the offset.
func (m *image) tailThunk(off int64) bool {
	t, ok := m.thunks[off]
	return ok && m.insns[t].tail
}

func (m *image) relocAt(field uint32) (int, bool) {
	i, ok := m.relocs[field]
	return i, ok
}

// checkReloc checks that the relocation suits the instruction, and that an access stays inside its target.
func (m *image) checkReloc(in *insn, r *codegen.Reloc, end uint32) string {
	off := r.Addend + int64(end) - int64(r.Offset) // of the target, in what the relocation names
	if r.Kind == codegen.RelocHelper {
		switch {
		case !in.isRel || !in.has(call):
			return "a helper is called, nothing else"
		case r.Index < 0 || int(r.Index) >= len(m.a.Helpers) || off != 0:
			return fmt.Sprintf("helper %d%+d is no helper", r.Index, off)
		}
		return ""
	}
	size, writable, ok := m.target(r)
	switch {
	case in.isRel:
		return "control goes into data"
	case !ok:
		return fmt.Sprintf("relocation of kind %d refers to nothing (index %d)", r.Kind, r.Index)
	case in.has(address):
		return ""
	case off < 0 || uint64(off)+uint64(in.memBytes) > size:
		return fmt.Sprintf("%d bytes at %d are outside the %d bytes that it refers to", in.memBytes, off, size)
	case in.memWritten && !writable:
		return "it writes read-only data"
	}
	return ""
}

// target is the size of the data that a relocation refers to.
func (m *image) target(r *codegen.Reloc) (size uint64, writable, ok bool) {
	i := int(r.Index)
	switch {
	case r.Kind == codegen.RelocRodata:
		return uint64(len(m.a.Rodata)), false, true
	case r.Kind == codegen.RelocData && i >= 0 && i < len(m.a.Data):
		return uint64(len(m.a.Data[i].Bytes)), !m.a.Data[i].ReadOnly, true
	case r.Kind == codegen.RelocMap && i >= 0 && i < len(m.a.Maps):
		return 0, false, true // its address, no access
	case r.Kind == codegen.RelocTable && i >= 0 && i < len(m.a.Maps) && m.a.Maps[i].Type == abi.MapTypeProgArray:
		return 8 * uint64(m.a.Maps[i].MaxEntries), false, true
	case r.Kind == codegen.RelocMapValue && i >= 0 && i < len(m.a.Maps):
		return m.a.Maps[i].ArrayBytes(), true, true
	}
	return 0, false, false
}

func (m *image) checkEntries() error {
	for i := range m.a.Entries {
		e := &m.a.Entries[i]
		if !m.starts(int64(e.Offset)) {
			return m.fail(e.Offset, "program %s begins where no instruction begins", e.Name)
		}
		if e.HasC {
			return m.fail(e.COffset, "program %s has C entries: it was compiled for an object file", e.Name)
		}
	}
	return nil
}

func (m *image) checkSymbols() error {
	for i := range m.a.Symbols {
		s := &m.a.Symbols[i]
		end := uint64(s.Offset) + uint64(s.Size)
		if !m.boundary(s.Offset) || end > uint64(len(m.a.Code)) || !m.boundary(uint32(end)) || !m.program(s.Prog) {
			return m.fail(s.Offset, "symbol %s, %d bytes, program %d, does not fit the code", s.Name, s.Size, s.Prog)
		}
		for _, c := range s.CFA {
			if c.Offset < s.Offset || uint64(c.Offset) > end {
				return m.fail(c.Offset, "an unwinding rule of %s lies outside it", s.Name)
			}
		}
	}
	return nil
}

func (m *image) checkLines() error {
	for i := range m.a.Lines {
		l := &m.a.Lines[i]
		if i > 0 && l.Offset < m.a.Lines[i-1].Offset {
			return m.fail(l.Offset, "lines are not in ascending order")
		}
		if !m.boundary(l.Offset) || !m.program(l.Prog) || l.Pos < ir.NoPos {
			return m.fail(l.Offset, "a line for program %d, instruction %d, does not fit the code", l.Prog, l.Pos)
		}
	}
	return nil
}
