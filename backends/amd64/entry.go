package amd64

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// The C entries of a program in an object file (codegen/cfault.go). NAME_checked
// builds what the runtime would: a run context and a BPF stack, on the caller's stack.
//
//	+-------------------+
//	| return address    |
//	| rbp r12           |
//	| argument ret      |
//	| argument fault    | <- rsp + frame
//	| padding           |
//	+-------------------+ <- rbp, R10 of the program
//	| BPF stack         |
//	+-------------------+
//	| run context       |
//	+-------------------+ <- rsp, r12; a multiple of 16
//
// A guard that fails, or a poll whose budget is used up, calls [r12+RunExit],
// which here is the code that fills the fault structure and returns -1.
type cEntry struct{ plain, checked asm.Mark }

// objectEntries emits the C entries of all programs and the routine they share.
func (e *emitter) objectEntries() {
	fill := e.asm.NewLabel()
	for i, p := range e.unit.Programs {
		e.prog, e.p = int32(i), p
		checked := e.asm.NewLabel()
		var c cEntry
		e.asm.Align(16)
		leaves := slices.ContainsFunc(e.exits, func(x exit) bool { return x.Prog == e.prog })
		c.checked = e.asm.Mark()
		e.checkedEntry(checked, fill)
		e.asm.Align(16)
		c.plain = e.asm.Mark()
		e.plainEntry(checked, leaves)
		e.c = append(e.c, c)
	}
	e.fillFault(fill)
}

// regionsOf lists the regions of a C entry: those of ir.Region*, and one more for each further data section.
func (e *emitter) regionsOf(info *codegen.EntryInfo) []cRegion {
	regions := make([]cRegion, ir.RegionMaps+len(e.unit.Maps))
	regions[ir.RegionStack] = cRegion{kind: stackRegion, size: uint64(info.StackRegion), writable: true}
	regions[ir.RegionMemory] = cRegion{kind: memoryRegion, writable: true}
	for i := range e.unit.Maps {
		m := &e.unit.Maps[i]
		stride := (uint64(m.ValueSize) + 7) &^ 7
		regions[ir.RegionMaps+i] = cRegion{staticRegion, codegen.RelocMapValue, int32(i), stride * uint64(m.MaxEntries), true}
	}
	for i := range e.unit.Data {
		d := &e.unit.Data[i]
		r := cRegion{staticRegion, codegen.RelocData, int32(i), uint64(len(d.Bytes)), !d.ReadOnly}
		home := ir.RegionData
		if d.ReadOnly {
			home = ir.RegionRodata
		}
		if regions[home].kind == noRegion {
			regions[home] = r
		} else {
			regions = append(regions, r)
		}
	}
	return regions
}

// cRegion is a region of a C entry.
type cRegion struct {
	kind     regionKind
	reloc    codegen.RelocKind
	index    int32
	size     uint64
	writable bool
}

type regionKind uint8

const (
	noRegion regionKind = iota
	stackRegion
	memoryRegion
	staticRegion
)

// guarded reports whether a program has guards of memory: only they read regions.
func guarded(p *ir.Program) bool {
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			if slices.ContainsFunc(b.Insns, func(in ir.Insn) bool { return in.Op == ir.OpGuardMem }) {
				return true
			}
		}
	}
	return false
}

// resultArguments are the registers of the arguments ret and fault of NAME_checked,
// which follow those that make R1 and R2.
var resultArguments = [...]struct{ ret, fault asm.Reg }{
	abi.CtxNone:   {asm.RDI, asm.RSI},
	abi.CtxMemory: {asm.RDX, asm.RCX},
	abi.CtxStruct: {asm.RSI, asm.RDX},
}

// clearArguments zeroes those of R1 and R2 that no argument makes.
func (e *emitter) clearArguments(kind abi.ContextKind) {
	if kind == abi.CtxNone {
		e.asm.AluRR(asm.Xor, asm.W32, reg(ir.R1), reg(ir.R1))
	}
	if kind != abi.CtxMemory {
		e.asm.AluRR(asm.Xor, asm.W32, reg(ir.R2), reg(ir.R2))
	}
}

