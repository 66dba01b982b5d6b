// Package cbpftest is for tests of whatever runs classic filters: a reference interpreter, and packets, expressions and
// programs to compare with it.
package cbpftest

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// Packet is what a filter runs on.
type Packet struct {
	Bytes []byte // what was captured; of Seccomp, a struct seccomp_data of a little-endian machine
	Wire  uint32 // how long the packet was, before it was cut off
	Info  Info   // of the dialect Linux
}

// Whole is a packet that was not cut off, of which nothing more is known.
func Whole(b []byte) Packet {
	return Packet{Bytes: b, Wire: uint32(len(b)), Info: Info{Link: -1}}
}

// Info is what Linux knows about a packet.
type Info struct {
	// Values are the results of the ancillary loads that are plain numbers, by Anc/4.
	Values [16]uint32
	Device bool // there is one, so that its index and type can be read
	// Net and Link are where in the packet these headers begin. Link is -1 without one.
	Net, Link int
}

// Run runs a filter that Check has accepted and returns its result. It makes at most turns steps; ok is false if it had not ended then, which only
// filters of the dialect Pcap can do. It is written for its meaning (cls_bpf's conversion, net/core/filter.c, Linux 6.18; bpf_filter.c, libpcap 1.10), not for speed.
func Run(insns []cbpf.Insn, d cbpf.Dialect, p *Packet, turns int) (result uint32, ok bool) {
	m := machine{dialect: d, packet: p}
	for pc := 0; turns > 0; turns-- {
		i := insns[pc]
		r := i.Row()
		if r.Op == cbpf.OpRet {
			return m.operand(i, r), true
		}
		skip := m.step(i, r)
		if m.ended {
			return m.result, true
		}
		pc += 1 + skip
	}
	return 0, false
}

// machine is the state of a run.
type machine struct {
	dialect cbpf.Dialect
	packet  *Packet
	a, x    uint32
	m       [cbpf.Cells]uint32
	ended   bool // by a load outside the packet, or a division by 0
	result  uint32
}

// end ends the run.
func (m *machine) end(result uint32) uint32 {
	m.ended, m.result = true, result
	return 0
}

// step executes an instruction and returns how many of the following are skipped.
func (m *machine) step(i cbpf.Insn, r *cbpf.Row) (skip int) {
	switch {
	case r.Op == cbpf.OpLoad && r.Writes == cbpf.PlaceA:
		m.a = m.operand(i, r)
	case r.Op == cbpf.OpLoad:
		m.x = m.operand(i, r)
	case r.Op == cbpf.OpStore && r.Reads == cbpf.PlaceA:
		m.m[i.K] = m.a
	case r.Op == cbpf.OpStore:
		m.m[i.K] = m.x
	case r.Op == cbpf.OpMove && r.Writes == cbpf.PlaceA:
		m.a = m.x
	case r.Op == cbpf.OpMove:
		m.x = m.a
	case r.Op == cbpf.OpJump:
		return int(int32(i.K))
	case r.Op.Cond() && m.holds(r.Op, m.operand(i, r)):
		return int(i.Jt)
	case r.Op.Cond():
		return int(i.Jf)
	default:
		m.a = m.arith(r.Op, m.operand(i, r))
	}
	return 0
}

// operand is the value of an instruction's operand.
func (m *machine) operand(i cbpf.Insn, r *cbpf.Row) uint32 {
	switch r.Form {
	case cbpf.FormImm:
		return i.K
	case cbpf.FormX:
		return m.x
	case cbpf.FormA:
		return m.a
	case cbpf.FormMem:
		return m.m[i.K]
	case cbpf.FormLen:
		if m.dialect == cbpf.Seccomp {
			return cbpf.DataSize
		}
		return m.packet.Wire
	case cbpf.FormAbs:
		if anc, ok := i.Anc(); ok && m.dialect == cbpf.Linux {
			return m.ancillary(anc)
		}
		return m.load(uint64(i.K), int(r.Size))
	case cbpf.FormMsh:
		return 4 * (m.load(uint64(i.K), 1) & 0xf)
	case cbpf.FormInd:
		at := uint64(m.x) + uint64(i.K)
		if m.dialect == cbpf.Linux {
			at = uint64(uint32(at))
		}
		return m.load(at, int(r.Size))
	}
	return 0
}

