package runtime

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// The regions that guards look at are those of one program, with its frame where it is. So a program that has guards is
// entered by tail calls through a gate, which leaves to have its regions set, and again to have those of the program
// set that the run goes back to, if a function of it has made the call. A program without guards is entered directly:
// what the run context has is not its business, and it goes back to who finds the same as before.
//
//	control stack (rsp)                      BPF stack (rbp)
//	+----------------------------------+     +---------------------------+ <- R10 of the caller, whose regions stay in gates
//	| caller's saved registers         |     | caller's frame            |
//	| return address into the caller   |     |                           |
//	+----------------------------------+     +---------------------------+ <- R10 of the function that made the tail call and is
//	| 8 bytes that align               | gate| frame of the program      |    gone: R10 of the program, the end of its stack region
//	| return address into the gate     |     |                           |
//	+----------------------------------+     +---------------------------+
//	| registers that the program saves |
//	+----------------------------------+ <- rsp
//
// A run has at most ir.MaxTailCalls gates open, of 16 bytes each.

// gateCode leaves, calls the entry, leaves, and returns. An indirect branch may lead to its begin.
var gateCode = [gateSize]byte{
	0xf3, 0x0f, 0x1e, 0xfa, // endbr64
	0x41, 0xff, 0x54, 0x24, codegen.RunExit, // call [r12+RunExit]
	0x48, 0x83, 0xec, 8, // sub rsp, 8
	0xe8, 0, 0, 0, 0, // call entry
	0x48, 0x83, 0xc4, 8, // add rsp, 8
	0x41, 0xff, 0x54, 0x24, codegen.RunExit, // call [r12+RunExit]
	0xc3, // ret
	0xcc, 0xcc, 0xcc, 0xcc,
}

// Offsets in a gate.
const (
	gateIn    = 9  // where the first exit resumes
	gateEntry = 14 // of the relative address of the entry
	gateOut   = 27 // where the second exit resumes
	gateSize  = 32
)

// gatesSize is the room behind an artifact's code for its gates, with what aligns it.
func gatesSize(a *codegen.Artifact) (n uint64) {
	for i := range a.Entries {
		if hasGuards(a, i) {
			n += gateSize
		}
	}
	if n > 0 {
		n += alignUp(uint64(len(a.Code)), gateSize) - uint64(len(a.Code))
	}
	return n
}

// hasGuards reports whether a program has accesses that are not proved: exits that belong to no program are everybody's.
func hasGuards(a *codegen.Artifact, entry int) bool {
	for i := range a.Exits {
		x := &a.Exits[i]
		if x.Code == codegen.ExitFault && x.Rule == ir.RuleMemory && (x.Prog < 0 || int(x.Prog) == entry) {
			return true
		}
	}
	return false
}

// addGates makes the gates of the programs that have guards; the others need none.
func (c *nativeCode) addGates() {
	img := c.image
	at := alignUp(uint64(len(img.Artifact.Code)), gateSize)
	for i, entry := range c.entry {
		if !hasGuards(img.Artifact, i) {
			c.gate = append(c.gate, entry)
			continue
		}
		addr := img.code.addr + at
		code := img.code.mem[at:][:gateSize]
		copy(code, gateCode[:])
		binary.LittleEndian.PutUint32(code[gateEntry:], uint32(entry-(addr+gateEntry+4)))
		c.gate = append(c.gate, addr)
		c.addGateExit(i, at+gateIn, (*nativeRun).enterGate)
		c.addGateExit(i, at+gateOut, (*nativeRun).leaveGate)
		at += gateSize
	}
}

func (c *nativeCode) addGateExit(entry int, off uint64, pass func(*nativeRun, *Worker, *Program)) {
	c.add(nativeExit{Exit: &codegen.Exit{Offset: uint32(off), Prog: int32(entry), Pos: ir.NoPos}, pass: pass})
}

// enterGate sets the regions of p, whose frame begins at rbp.
func (n *nativeRun) enterGate(w *Worker, p *Program) {
	n.gates = append(n.gates, n.guards)
	n.guard(w, Activation{p, w.rc.regs[regRBP]})
	w.strayed = true
}

// leaveGate sets the regions that were there before.
func (n *nativeRun) leaveGate(w *Worker, _ *Program) {
	last := len(n.gates) - 1
	n.guard(w, n.gates[last])
	n.gates = n.gates[:last]
}
