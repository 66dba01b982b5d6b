package opt

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier"
)

// intrinsics say how the call of a helper that has a meaning known here is expanded. One that reports false has
// emitted nothing: the helper is called.
var intrinsics = [...]func(l *lowering, in *ir.Insn, fact *verifier.InsnFact) bool{
	abi.IntrinsicCPU:         (*lowering).expandCPU,
	abi.IntrinsicTailCall:    (*lowering).expandTailCall,
	abi.IntrinsicLoop:        (*lowering).expandLoop,
	abi.IntrinsicMapLookup:   (*lowering).expandLookup,
	abi.IntrinsicForEach:     (*lowering).callForEach,
	abi.IntrinsicMapUpdate:   (*lowering).expandUpdate,
	abi.IntrinsicSumDiff:     (*lowering).expandSumDiff,
	abi.IntrinsicPacketLoad:  (*lowering).expandPacketLoad,
	abi.IntrinsicPacketStore: (*lowering).expandPacketStore,
	abi.IntrinsicRandom:      (*lowering).expandRandom,
}

// callHelper calls a helper, or does in its place what it means. Expansions themselves call the helper for what they do
// not do.
func (l *lowering) callHelper(in *ir.Insn, fact *verifier.InsnFact) {
	i := l.program.out.Helpers[in.Ref.Index].Intrinsic
	if i == abi.IntrinsicNone || l.fi == noFunc || !intrinsics[i](l, in, fact) {
		l.emit(*in)
	}
	l.zeroRegs(fact.ZeroAfter, in.Pos)
}

func (l *lowering) expandCPU(in *ir.Insn, _ *verifier.InsnFact) bool {
	l.emit(ir.Insn{Op: ir.OpCPU, Dst: ir.R0, Pos: in.Pos})
	return true
}

// expandRandom is SplitMix64 (Steele, Lea and Flood, 2014), in the registers that a call leaves without a value.
func (l *lowering) expandRandom(in *ir.Insn, _ *verifier.InsnFact) bool {
	if l.opts.Object {
		return false
	}
	at := func(op ir.Insn) { op.Width, op.Pos = 64, in.Pos; l.emit(op) }
	state := ir.Insn{Size: 8, Base: ir.R1, Disp: codegen.StateRandom, Pos: in.Pos}
	load, store := state, state
	load.Op, load.Dst = ir.OpLoad, ir.R0
	store.Op, store.A = ir.OpStore, ir.R0
	l.emit(ir.Insn{Op: ir.OpState, Dst: ir.R1, Pos: in.Pos})
	l.emit(load)
	at(ir.Insn{Op: ir.OpMov, Dst: ir.R2, Imm: -0x61c8_8646_80b5_83eb}) // 0x9e3779b97f4a7c15
	at(ir.Insn{Op: ir.OpAdd, Dst: ir.R0, A: ir.R0, B: ir.R2})
	l.emit(store)
	for _, step := range []struct{ shift, factor int64 }{{30, -0x40a7_b892_e31b_1a47}, {27, -0x6b2f_b644_ecce_ee15}, {31, 0}} {
		at(ir.Insn{Op: ir.OpRsh, Dst: ir.R1, A: ir.R0, Imm: step.shift})
		at(ir.Insn{Op: ir.OpXor, Dst: ir.R0, A: ir.R0, B: ir.R1})
		if step.factor != 0 {
			at(ir.Insn{Op: ir.OpMov, Dst: ir.R2, Imm: step.factor})
			at(ir.Insn{Op: ir.OpMul, Dst: ir.R0, A: ir.R0, B: ir.R2})
		}
	}
	at(ir.Insn{Op: ir.OpRsh, Dst: ir.R0, A: ir.R0, Imm: 32})
	return true
}

// expandTailCall says which slot the call is by, if it is one slot on every path.
func (l *lowering) expandTailCall(in *ir.Insn, fact *verifier.InsnFact) bool {
	if slot := fact.Index - 1; fact.Map > 0 && slot >= 0 && slot < int64(l.program.out.Maps[fact.Map-1].MaxEntries) {
		l.emit(ir.Insn{Op: ir.OpTailSlot, Ref: ir.Ref{Kind: ir.RefMap, Index: fact.Map - 1}, Imm: slot, Pos: in.Pos})
	} else {
		l.emit(ir.Insn{Op: ir.OpTailCall, Pos: in.Pos})
	}
	return true
}

// next ends the block at hand and goes on in b.
func (l *lowering) next(b *ir.Block) {
	l.end()
	l.begin(b)
}

// expandLoop calls a function that makes the calls.
func (l *lowering) expandLoop(in *ir.Insn, _ *verifier.InsnFact) bool {
	l.callTemplate(template{name: "bpfc.loop", text: loopText}, in)
	return true
}

// callForEach calls a function that makes the calls; its frame has the cursor and the key.
func (l *lowering) callForEach(in *ir.Insn, fact *verifier.InsnFact) bool {
	next := l.helper(l.program.out.Helpers[in.Ref.Index].With)
	if next < 0 {
		return false
	}
	key := l.keySize(fact)
	frame := 8 + (key+7)&^7
	l.callTemplate(template{name: fmt.Sprintf("bpfc.each.%d", key), text: eachText, args: []any{frame, next}}, in)
	return true
}

// keySize is the size of the keys of the map with which a call is made: the largest of all if that is not known.
func (l *lowering) keySize(fact *verifier.InsnFact) (size int32) {
	maps := l.program.out.Maps
	if fact.Map > 0 {
		return int32(maps[fact.Map-1].KeySize)
	}
	for i := range maps {
		size = max(size, int32(maps[i].KeySize))
	}
	return size
}

// helper is the number of a helper in the unit's table, -1 if there is none of the name.
func (l *lowering) helper(name string) int32 {
	return int32(slices.IndexFunc(l.program.out.Helpers, func(h abi.Helper) bool { return name != "" && h.Name == name }))
}

// callTemplate calls a function that the lowering adds, for the functions that may be passed there.
func (l *lowering) callTemplate(t template, in *ir.Insn) {
	t.callees = l.v.Callbacks(l.fi, in.Pos)
	l.emit(ir.Insn{Op: ir.OpCall, Width: 64, Ref: ir.Ref{Kind: ir.RefFunc, Index: l.added(t)}, Pos: in.Pos})
}

// loadPacket does a load from the packet by the helper of the type: a negative number ends the function, with 0
// (bpf_gen_ld_abs, net/core/filter.c, Linux 6.18).
func (l *lowering) loadPacket(in *ir.Insn) {
	load := l.helper(l.v.Type().Loads)
	offset := ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R1, Imm: in.Imm, Pos: in.Pos}
	if in.Op == ir.OpLoadInd {
		offset = ir.Insn{Op: ir.OpAdd, Width: 32, Dst: ir.R1, A: in.A, Imm: in.Imm, Pos: in.Pos}
	}
	l.emit(offset)
	l.emit(ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R2, Imm: int64(in.Size), Pos: in.Pos})
	l.emit(ir.Insn{Op: ir.OpCallHelper, Ref: ir.Ref{Kind: ir.RefHelper, Index: load}, Pos: in.Pos})
	out, on := l.newBlock(), l.newBlock()
	l.emit(ir.Insn{Op: ir.OpBr, Width: 64, Cond: isa.SLT, A: ir.R0, Then: out.ID, Else: on.ID, Pos: in.Pos})
	l.end()
	l.beginCold(out)
	l.emit(ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R0, Pos: in.Pos})
	l.emit(ir.Insn{Op: ir.OpExit, Pos: in.Pos})
	l.next(on)
}
