package opt

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// maxReach is the offset up to which packets are copied here: what lies beyond is left to the helper, which may have
// bounds of its own there (0xffff of frames, INT_MAX of socket buffers: net/core/filter.c, Linux 6.18).
const maxReach = 0xffff

// maxPieces bounds copies of known length that have no loop, in bytes.
const maxPieces = 64

// packetCopy is a copy between a packet and memory.
type packetCopy struct {
	store      bool
	flags      bool  // R5 has some: only 0 is done here
	start, end int32 // where the context has the packet's addresses
	bytes      int64 // 0 if they are not known
	helper     int32 // for all that is not simply copied
}

func (l *lowering) expandPacketLoad(in *ir.Insn, _ *verifier.InsnFact) bool {
	return l.expandPacket(in, packetCopy{})
}

func (l *lowering) expandPacketStore(in *ir.Insn, _ *verifier.InsnFact) bool {
	return l.v.Type().Packet == abi.PacketReadWrite && l.expandPacket(in, packetCopy{store: true})
}

// expandPacket calls a function that copies, if the context tells where the packet is, and memory is not in it.
func (l *lowering) expandPacket(in *ir.Insn, c packetCopy) bool {
	t, h := l.v.Type(), &l.program.out.Helpers[in.Ref.Index]
	var ok bool
	if c.start, c.end, ok = packetPlaces(&t.Context); !ok || l.opts.Object || h.Flags&abi.FlagPacket != 0 || t.PacketArgs == abi.PacketArgsAll {
		return false
	}
	c.flags, c.helper = h.NumArgs() == 5, in.Ref.Index
	if n, known := l.constant(ir.R4); known && n > 0 && n <= maxPieces {
		c.bytes = n
	}
	l.callTemplate(template{name: fmt.Sprintf("bpfc.packet.%d.%d", c.helper, c.bytes), text: c.text()}, in)
	return true
}

// packetPlaces is where the host's form of a context has the addresses of the packet's start and end.
func packetPlaces(c *abi.Context) (start, end int32, ok bool) {
	found := 0
	for i := range c.Fields {
		at, _ := c.Place(i)
		switch c.Fields[i].Kind {
		case abi.FieldPacketStart:
			start, found = int32(at), found|1
		case abi.FieldPacketEnd:
			end, found = int32(at), found|2
		}
	}
	return start, end, c.Kind == abi.CtxStruct && found == 3
}

// constant is the number that the block at hand has just put into r, if it is one.
func (l *lowering) constant(r ir.Reg) (n int64, known bool) {
	for i := len(l.slab) - 1; i >= l.first; i-- {
		in := &l.slab[i]
		if _, def := in.UseDef(); def.Has(r) {
			n = in.Imm
			if in.Width == 32 {
				n = int64(uint32(n))
			}
			return n, in.Op == ir.OpMov && in.B == ir.None
		}
	}
	return 0, false
}

// text is the copy. R1 is the context, R2 the offset, 32 bits, R3 the memory, R4 how many bytes, less than 2^29.
func (c *packetCopy) text() string {
	b := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("func@0 \"packet\" pos 0 frame 0 {\nb0:")
	line("t0 = mov32 r2")
	line("t1 = add64 t0, r4")
	line("br64 ugt t1, %d -> b4, b1\nb1:", maxReach)
	line("t2 = load.u64 [r1+%d]", c.start)
	line("r0 = load.u64 [r1+%d]", c.end)
	line("r0 = sub64 r0, t2")
	line("br64 ugt t1, r0 -> b4, b2\nb2:")
	if c.flags {
		line("br64 ne r5, 0 -> b4, b3\nb3:")
	} else {
		line("jmp -> b3\nb3:")
	}
	line("r0 = add64 t2, t0")
	line("jmp -> b5\nb4:")
	line("call.helper helper@%d\nexit\nb5:", c.helper)
	from, to := "r0", "r3"
	if c.store {
		from, to = to, from
	}
	if c.bytes > 0 {
		for _, p := range piecesOf(uint32(c.bytes)) {
			line("t0 = load.u%d [%s+%d]", 8*p.size, from, p.at)
			line("store.u%d [%s+%d], t0", 8*p.size, to, p.at)
		}
		line("r0 = mov64 0\nexit\n}")
		return b.String()
	}
	b.WriteString(copyText(from, to))
	return b.String()
}

// copyText copies R4 bytes. Behind whole words, or of less than one, the last bytes are copied once more rather than
// one at a time: the pieces overlap.
func copyText(from, to string) string {
	b := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	move := func(size int, at string) {
		line("t0 = load.u%d [%s%s]", 8*size, from, at)
		line("store.u%d [%s%s], t0", 8*size, to, at)
	}
	line("r1 = add64 r4, -8") // where the last word begins
	line("r2 = mov64 0")
	line("br64 ult r4, 8 -> b9, b6\nb6:")
	line("br64 uge r2, r1 -> b8, b7\nb7:")
	move(8, "+r2*1")
	line("r2 = add64 r2, 8\njmp -> b6\nb8:")
	move(8, "+r1*1")
	line("jmp -> b14\nb9:")
	line("br64 ult r4, 4 -> b11, b10\nb10:")
	move(4, "")
	move(4, "+r4*1-4")
	line("jmp -> b14\nb11:")
	line("br64 ult r4, 2 -> b13, b12\nb12:")
	move(2, "")
	move(2, "+r4*1-2")
	line("jmp -> b14\nb13:")
	line("br64 eq r4, 0 -> b14, b15\nb14:")
	line("r0 = mov64 0\nexit\nb15:")
	move(1, "")
	line("jmp -> b14\n}")
	return b.String()
}