// checkedEntry emits NAME_checked.
func (e *emitter) checkedEntry(self, fill asm.Label) {
	a, info := &e.asm, &e.unit.Entries[e.prog]
	var regions []cRegion
	if guarded(e.p) {
		regions = e.regionsOf(info)
	}
	stack := (int32(info.StackSize) + 15) &^ 15
	ctx := (int32(codegen.RunRegions+len(regions)*codegen.RegionSize) + 15) &^ 15
	frame := stack + ctx + 8 // with the return address and four words: a multiple of 16
	leave, refused, done := a.NewLabel(), a.NewLabel(), a.NewLabel()

	e.routine(info.Name+codegen.CheckedSuffix, e.prog)
	e.symbols[e.symIndex].global = true
	a.Bind(self)
	e.landing()
	e.pushAll(frame, info.Context)
	e.clearArguments(info.Context)
	a.MovRR(asm.W64, runctx, asm.RSP)
	a.Lea(asm.W64, asm.RBP, asm.Mem{Base: asm.RSP, Disp: ctx + stack})
	a.MovRI(asm.RAX, codegen.DefaultFuel)
	a.MovMR(asm.W64, runContext(codegen.RunSlice), asm.RAX)
	a.Lea(asm.W64, asm.RAX, asm.RIPLabel(leave, 0))
	a.MovMR(asm.W64, runContext(codegen.RunExit), asm.RAX)
	a.MovMR(asm.W64, runContext(codegen.RunHostSP), asm.RSP)
	a.MovMI(asm.W64, runContext(codegen.RunFaultAddr), 0)
	a.MovMI(asm.W64, runContext(codegen.RunTails), 0)
	a.MovMI(asm.W64, runContext(codegen.RunCPU), 0)
	e.keepSaved(a.MovMR)
	if info.Context == abi.CtxMemory && info.CtxSize > 0 {
		a.AluRI(asm.Cmp, asm.W64, asm.RSI, int32(info.CtxSize))
		a.Jcc(asm.CondB, refused)
	}
	e.fillRegions(regions, stack, ctx)
	a.Call(e.entryLabels[e.prog])
	a.MovRM(asm.W64, asm.RDX, asm.Mem{Base: asm.RSP, Disp: frame + 8})
	a.TestRR(asm.W64, asm.RDX, asm.RDX)
	skip := a.NewLabel()
	a.Jcc(asm.CondE, skip)
	a.MovMR(asm.W64, asm.Mem{Base: asm.RDX}, asm.RAX)
	a.Bind(skip)
	a.AluRR(asm.Xor, asm.W32, asm.RAX, asm.RAX)
	a.Bind(done)
	body := e.unwindState()
	a.AluRI(asm.Add, asm.W64, asm.RSP, frame+16)
	e.released(frame + 16)
	e.restore(runctx)
	e.restore(asm.RBP)
	a.Op(asm.Ret)
	e.cfa(body.cfa, body.saved)

	a.Bind(refused) // less memory than the type promises: a fault of no instruction
	a.MovMR(asm.W64, runContext(codegen.RunFaultAddr), asm.RDI)
	e.callExit()
	e.exits = append(e.exits, exit{a.Mark(), codegen.Exit{Code: codegen.ExitFault, Rule: ir.RuleMemory, Prog: e.prog, Pos: ir.NoPos}})
	a.Bind(leave)
	e.landing()
	a.Pop(scratch0) // the address that left: it tells what happened
	a.MovRM(asm.W64, asm.RSP, runContext(codegen.RunHostSP))
	e.keepSaved(func(w asm.Width, m asm.Mem, r asm.Reg) { a.MovRM(w, r, m) })
	a.MovRM(asm.W64, asm.RDI, asm.Mem{Base: asm.RSP, Disp: frame})
	failed := a.NewLabel()
	a.TestRR(asm.W64, asm.RDI, asm.RDI)
	a.Jcc(asm.CondE, failed)
	a.Call(fill)
	a.Bind(failed)
	a.MovRI(asm.RAX, int64(uint32(1<<32-1)))
	a.Jmp(done)
	e.end()
}

