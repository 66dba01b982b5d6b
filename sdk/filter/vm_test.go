package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

// drawVM is a random filter that NewVM of both packages takes.
func drawVM(r *rand.Rand, n int) []bpf.Instruction {
	ks := []uint32{0, 1, 2, 6, 12, 14, 20, 23, 31, 40, 60, 0x800, 0x1234, 0xffff, 0x10000, 1 << 31, 1<<32 - 1}
	k := func() uint32 {
		if r.IntN(4) == 0 {
			return r.Uint32()
		}
		return ks[r.IntN(len(ks))]
	}
	offset := func() uint32 { return uint32(r.IntN(70)) }
	size := func() int { return 1 << r.IntN(3) }
	reg := func() bpf.Register { return bpf.Register(r.IntN(2)) }
	var p []bpf.Instruction
	for len(p) < n-1 {
		left := n - 2 - len(p)
		skip := func() uint8 { return uint8(r.IntN(min(left, 9) + 1)) }
		switch r.IntN(15) {
		case 0, 1, 2:
			p = append(p, bpf.LoadAbsolute{Off: offset(), Size: size()})
		case 3:
			p = append(p, bpf.LoadIndirect{Off: offset(), Size: size()})
		case 4:
			p = append(p, bpf.LoadMemShift{Off: offset()})
		case 5:
			p = append(p, bpf.LoadConstant{Dst: reg(), Val: k()})
		case 6:
			p = append(p, bpf.LoadScratch{Dst: reg(), N: r.IntN(16)})
		case 7:
			p = append(p, bpf.StoreScratch{Src: reg(), N: r.IntN(16)})
		case 8, 9:
			op := bpf.ALUOp(r.IntN(10) << 4)
			v := k()
			switch op {
			case bpf.ALUOpDiv, bpf.ALUOpMod:
				v = max(v, 1)
			case bpf.ALUOpShiftLeft, bpf.ALUOpShiftRight:
				v %= 32
			}
			if op == 0x80 { // neg, which the package does not have
				op = bpf.ALUOpXor
			}
			if r.IntN(2) == 0 {
				p = append(p, bpf.ALUOpX{Op: op})
			} else {
				p = append(p, bpf.ALUOpConstant{Op: op, Val: v})
			}
		case 10, 11, 12:
			cond := bpf.JumpTest(r.IntN(8))
			if r.IntN(4) == 0 {
				p = append(p, bpf.JumpIfX{Cond: cond, SkipTrue: skip(), SkipFalse: skip()})
			} else {
				p = append(p, bpf.JumpIf{Cond: cond, Val: k(), SkipTrue: skip(), SkipFalse: skip()})
			}
		case 13:
			p = append(p, []bpf.Instruction{bpf.TAX{}, bpf.TXA{}, bpf.LoadExtension{Num: bpf.ExtLen}, bpf.Jump{Skip: uint32(skip())}}[r.IntN(4)])
		case 14:
			if r.IntN(4) == 0 {
				p = append(p, []bpf.Instruction{bpf.RetA{}, bpf.RetConstant{Val: k()}}[r.IntN(2)])
			}
		}
	}
	return append(p, []bpf.Instruction{bpf.RetA{}, bpf.RetConstant{Val: k()}}[r.IntN(2)])
}

func drawPacket(r *rand.Rand) []byte {
	p := make([]byte, r.IntN(100))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	if len(p) > 14 && r.IntN(2) == 0 {
		binary.BigEndian.PutUint16(p[12:], 0x800)
		p[14] = 0x45
	}
	return p
}

// TestVM compares with the type whose place VM takes.
func TestVM(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := drawVM(r, 1+r.IntN(60))
		want, err := bpf.NewVM(p)
		require.NoError(t, err)
		got, err := NewVM(p)
		require.NoError(t, err, "seed %d: %v", seed, p)
		for range 20 {
			packet := drawPacket(r)
			w, err := want.Run(packet)
			require.NoError(t, err)
			g, err := got.Run(packet)
			require.NoError(t, err)
			require.Equal(t, w, g, "seed %d: %v\npacket %x", seed, p, packet)
			require.Equal(t, w, int(got.filter.MatchMeta(packet, &Meta{})), "seed %d, with a context: %v\npacket %x", seed, p, packet)
		}
		require.NoError(t, got.filter.Close())
	}
}

// TestMatchBatch compares a batch with matches one by one, of packets of all lengths.
func TestMatchBatch(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		raw, err := bpf.Assemble(drawVM(r, 1+r.IntN(60)))
		require.NoError(t, err)
		f, err := Compile(fromRaw(raw), Pcap)
		require.NoError(t, err)
		packets := make([][]byte, r.IntN(600))
		for i := range packets {
			packets[i] = drawPacket(r)
		}
		verdicts := make([]uint32, len(packets)+1)
		verdicts[len(packets)] = 77
		f.MatchBatch(packets, verdicts)
		for i, p := range packets {
			require.Equal(t, f.Match(p), verdicts[i], "seed %d, packet %d", seed, i)
		}
		require.EqualValues(t, 77, verdicts[len(packets)])
		require.NoError(t, f.Close())
	}
}
