package cbpf

// Op is what an instruction does. The arithmetic operations are A = A op operand, of 32 bits, unsigned; the
// conditional jumps compare A with the operand, unsigned.
type Op uint8

// The operations.
const (
	OpNone  Op = iota // of a code that no implementation knows
	OpLoad            // the row's Writes, A or X, becomes the operand
	OpStore           // M[k] becomes the row's Reads, A or X
	OpAdd
	OpSub
	OpMul
	OpDiv // by X = 0: the program ends with 0
	OpMod // the same
	OpAnd
	OpOr
	OpXor
	OpLsh
	OpRsh
	OpNeg  // A = -A
	OpJump // always, by the signed number k
	OpJeq
	OpJgt
	OpJge
	OpJset // A & operand is not 0
	OpRet
	OpMove // tax, txa
)

// Arith reports whether the operation changes A by an operand; OpNeg has none.
func (o Op) Arith() bool { return o >= OpAdd && o <= OpNeg }

// Cond reports whether the operation is a conditional jump.
func (o Op) Cond() bool { return o >= OpJeq && o <= OpJset }

// Form is what the operand of an instruction is.
type Form uint8

// The forms, as they are written.
const (
	FormNone Form = iota // nothing: neg, tax, txa
	FormImm              // #k
	FormX                // x
	FormA                // a, of ret
	FormAbs              // [k]: a big-endian number in the packet; a word of the data of seccomp; what k above AncBase names
	FormInd              // [x + k]
	FormMsh              // 4*([k]&0xf): four times the low half of a byte of the packet
	FormMem              // M[k]
	FormLen              // #len: how long the packet was, before it was cut off
	FormJump             // k instructions on from the next
)

// Place is a set of what an instruction reads or writes.
type Place uint8

// The places.
const (
	PlaceA Place = 1 << iota
	PlaceX
	PlaceM      // the cell k of M[]
	PlacePacket // and what k above AncBase names
)

// rules is a set of dialects.
type rules uint8

const (
	packets = 1<<Pcap | 1<<Linux
	every   = packets | 1<<Seccomp
	nobody  = rules(0)
)

// Row is what is known about the code of an instruction.
type Row struct {
	Code          uint16
	Name          string // the mnemonic of bpf_asm
	Op            Op
	Form          Form
	Size          uint8 // bytes that are read from the packet
	Reads, Writes Place

	known rules // the dialects that have the code
}

// In reports whether the dialect has the instruction at all.
func (r *Row) In(d Dialect) bool { return r.known>>d&1 != 0 }

// Table has one row for every code that the assembler of the kernel writes (tools/bpf, Linux 6.18). Read-only. What
// socket filters know is chk_code_allowed, net/core/filter.c; what seccomp knows is seccomp_check_filter,
// kernel/seccomp.c; what libpcap knows is pcapint_filter_with_aux_data, bpf_filter.c of libpcap 1.10. `ret x` can be
// written, and no one runs it.
var Table = [...]Row{
	{0x00, "ld", OpLoad, FormImm, 0, 0, PlaceA, every},
	{0x20, "ld", OpLoad, FormAbs, 4, PlacePacket, PlaceA, every},
	{0x28, "ldh", OpLoad, FormAbs, 2, PlacePacket, PlaceA, packets},
	{0x30, "ldb", OpLoad, FormAbs, 1, PlacePacket, PlaceA, packets},
	{0x40, "ld", OpLoad, FormInd, 4, PlacePacket | PlaceX, PlaceA, packets},
	{0x48, "ldh", OpLoad, FormInd, 2, PlacePacket | PlaceX, PlaceA, packets},
	{0x50, "ldb", OpLoad, FormInd, 1, PlacePacket | PlaceX, PlaceA, packets},
	{0x60, "ld", OpLoad, FormMem, 0, PlaceM, PlaceA, every},
	{0x80, "ld", OpLoad, FormLen, 0, 0, PlaceA, every},
	{0x01, "ldx", OpLoad, FormImm, 0, 0, PlaceX, every},
	{0x61, "ldx", OpLoad, FormMem, 0, PlaceM, PlaceX, every},
	{0x81, "ldx", OpLoad, FormLen, 0, 0, PlaceX, every},
	{0xb1, "ldxb", OpLoad, FormMsh, 1, PlacePacket, PlaceX, packets},
	{0x02, "st", OpStore, FormMem, 0, PlaceA, PlaceM, every},
	{0x03, "stx", OpStore, FormMem, 0, PlaceX, PlaceM, every},
	{0x04, "add", OpAdd, FormImm, 0, PlaceA, PlaceA, every},
	{0x0c, "add", OpAdd, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x14, "sub", OpSub, FormImm, 0, PlaceA, PlaceA, every},
	{0x1c, "sub", OpSub, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x24, "mul", OpMul, FormImm, 0, PlaceA, PlaceA, every},
	{0x2c, "mul", OpMul, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x34, "div", OpDiv, FormImm, 0, PlaceA, PlaceA, every},
	{0x3c, "div", OpDiv, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x94, "mod", OpMod, FormImm, 0, PlaceA, PlaceA, packets},
	{0x9c, "mod", OpMod, FormX, 0, PlaceA | PlaceX, PlaceA, packets},
	{0x44, "or", OpOr, FormImm, 0, PlaceA, PlaceA, every},
	{0x4c, "or", OpOr, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x54, "and", OpAnd, FormImm, 0, PlaceA, PlaceA, every},
	{0x5c, "and", OpAnd, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0xa4, "xor", OpXor, FormImm, 0, PlaceA, PlaceA, every},
	{0xac, "xor", OpXor, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x64, "lsh", OpLsh, FormImm, 0, PlaceA, PlaceA, every},
	{0x6c, "lsh", OpLsh, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x74, "rsh", OpRsh, FormImm, 0, PlaceA, PlaceA, every},
	{0x7c, "rsh", OpRsh, FormX, 0, PlaceA | PlaceX, PlaceA, every},
	{0x84, "neg", OpNeg, FormNone, 0, PlaceA, PlaceA, every},
	{0x05, "ja", OpJump, FormJump, 0, 0, 0, every},
	{0x15, "jeq", OpJeq, FormImm, 0, PlaceA, 0, every},
	{0x1d, "jeq", OpJeq, FormX, 0, PlaceA | PlaceX, 0, every},
	{0x25, "jgt", OpJgt, FormImm, 0, PlaceA, 0, every},
	{0x2d, "jgt", OpJgt, FormX, 0, PlaceA | PlaceX, 0, every},
	{0x35, "jge", OpJge, FormImm, 0, PlaceA, 0, every},
	{0x3d, "jge", OpJge, FormX, 0, PlaceA | PlaceX, 0, every},
	{0x45, "jset", OpJset, FormImm, 0, PlaceA, 0, every},
	{0x4d, "jset", OpJset, FormX, 0, PlaceA | PlaceX, 0, every},
	{0x06, "ret", OpRet, FormImm, 0, 0, 0, every},
	{0x16, "ret", OpRet, FormA, 0, PlaceA, 0, every},
	{0x0e, "ret", OpRet, FormX, 0, PlaceX, 0, nobody},
	{0x07, "tax", OpMove, FormNone, 0, PlaceA, PlaceX, every},
	{0x87, "txa", OpMove, FormNone, 0, PlaceX, PlaceA, every},
}