// keepSaved moves the callee-saved registers that the program writes to or from
// the part of the run context that is the runtime's: its functions, which save
// them, do not come to restore them when the program leaves for good.
func (e *emitter) keepSaved(move func(asm.Width, asm.Mem, asm.Reg)) {
	for i, c := range calleeSaved {
		if e.writes[e.prog].Has(c.bpf) {
			move(asm.W64, runContext(codegen.RunReserved+8*int32(i)), c.reg)
		}
	}
}

// pushAll saves what NAME_checked changes, and its last two arguments.
func (e *emitter) pushAll(frame int32, kind abi.ContextKind) {
	args := resultArguments[kind]
	cfa := int32(8)
	var saved []codegen.SavedReg
	for _, r := range [...]struct {
		reg   asm.Reg
		dwarf uint8
		keep  bool
	}{{asm.RBP, 6, true}, {runctx, 12, true}, {args.ret, 0, false}, {args.fault, 0, false}} {
		e.asm.Push(r.reg)
		cfa += 8
		if r.keep {
			saved = append(saved[:len(saved):len(saved)], codegen.SavedReg{Reg: r.dwarf, Below: cfa})
		}
		e.cfa(cfa, saved)
	}
	e.asm.AluRI(asm.Sub, asm.W64, asm.RSP, frame)
	e.cfa(cfa+frame, saved)
}

// fillRegions emits the region table. rdi and rsi are the memory and its length and stay.
func (e *emitter) fillRegions(regions []cRegion, stack, ctx int32) {
	a := &e.asm
	a.Lea(asm.W64, asm.RAX, runContext(codegen.RunRegions+int32(len(regions))*codegen.RegionSize))
	a.MovMR(asm.W64, runContext(codegen.RunRegionsEnd), asm.RAX)
	a.AluRR(asm.Xor, asm.W32, scratch1, scratch1)
	for i, r := range regions {
		at := func(field int32) asm.Mem { return regionField(uint16(i), field) }
		switch r.kind {
		case memoryRegion:
			a.MovMR(asm.W64, at(codegen.RegionBase), asm.RDI)
			for _, size := range []uint8{1, 2, 4, 8} {
				a.MovRR(asm.W64, asm.RAX, asm.RSI)
				a.AluRI(asm.Sub, asm.W64, asm.RAX, int32(size-1))
				a.CmovRR(asm.CondB, asm.W64, asm.RAX, scratch1)
				a.MovMR(asm.W64, at(countField(size)), asm.RAX)
			}
			a.MovMI(asm.W64, at(codegen.RegionWritable), 1)
			continue
		case stackRegion:
			a.Lea(asm.W64, asm.RAX, asm.Mem{Base: asm.RBP, Disp: -int32(r.size)})
			a.MovMR(asm.W64, at(codegen.RegionBase), asm.RAX)
		case staticRegion:
			a.Lea(asm.W64, asm.RAX, asm.RIPSym(e.ref(r.reloc, r.index), 0))
			a.MovMR(asm.W64, at(codegen.RegionBase), asm.RAX)
		}
		for _, size := range []uint8{1, 2, 4, 8} {
			n := int64(r.size) - int64(size) + 1
			a.MovRI(asm.RAX, max(n, 0))
			a.MovMR(asm.W64, at(countField(size)), asm.RAX)
		}
		w := int32(0)
		if r.writable {
			w = 1
		}
		a.MovMI(asm.W64, at(codegen.RegionWritable), w)
	}
}

