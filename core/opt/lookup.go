package opt

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier"
)

// lookups say how a value is found in a map of each type without leaving the code. Maps of other types are asked
// by the helper.
var lookups = map[uint32]lookup{
	abi.MapTypeArray:         {index: true},
	abi.MapTypePerCPUArray:   {index: true, perCPU: true},
	abi.MapTypeArrayOfMaps:   {index: true, words: true},
	abi.MapTypeHash:          {},
	abi.MapTypePerCPUHash:    {perCPU: true},
	abi.MapTypeLRUHash:       {lru: true},
	abi.MapTypeLRUPerCPUHash: {lru: true, perCPU: true},
	abi.MapTypeHashOfMaps:    {words: true},
	abi.MapTypeLPMTrie:       {trie: true},
}

// lookup is what distinguishes the types: an index, a trie or a hash, values for each CPU, words that are the result.
type lookup struct{ index, trie, perCPU, lru, words bool }

// expandLookup finds a value where it lies.
func (l *lowering) expandLookup(in *ir.Insn, fact *verifier.InsnFact) bool {
	if fact.Like == 0 {
		return false
	}
	m := &l.program.out.Maps[fact.Like-1]
	k, ok := lookups[m.Type]
	switch {
	case !ok || m.KeySize > maxHashKey && !k.index, l.opts.Object && (m.Type != abi.MapTypeArray || fact.Map == 0):
		return false
	case k.index:
		l.element(in, fact, m, k)
	case k.trie && !inWords(m.KeySize-4):
		return false
	case k.trie:
		l.callTemplate(template{name: fmt.Sprintf("bpfc.trie.%d.%d", m.KeySize, m.ValueSize), text: trieText(m)}, in)
	default:
		l.callTemplate(template{name: fmt.Sprintf("bpfc.hash.%d.%d.%d", m.Type, m.KeySize, m.ValueSize), text: hashText(m, k)}, in)
	}
	return true
}

// element finds a value by its index. Where the map is known its size and place are constants:
//
//	T0 = *key; if T0 < entries: R0 = values + T0 * stride (+ CPU * distance), else R0 = 0
func (l *lowering) element(in *ir.Insn, fact *verifier.InsnFact, m *abi.MapSpec, k lookup) {
	found, none, done := l.newBlock(), l.newBlock(), l.newBlock()
	at := func(op ir.Insn) { op.Pos = in.Pos; l.emit(op) }
	at(ir.Insn{Op: ir.OpLoad, Size: 4, Dst: ir.T0, Base: ir.R2})
	br := ir.Insn{Op: ir.OpBr, Width: 64, Cond: isa.LT, A: ir.T0, Imm: int64(m.MaxEntries), Then: found.ID, Else: none.ID}
	if fact.Map == 0 {
		at(ir.Insn{Op: ir.OpLoad, Size: 4, Dst: ir.T1, Base: ir.R1, Disp: codegen.MapMaxEntries})
		br.B, br.Imm = ir.T1, 0
	}
	at(br)
	l.next(found)
	switch known := m.Type == abi.MapTypeArray && fact.Map != 0; {
	case k.words:
		at(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R1, Disp: codegen.MapTable})
		at(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R0, Index: ir.T0, Scale: 8})
	case known:
		at(ir.Insn{Op: ir.OpAddr, Dst: ir.R0, Ref: ir.Ref{Kind: ir.RefMapValue, Index: fact.Map - 1}})
		l.addProduct(in, int64(m.Stride()))
	default:
		at(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.R0, Base: ir.R1, Disp: codegen.MapValues})
		l.addProduct(in, int64(m.Stride()))
	}
	if k.perCPU {
		at(ir.Insn{Op: ir.OpCPU, Dst: ir.T0})
		at(ir.Insn{Op: ir.OpLoad, Size: 8, Dst: ir.T1, Base: ir.R1, Disp: codegen.MapPerCPU})
		at(ir.Insn{Op: ir.OpMul, Width: 64, Dst: ir.T0, A: ir.T0, B: ir.T1})
		at(ir.Insn{Op: ir.OpAdd, Width: 64, Dst: ir.R0, A: ir.R0, B: ir.T0})
	}
	at(ir.Insn{Op: ir.OpJmp, Then: done.ID})
	l.end()
	l.beginCold(none)
	at(ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R0})
	at(ir.Insn{Op: ir.OpJmp, Then: done.ID})
	l.next(done)
}

// addProduct emits R0 += T0 * n, in one instruction if an address can have n as scale.
func (l *lowering) addProduct(in *ir.Insn, n int64) {
	if n == 8 {
		l.emit(ir.Insn{Op: ir.OpLea, Width: 64, Dst: ir.R0, Base: ir.R0, Index: ir.T0, Scale: 8, Pos: in.Pos})
		return
	}
	l.emit(ir.Insn{Op: ir.OpMul, Width: 64, Dst: ir.T0, A: ir.T0, Imm: n, Pos: in.Pos})
	l.emit(ir.Insn{Op: ir.OpAdd, Width: 64, Dst: ir.R0, A: ir.R0, B: ir.T0, Pos: in.Pos})
}

// maxHashKey bounds the keys that the code itself hashes, in bytes: each word is a dozen instructions.
const maxHashKey = 128