// rowOf is the index into Table by code, plus 1.
var rowOf = func() (index [256]uint8) {
	for i, r := range Table {
		index[r.Code] = uint8(i + 1)
	}
	return index
}()

// Row is the row of the instruction's code, nil if there is none.
func (i Insn) Row() *Row {
	if i.Code >= uint16(len(rowOf)) || rowOf[i.Code] == 0 {
		return nil
	}
	return &Table[rowOf[i.Code]-1]
}

// Loads at offsets from NetBase on read the packet from its network header, from LinkBase on from its link header, and
// from AncBase on what is known about the packet (SKF_NET_OFF, SKF_LL_OFF, SKF_AD_OFF, include/uapi/linux/filter.h,
// Linux 6.18). Only the dialect Linux has them; for Pcap they are offsets outside the packet.
const (
	LinkBase = 0xffe00000
	NetBase  = 0xfff00000
	AncBase  = 0xfffff000
)

// Anc is an ancillary load: its offset minus AncBase.
type Anc uint8

// The ancillary loads (SKF_AD_*, include/uapi/linux/filter.h, Linux 6.18).
const (
	AncProtocol   Anc = 4 * iota
	AncPktType        // where it goes: PACKET_HOST, …
	AncIfindex        // of the device; without one, the program ends with 0
	AncNlattr         // where in the packet the netlink attribute of type X is, from offset A on; 0: nowhere
	AncNlattrNest     // the same within the attribute at offset A
	AncMark
	AncQueue
	AncHatype // ARPHRD_ of the device; without one, the program ends with 0
	AncRxhash
	AncCPU
	AncXorX // A ^ X
	AncVlanTag
	AncVlanPresent // 1 or 0
	AncPayOffset   // where the payload begins
	AncRandom
	AncVlanTpid
	ancEnd
)

// ancNames are the names of bpf_asm, in the order of the numbers. A ^ X has none.
var ancNames = [...]string{
	"proto", "type", "ifidx", "nla", "nlan", "mark", "queue", "hatype", "rxhash", "cpu", "", "vlan_tci", "vlan_avail", "poff", "rand", "vlan_tpid",
}

// String is the name in bpf_asm, "" if there is none.
func (a Anc) String() string {
	if a%4 != 0 || a >= ancEnd {
		return ""
	}
	return ancNames[a/4]
}

// Anc is the ancillary load that the instruction is, in the dialect Linux.
func (i Insn) Anc() (Anc, bool) {
	r := i.Row()
	n := i.K - AncBase
	if r == nil || r.Form != FormAbs || i.K < AncBase || n >= uint32(ancEnd) || n%4 != 0 {
		return 0, false
	}
	return Anc(n), true
}
