package filter

import (
	"github.com/gopacket/gopacket"
	"golang.org/x/net/bpf"
)

// FromBPF is Compile of what bpf.Assemble gives, or what pcap.CompileBPFFilter gives field by field, with the rules of the
// kernel: such filters are made to be attached to sockets. In the dialect Linux a filter must not read M[] before it is
// written, and offsets from 0xffe00000 on are not outside the packet.
func FromBPF(raw []bpf.RawInstruction) (*Filter, error) { return Compile(fromRaw(raw), Linux) }

func fromRaw(raw []bpf.RawInstruction) []Insn {
	insns := make([]Insn, len(raw))
	for i, r := range raw {
		insns[i] = Insn{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return insns
}

// Matches reports whether the filter accepts a captured packet. It is the method of the type BPF of package pcap of
// gopacket, which filters in programs take. The packet is len(data) bytes of ci.Length.
func (f *Filter) Matches(ci gopacket.CaptureInfo, data []byte) bool {
	if f.plain != nil && (ci.Length == 0 || ci.Length == len(data)) {
		return f.Match(data) != 0
	}
	return f.MatchMeta(data, &Meta{Length: uint32(max(ci.Length, 0))}) != 0
}

// VM takes the place of the type of that name of golang.org/x/net/bpf: change the package name where NewVM is called.
//
// Differences:
//   - NewVM also refuses what no implementation of BPF accepts: more than 4096 instructions, constant shifts by 32 and
//     more, and a last instruction that is no return.
//   - A filter does not end with an error: Run always returns nil.
//   - Packets of 2 GiB and more: bytes beyond that are not in reach.
//   - A VM has memory outside of Go's heap, which is freed when nothing refers to the VM any more.
type VM struct{ filter *Filter }

// NewVM compiles a filter. Of the extensions of Linux it may use ExtLen, as with golang.org/x/net/bpf.
func NewVM(filter []bpf.Instruction) (*VM, error) {
	if _, err := bpf.NewVM(filter); err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return nil, err
	}
	f, err := Compile(fromRaw(raw), Pcap)
	if err != nil {
		return nil, err
	}
	return &VM{f}, nil
}

// Run runs the filter on a packet and returns how many of its bytes are accepted.
func (v *VM) Run(in []byte) (int, error) { return int(v.filter.Match(in)), nil }