// hashText is the lookup in a hash of which the sizes are known, in the layout of runtime/maps:
//
//	h = seed; for each word k of the key, its end padded with zeros: h = (h ^ k) * M1; h ^= h >> 32
//	e = heads[(h * M2 >> 32) & mask]; while e != 0 and its hash or key differ: e = next of e
//
// R1 is the map, R2 the key, R3 the hash, R4 the element's number, R5 where elements begin, R0 the element.
func hashText(m *abi.MapSpec, k lookup) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	pieces := piecesOf(m.KeySize)
	single := len(pieces) == 1 // then R2 becomes the key itself
	element := int32(codegen.HashKey + (m.KeySize+7)&^7)
	if k.lru {
		element += 8
	}
	b.WriteString("func@0 \"hash\" pos 0 frame 0 {\nb0:\n")
	hashKey(line, pieces, single)
	line("r4 = load.u64 [r1+%d]", codegen.MapMask)
	line("r4 = and64 r4, r3")
	line("r5 = load.u64 [r1+%d]", codegen.MapTable)
	line("r4 = load.u32 [r5+r4*4]")
	line("r5 = load.u64 [r1+%d]", codegen.HashElements)
	const this = 1 // the element at hand; then the pieces of its key
	found, next, none := this+1+len(pieces), this+2+len(pieces), this+3+len(pieces)
	block := func(n int) { fmt.Fprintf(&b, "b%d:\n", n) }
	line("br64 eq r4, 0 -> b%d, b%d", none, this)
	block(this)
	line("r0 = mul64 r4, %d", element)
	line("r0 = add64 r0, r5")
	if single { // to compare the key itself is no more work
		line("jmp -> b%d", this+1)
	} else {
		line("t0 = load.u32 [r0%+d]", codegen.HashSum-element)
		line("br64 eq t0, r3 -> b%d, b%d", this+1, next)
	}
	for i, p := range pieces {
		block(this + 1 + i)
		line("t0 = load.u%d [r0%+d]", 8*p.size, int32(codegen.HashKey+p.at)-element)
		if single {
			line("br64 eq t0, r2 -> b%d, b%d", found, next)
			break
		}
		line("t1 = load.u%d [r2+%d]", 8*p.size, p.at)
		line("br64 eq t0, t1 -> b%d, b%d", this+2+i, next)
	}
	block(found)
	if k.lru {
		line("store.u64 [r0-8], 1")
	}
	stride := int64(m.Stride())
	if k.words {
		stride = codegen.ObjectSize
	}
	line("r3 = load.u64 [r1+%d]", codegen.MapValues)
	line("r0 = mul64 r4, %d", stride)
	line("r0 = add64 r0, r3")
	if k.words {
		line("r0 = load.u64 [r0%+d]", -stride)
	} else {
		line("r0 = add64 r0, %d", -stride)
	}
	if k.perCPU {
		line("r3 = cpu")
		line("r4 = load.u64 [r1+%d]", codegen.MapPerCPU)
		line("r3 = mul64 r3, r4")
		line("r0 = add64 r0, r3")
	}
	line("exit")
	block(next)
	line("r4 = load.u32 [r0%+d]", codegen.HashNext-element)
	line("br64 ne r4, 0 -> b%d, b%d", this, none)
	block(none)
	line("r0 = mov64 0")
	line("exit")
	b.WriteString("}\n")
	return b.String()
}

// hashKey hashes the key at R2, of which a single piece takes its place. The hash is R3.
func hashKey(line func(string, ...any), pieces []piece, single bool) {
	line("r3 = load.u64 [r1+%d]", codegen.HashSeed)
	line("r5 = mov64 %d", int64(codegen.HashM1))
	for i, p := range pieces {
		switch {
		case single:
			line("r2 = load.u%d [r2+0]", 8*p.size)
			line("r3 = xor64 r3, r2")
		case p.at%8 != 0:
			continue
		default:
			word(line, pieces[i:], p.at, "r4", "r2", "r0")
			line("r3 = xor64 r3, r4")
		}
		line("r3 = mul64 r3, r5")
		line("r4 = rsh64 r3, 32")
		line("r3 = xor64 r3, r4")
	}
	line("r5 = mov64 %d", int64(codegen.HashM2))
	line("r3 = mul64 r3, r5")
	line("r3 = rsh64 r3, 32")
}

// piece is a part of a key that one load reads.
type piece struct{ at, size uint32 }

// piecesOf cuts a key of n bytes into words and the pieces of its end.
func piecesOf(n uint32) (list []piece) {
	for at := uint32(0); at < n; {
		size := uint32(8)
		for size > n-at {
			size /= 2
		}
		list = append(list, piece{at, size})
		at += size
	}
	return list
}

// word loads the word that lies at an offset from a register, by way of another where it has several pieces.
func word(line func(string, ...any), pieces []piece, at uint32, to, base, by string) {
	for _, p := range pieces {
		switch {
		case p.at >= at+8:
		case p.at == at:
			line("%s = load.u%d [%s+%d]", to, 8*p.size, base, p.at)
		default:
			line("%s = load.u%d [%s+%d]", by, 8*p.size, base, p.at)
			line("%s = lsh64 %s, %d", by, by, 8*(p.at-at))
			line("%s = or64 %s, %s", to, to, by)
		}
	}
}