// directEntry emits the part of NAME for a program that never leaves: it needs
// no run context, only its stack. Too little memory goes on to the long way.
func (e *emitter) directEntry() {
	a, info := &e.asm, &e.unit.Entries[e.prog]
	long := a.NewLabel()
	if info.Context == abi.CtxMemory && info.CtxSize > 0 {
		a.AluRI(asm.Cmp, asm.W64, asm.RSI, int32(info.CtxSize))
		a.Jcc(asm.CondB, long)
	}
	e.clearArguments(info.Context)
	if info.StackSize == 0 {
		a.Jmp(e.entryLabels[e.prog])
		a.Bind(long)
		return
	}
	stack := (int32(info.StackSize) + 15) &^ 15
	a.Push(asm.RBP)
	e.cfa(16, []codegen.SavedReg{{Reg: 6, Below: 16}})
	a.AluRI(asm.Sub, asm.W64, asm.RSP, stack)
	e.cfa(16+stack, []codegen.SavedReg{{Reg: 6, Below: 16}})
	a.Lea(asm.W64, asm.RBP, asm.Mem{Base: asm.RSP, Disp: stack})
	a.Call(e.entryLabels[e.prog])
	a.AluRI(asm.Add, asm.W64, asm.RSP, stack)
	e.released(stack)
	e.restore(asm.RBP)
	a.Op(asm.Ret)
	a.Bind(long)
}

// plainEntry emits NAME: it calls NAME_checked and, on a fault, the hook if one
// is linked. leaves says that the program has exits.
func (e *emitter) plainEntry(checked asm.Label, leaves bool) {
	a := &e.asm
	e.routine(e.unit.Entries[e.prog].Name, e.prog)
	e.symbols[e.symIndex].global = true
	e.landing()
	if !leaves {
		e.directEntry()
	}
	const result, frame = codegen.CFaultSize, codegen.CFaultSize + 24
	failed, done, none := a.NewLabel(), a.NewLabel(), a.NewLabel()
	a.AluRI(asm.Sub, asm.W64, asm.RSP, frame)
	e.cfa(frame+8, nil)
	args := resultArguments[e.unit.Entries[e.prog].Context]
	a.Lea(asm.W64, args.ret, asm.Mem{Base: asm.RSP, Disp: result})
	a.MovRR(asm.W64, args.fault, asm.RSP)
	a.Call(checked)
	a.TestRR(asm.W32, asm.RAX, asm.RAX)
	a.Jcc(asm.CondNE, failed)
	a.MovRM(asm.W64, asm.RAX, asm.Mem{Base: asm.RSP, Disp: result})
	a.Bind(done)
	a.AluRI(asm.Add, asm.W64, asm.RSP, frame)
	e.cfa(8, nil)
	a.Op(asm.Ret)
	e.cfa(frame+8, nil)
	a.Bind(failed)
	a.MovRM(asm.W64, asm.RCX, asm.RIPSym(e.ref(codegen.RelocFaultHook, 0), 0))
	a.TestRR(asm.W64, asm.RCX, asm.RCX)
	a.Jcc(asm.CondE, none)
	a.MovRR(asm.W64, asm.RDI, asm.RSP)
	e.callRCX()
	a.Bind(none)
	a.MovRI(asm.RAX, -1)
	a.Jmp(done)
	e.end()
}

// The table of exits in the back end's read-only data: one row per exit, ended by
// a row whose offset is noExit, then the programs' names.
//
//	0 offset  4 rule  8 insn  12 size  16 write  20 name, from the begin of the table
const (
	exitRow = 24
	noExit  = -1
)