// load reads a number of size bytes from the packet.
func (m *machine) load(at uint64, size int) uint32 {
	b := m.packet.Bytes
	from := int64(at)
	if k := uint32(at); m.dialect == cbpf.Linux && k >= 1<<31 {
		switch {
		case k >= cbpf.NetBase:
			from = int64(k-cbpf.NetBase) + int64(m.packet.Info.Net)
		case k >= cbpf.LinkBase && m.packet.Info.Link >= 0:
			from = int64(k-cbpf.LinkBase) + int64(m.packet.Info.Link)
		default:
			return m.end(0)
		}
	}
	if from < 0 || from+int64(size) > int64(len(b)) {
		return m.end(0)
	}
	b = b[from:]
	switch {
	case m.dialect == cbpf.Seccomp:
		return binary.LittleEndian.Uint32(b)
	case size == 1:
		return uint32(b[0])
	case size == 2:
		return uint32(binary.BigEndian.Uint16(b))
	}
	return binary.BigEndian.Uint32(b)
}

// holds reports whether the condition of a jump holds.
func (m *machine) holds(op cbpf.Op, v uint32) bool {
	switch op {
	case cbpf.OpJeq:
		return m.a == v
	case cbpf.OpJgt:
		return m.a > v
	case cbpf.OpJge:
		return m.a >= v
	}
	return m.a&v != 0
}

// arith is what an operation makes of A.
func (m *machine) arith(op cbpf.Op, v uint32) uint32 {
	switch op {
	case cbpf.OpAdd:
		return m.a + v
	case cbpf.OpSub:
		return m.a - v
	case cbpf.OpMul:
		return m.a * v
	case cbpf.OpDiv:
		if v == 0 {
			return m.end(0)
		}
		return m.a / v
	case cbpf.OpMod:
		if v == 0 {
			return m.end(0)
		}
		return m.a % v
	case cbpf.OpAnd:
		return m.a & v
	case cbpf.OpOr:
		return m.a | v
	case cbpf.OpXor:
		return m.a ^ v
	case cbpf.OpLsh:
		return m.a << m.amount(v) // 0 for 32 and more
	case cbpf.OpRsh:
		return m.a >> m.amount(v)
	}
	return -m.a
}

// amount is how many bits are shifted by X = v. (By 32 and more, libpcap has 0, and Linux looks at the low five bits.)
func (m *machine) amount(v uint32) uint32 {
	if m.dialect == cbpf.Pcap {
		return v
	}
	return v & 31
}

// ancillary is the result of an ancillary load. Without a device Linux ends the program with the A that it has.
func (m *machine) ancillary(anc cbpf.Anc) uint32 {
	info := &m.packet.Info
	switch anc {
	case cbpf.AncXorX:
		return m.a ^ m.x
	case cbpf.AncIfindex, cbpf.AncHatype:
		if !info.Device {
			return m.end(m.a)
		}
	case cbpf.AncNlattr:
		return attribute(m.packet.Bytes, m.a, m.x)
	case cbpf.AncNlattrNest:
		return nested(m.packet.Bytes, m.a, m.x)
	}
	return info.Values[anc/4]
}

// The header of a netlink attribute: its length, with the header, and its type, both little-endian.
const (
	attrHeader   = 4
	attrTypeMask = 0x3fff
)

// attribute is the offset of the first attribute of a type, from the one at offset at on; 0 if there is none.
func attribute(b []byte, at, typ uint32) uint32 {
	if len(b) < attrHeader || int64(at) > int64(len(b))-attrHeader {
		return 0
	}
	return find(b, int(at), len(b), typ)
}

// nested is the same within the attribute at offset at.
func nested(b []byte, at, typ uint32) uint32 {
	if len(b) < attrHeader || int64(at) > int64(len(b))-attrHeader {
		return 0
	}
	size, _, ok := header(b, int(at), len(b))
	if !ok {
		return 0
	}
	return find(b, int(at)+attrHeader, int(at)+size, typ)
}

func find(b []byte, at, end int, typ uint32) uint32 {
	for {
		size, t, ok := header(b, at, end)
		switch {
		case !ok:
			return 0
		case t == typ:
			return uint32(at)
		}
		at += (size + 3) &^ 3
	}
}

// header reads an attribute's header; ok is false if no whole attribute is before end.
func header(b []byte, at, end int) (size int, typ uint32, ok bool) {
	if end-at < attrHeader {
		return 0, 0, false
	}
	size = int(binary.LittleEndian.Uint16(b[at:]))
	typ = uint32(binary.LittleEndian.Uint16(b[at+2:])) & attrTypeMask
	return size, typ, size >= attrHeader && size <= end-at
}
