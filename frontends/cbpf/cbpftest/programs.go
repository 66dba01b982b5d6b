package cbpftest

import (
	"math/rand/v2"
	"slices"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// Program makes a random filter of n instructions, 1 to cbpf.MaxInsns, that the dialect's Check accepts. It uses every
// instruction and jump that the dialect has; loads mostly fit into packets of 64 bytes, so that it runs on, and its
// last instruction returns A. Loops, of the dialect Pcap, end after a few hundred turns: M[15] counts them. It reads no cell of M[]
// before it is written, since libpcap's are not set, and no load of Linux whose result is not the same at every run.
func Program(r *rand.Rand, d cbpf.Dialect, n int) []cbpf.Insn {
	g := &generator{Rand: r, dialect: d, size: n, written: make([]uint16, n), targets: make([]bool, n), inside: map[int]bool{}}
	for pc := range g.written {
		g.written[pc] = 1<<cbpf.Cells - 1
	}
	if g.loops = d == cbpf.Pcap && n > 8 && r.IntN(3) == 0; g.loops {
		g.add(cbpf.Insn{Code: 0x00, K: r.Uint32N(40)})
		g.add(cbpf.Insn{Code: 0x02, K: counter})
	}
	for len(g.insns) < n-1 {
		g.grow()
	}
	return append(g.insns, cbpf.Insn{Code: 0x16})
}

// counter is the cell of M[] that counts the turns of all loops together.
const counter = cbpf.Cells - 1

type generator struct {
	*rand.Rand
	dialect cbpf.Dialect
	size    int
	loops   bool
	insns   []cbpf.Insn
	now     uint16       // the cells that are written before the next instruction
	written []uint16     // before each: those that are, on every way to it
	targets []bool       // what a jump leads to
	inside  map[int]bool // a loop's end, that nothing may jump into
}

// left is how many instructions may still be added before the last.
func (g *generator) left() int { return g.size - 1 - len(g.insns) }

// add appends an instruction and keeps account of the cells as Check does.
func (g *generator) add(i cbpf.Insn) {
	pc, r := len(g.insns), i.Row()
	g.now &= g.written[pc]
	g.written[pc] = g.now
	g.insns = append(g.insns, i)
	switch {
	case r.Op == cbpf.OpStore:
		g.now |= 1 << i.K
	case r.Op == cbpf.OpJump && int32(i.K) >= 0:
		g.reach(pc + 1 + int(i.K))
		g.now = 1<<cbpf.Cells - 1
	case r.Op.Cond():
		g.reach(pc + 1 + int(i.Jt))
		g.reach(pc + 1 + int(i.Jf))
		g.now = 1<<cbpf.Cells - 1
	}
}

func (g *generator) reach(pc int) { g.written[pc], g.targets[pc] = g.written[pc]&g.now, true }

// grow adds an instruction, or a few that belong together.
func (g *generator) grow() {
	switch n := g.IntN(100); {
	case n < 3 && g.left() >= 3 && g.dialect != cbpf.Seccomp:
		g.indirect()
	case n < 5 && g.left() >= 3 && g.dialect == cbpf.Linux:
		g.netlink()
	case n < 8 && g.loops && g.left() >= 5:
		g.loop()
	case n < 9 && g.left() >= 2 && g.dialect == cbpf.Linux:
		g.add(cbpf.Insn{Code: [...]uint16{0x20, 0x28, 0x30}[g.IntN(3)], K: cbpf.AncBase + uint32(cbpf.AncRandom)})
		g.add(cbpf.Insn{Code: 0x54}) // of what is random, no bit stays
	default:
		g.one()
	}
}

// indirect loads from where A points to in the beginning of the packet.
func (g *generator) indirect() {
	g.add(cbpf.Insn{Code: 0x54, K: 31})
	g.add(cbpf.Insn{Code: 0x07})
	g.add(cbpf.Insn{Code: [...]uint16{0x40, 0x48, 0x50}[g.IntN(3)], K: g.offset()})
}

// netlink looks for an attribute.
func (g *generator) netlink() {
	g.add(cbpf.Insn{Code: 0x01, K: g.Uint32N(4)})
	g.add(cbpf.Insn{Code: 0x54, K: 15})
	g.add(cbpf.Insn{Code: 0x20, K: cbpf.AncBase + uint32(cbpf.AncNlattr) + 4*g.Uint32N(2)})
}

// loop goes back to an instruction at which no cell is taken for written that may not be here.
func (g *generator) loop() {
	g.now &= g.written[len(g.insns)]
	to := 2 + g.IntN(len(g.insns)-1)
	inside := g.targets[len(g.insns)+1 : len(g.insns)+5]
	if to >= len(g.insns) || g.written[to]&^g.now != 0 || g.inside[to] || slices.Contains(inside, true) {
		return
	}
	for n := range inside {
		g.inside[len(g.insns)+1+n] = true
	}
	g.add(cbpf.Insn{Code: 0x60, K: counter})
	g.add(cbpf.Insn{Code: 0x15, Jt: 3})
	g.add(cbpf.Insn{Code: 0x14, K: 1})
	g.add(cbpf.Insn{Code: 0x02, K: counter})
	g.add(cbpf.Insn{Code: 0x05, K: uint32(to - len(g.insns) - 1)})
}

// one adds one instruction that fits here.
func (g *generator) one() {
	for {
		r := &cbpf.Table[g.IntN(len(cbpf.Table))]
		if !r.In(g.dialect) {
			continue
		}
		if i, ok := g.fill(r); ok {
			g.add(i)
			return
		}
	}
}

// fill makes an instruction of a row; ok is false for one that had better not be here.
func (g *generator) fill(r *cbpf.Row) (i cbpf.Insn, ok bool) {
	i = cbpf.Insn{Code: r.Code, K: g.number()}
	if g.IntN(8) == 0 {
		i.Jt, i.Jf = uint8(g.Uint32()), uint8(g.Uint32()) // which nothing but a conditional jump looks at
	}
	switch {
	case r.Op == cbpf.OpRet:
		return i, g.IntN(max(64, g.size/4)) == 0
	case r.Op == cbpf.OpJump:
		i.K = uint32(g.skip(g.size))
		return i, g.IntN(2) == 0
	case r.Op.Cond():
		i.Jt, i.Jf = uint8(g.skip(256)), uint8(g.skip(256))
	case (r.Op == cbpf.OpDiv || r.Op == cbpf.OpMod) && r.Form == cbpf.FormX:
		return i, g.IntN(16) == 0 // X is 0 often
	case r.Op == cbpf.OpDiv || r.Op == cbpf.OpMod:
		i.K = max(i.K, 1)
	case (r.Op == cbpf.OpLsh || r.Op == cbpf.OpRsh) && r.Form == cbpf.FormImm:
		i.K %= 32
	case r.Op == cbpf.OpStore:
		i.K %= counter
	case r.Form == cbpf.FormMem:
		i.K %= counter
		return i, (g.now&g.written[len(g.insns)])>>i.K&1 != 0
	case r.Form == cbpf.FormInd:
		i.K = g.offset()
		return i, g.IntN(64) == 0 // X is large often
	case r.Form == cbpf.FormAbs && g.dialect == cbpf.Seccomp:
		i.K = 4 * g.Uint32N(cbpf.DataSize/4)
	case r.Form == cbpf.FormAbs && g.dialect == cbpf.Linux && g.IntN(4) == 0:
		return g.special(i)
	case r.Form == cbpf.FormAbs, r.Form == cbpf.FormMsh:
		i.K = g.offset()
	}
	return i, true
}

// special is a load of Linux: ancillary, or by a header.
func (g *generator) special(i cbpf.Insn) (cbpf.Insn, bool) {
	switch n := g.IntN(20); {
	case n == 0:
		i.K = cbpf.LinkBase + g.offset()
		return i, g.IntN(16) == 0 // there may be no such header
	case n < 4:
		i.K = cbpf.NetBase + g.offset()
		return i, true
	}
	anc := cbpf.Anc(4 * g.IntN(16))
	i.K = cbpf.AncBase + uint32(anc)
	switch anc {
	case cbpf.AncRandom, cbpf.AncCPU:
		return i, false
	case cbpf.AncIfindex, cbpf.AncHatype:
		return i, g.IntN(16) == 0 // there may be no device
	}
	return i, true
}

// skip is the distance of a jump, less than most and within the filter: mostly short.
func (g *generator) skip(most int) int {
	most = min(most, g.left())
	if g.IntN(8) != 0 {
		most = min(most, 6)
	}
	return g.IntN(max(most, 1))
}

// offset is one in a packet; seldom beyond its end.
func (g *generator) offset() uint32 {
	switch g.IntN(1000) {
	case 0:
		return g.Uint32()
	case 1:
		return g.Uint32N(1 << 16)
	}
	return g.Uint32N(30)
}

// number is a constant: small, one with few bits, or any.
func (g *generator) number() uint32 {
	switch g.IntN(4) {
	case 0:
		return g.Uint32N(64)
	case 1:
		return 1<<g.IntN(32) - g.Uint32N(2)
	case 2:
		return g.Uint32() >> g.IntN(32)
	}
	return -g.Uint32N(256)
}

// Mutate changes a few fields of a filter, so that it is most often valid no more.
func Mutate(r *rand.Rand, insns []cbpf.Insn) []cbpf.Insn {
	out := append([]cbpf.Insn(nil), insns...)
	for range 1 + r.IntN(2) {
		i := &out[r.IntN(len(out))]
		switch r.IntN(7) {
		case 0:
			i.Code = cbpf.Table[r.IntN(len(cbpf.Table))].Code
		case 1:
			i.Code = uint16(r.Uint32() >> (16 + 8*r.IntN(2)))
		case 2:
			i.Jt, i.Jf = uint8(r.Uint32()), uint8(r.Uint32()>>r.IntN(32))
		case 3:
			i.K = r.Uint32() >> r.IntN(32)
		case 4:
			i.K = uint32(-r.IntN(1 + len(out)))
		case 5:
			i.K = cbpf.AncBase + r.Uint32N(70)
		case 6:
			out = out[:1+r.IntN(len(out))]
		}
		if len(out) == 0 {
			break
		}
	}
	return out
}

// Visible makes more of a filter's result visible where only the smaller of result and length of a packet is: instead
// of ret a, the filter goes on to a few instructions at its end that return a number less than the length, or 1, which depends on
// every bit of A. It is nil for a filter that is too long for them.
func Visible(insns []cbpf.Insn) []cbpf.Insn {
	end := []cbpf.Insn{{Code: 0xa4, K: 0x5bd1e995}, {Code: 0x24, K: 0x9e3779b1}, {Code: 0x07}, {Code: 0x74, K: 15}, {Code: 0xac}, {Code: 0x81}, {Code: 0x9c}, {Code: 0x16}}
	if len(insns)+len(end) > cbpf.MaxInsns {
		return nil
	}
	out := append([]cbpf.Insn(nil), insns...)
	for pc, i := range out {
		if i.Code == 0x16 {
			out[pc] = cbpf.Insn{Code: 0x05, K: uint32(len(insns) - pc - 1)}
		}
	}
	return append(out, end...)
}