// fillFault emits the routine that fills the fault structure at rdi for the exit
// whose return address is in scratch0. It clobbers rax, rcx and the scratch registers.
func (e *emitter) fillFault(self asm.Label) {
	a := &e.asm
	loop, found := a.NewLabel(), a.NewLabel()
	e.routine("bpfc.fault", -1)
	a.Bind(self)
	a.Lea(asm.W64, scratch1, asm.RIPLabel(e.origin, 0))
	a.AluRR(asm.Sub, asm.W64, scratch0, scratch1)
	a.Lea(asm.W64, scratch1, asm.RIPSym(e.ref(codegen.RelocRodata, 0), 0))
	a.MovRR(asm.W64, scratch2, scratch1)
	a.Bind(loop)
	a.MovRM(asm.W32, asm.RAX, asm.Mem{Base: scratch2})
	a.AluRR(asm.Cmp, asm.W32, asm.RAX, scratch0)
	a.Jcc(asm.CondE, found)
	a.AluRI(asm.Cmp, asm.W32, asm.RAX, noExit)
	a.Jcc(asm.CondE, found)
	a.AluRI(asm.Add, asm.W64, scratch2, exitRow)
	a.Jmp(loop)
	a.Bind(found)
	for _, f := range [...]struct{ from, to int32 }{
		{4, codegen.CFaultRule}, {8, codegen.CFaultInsn}, {12, codegen.CFaultLen}, {16, codegen.CFaultWrite},
	} {
		a.MovRM(asm.W32, asm.RAX, asm.Mem{Base: scratch2, Disp: f.from})
		a.MovMR(asm.W32, asm.Mem{Base: asm.RDI, Disp: f.to}, asm.RAX)
	}
	a.MovRM(asm.W64, asm.RAX, runContext(codegen.RunFaultAddr))
	a.MovMR(asm.W64, asm.Mem{Base: asm.RDI, Disp: codegen.CFaultAddress}, asm.RAX)
	a.MovRM(asm.W32, asm.RAX, asm.Mem{Base: scratch2, Disp: 20})
	a.AluRR(asm.Add, asm.W64, asm.RAX, scratch1)
	a.MovMR(asm.W64, asm.Mem{Base: asm.RDI, Disp: codegen.CFaultProgram}, asm.RAX)
	a.Op(asm.Ret)
	e.end()
}

// rodata is the table of exits, of an object file; exits are sorted by offset.
func (e *emitter) rodata(exits []codegen.Exit) []byte {
	if !e.opts.Object {
		return nil
	}
	names := make([]uint32, len(e.unit.Entries))
	at := uint32((len(exits) + 1) * exitRow)
	for i := range e.unit.Entries {
		names[i] = at
		at += uint32(len(e.unit.Entries[i].Name)) + 1
	}
	var b []byte
	row := func(words ...uint32) {
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	for _, x := range exits {
		write := uint32(0)
		if x.Write {
			write = 1
		}
		row(x.Offset, uint32(x.Rule), uint32(x.Pos), uint32(x.Size), write, names[x.Prog])
	}
	row(1<<32-1, 0, 1<<32-1, 0, 0, names[0])
	for i := range e.unit.Entries {
		b = append(append(b, e.unit.Entries[i].Name...), 0)
	}
	return b
}

// checkObject refuses what cannot be linked.
func checkObject(u *codegen.Unit) error {
	if n := ir.RegionMaps + len(u.Maps) + len(u.Data); n > ir.MaxRegions {
		return &codegen.UnsupportedError{What: fmt.Sprintf("an object file with %d maps and data sections", n-ir.RegionMaps), Msg: fmt.Sprintf("at most %d", ir.MaxRegions-ir.RegionMaps)}
	}
	for i := range u.Entries {
		if err := checkMaps(u.Programs[i]); err != nil {
			return err
		}
		if e := &u.Entries[i]; int(e.Context) >= len(resultArguments) {
			return &codegen.UnsupportedError{What: fmt.Sprintf("a C entry of program %s of type %s", e.Name, e.Type), Msg: "its kind of context is not known here"}
		}
	}
	return nil
}

// checkMaps refuses what needs a map's own structure, which is the runtime's.
func checkMaps(p *ir.Program) error {
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				if in := &b.Insns[i]; in.Op == ir.OpTailCall || in.Op == ir.OpTailSlot || in.Op == ir.OpAddr && in.Ref.Kind == ir.RefMap && p.Maps[in.Ref.Index].Type == abi.MapTypeArray {
					return &codegen.UnsupportedError{What: fmt.Sprintf("an object file with program %s, insn %d", p.Name, in.Pos), Msg: "it passes an array map to a helper, or tail-calls: objects have the values of their array maps and no more"}
				}
			}
		}
	}
	return nil
}
