package networking

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Programs that were made of classic filters. The set only declares what they may see: frontends/cbpf writes them, and
// relies on these offsets and numbers; a test compares both.
const (
	classicPacket  = "cbpf"
	classicContext = "cbpf_md"
	nlattr         = "bpf_classic_nlattr"
	nlattrNest     = "bpf_classic_nlattr_nest"
	// classicHelpers is the beginning of the numbers of helpers of classic filters: Linux has no such numbers.
	classicHelpers = 0x3bf << 20
)

// classicTypes are the types of filters. Most need the packet alone: such a program is a function of an address and a length.
func classicTypes() []abi.ProgType {
	return []abi.ProgType{
		{Name: classicPacket, Sections: []string{"cbpf", "cbpf/*"}, Context: abi.Context{Kind: abi.CtxMemory, Name: "memory"}},
		{Name: classicContext, Sections: []string{"cbpf_md"}, Context: classicMd(), Packet: abi.PacketRead, Helpers: []string{nlattr, nlattrNest}},
	}
}

// classicMd is struct cbpf_md: a packet and what the ancillary loads of filters give (SKF_AD_*,
// include/uapi/linux/filter.h, Linux 6.18), as numbers in the order of the machine.
func classicMd() abi.Context {
	c := abi.Context{Kind: abi.CtxStruct, Name: "cbpf_md", Size: 72, Fields: []abi.Field{
		packet("data", abi.FieldPacketStart, 0, 4),
		packet("data_end", abi.FieldPacketEnd, 4, 4),
	}}
	for i, name := range []string{
		"len", // of the packet on the wire, or before it was cut off
		"protocol", "pkt_type", "ifindex", "mark", "queue_mapping", "hatype", "hash", "cpu", "vlan_tci", "vlan_present", "vlan_proto", "payload",
		"has_device",                    // 0: the packet has no device: filters that ask for its ifindex or hatype end with the A that they have
		"network_header", "link_header", // offsets from the start of the packet: negative before it; there is no such link header
	} {
		c.Fields = append(c.Fields, whole(name, 8+4*uint32(i), 4))
	}
	for i := range c.Fields {
		if n := c.Fields[i].Name; n == "network_header" || n == "link_header" {
			c.Fields[i] = signed(c.Fields[i])
		}
	}
	return c
}

// classicHelpers are called by programs of filters only.
func classicOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: classicHelpers | 1, Name: nlattr, Args: args(ctx, anything, anything),
			C: "long bpf_classic_nlattr(struct cbpf_md *md, __u32 offset, __u32 type)"},
		{ID: classicHelpers | 2, Name: nlattrNest, Args: args(ctx, anything, anything),
			C: "long bpf_classic_nlattr_nest(struct cbpf_md *md, __u32 offset, __u32 type)"},
	}
}

func classicGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{nlattr: findNlattr, nlattrNest: findNested}
}

// The header of a netlink attribute: its length, the header's included, and its type, both in the order of the machine
// (struct nlattr, include/uapi/linux/netlink.h).
const (
	nlattrHeader   = 4
	nlattrTypeMask = 0x3fff // NLA_TYPE_MASK
)

// findNlattr gives the offset of the first attribute of a type in the packet from an offset on, 0 if there is none
// (bpf_skb_get_nlattr, net/core/filter.c, Linux 6.18).
func findNlattr(c codegen.Call, _, offset, typ, _, _ uint64) uint64 {
	b := c.Packet().Bytes()
	if offset = uint64(uint32(offset)); len(b) < nlattrHeader || offset > uint64(len(b)-nlattrHeader) {
		return 0
	}
	return attribute(b, int(offset), len(b), uint32(typ))
}

// findNested is findNlattr within the attribute at the offset (bpf_skb_get_nlattr_nest).
func findNested(c codegen.Call, _, offset, typ, _, _ uint64) uint64 {
	b := c.Packet().Bytes()
	if offset = uint64(uint32(offset)); len(b) < nlattrHeader || offset > uint64(len(b)-nlattrHeader) {
		return 0
	}
	n := int(binary.LittleEndian.Uint16(b[offset:]))
	if n > len(b)-int(offset) {
		return 0
	}
	return attribute(b, int(offset)+nlattrHeader, int(offset)+n, uint32(typ))
}

// attribute gives the offset of the first attribute of a type in b[from:to], 0 if there is none (nla_find, lib/nlattr.c).
func attribute(b []byte, from, to int, typ uint32) uint64 {
	for to-from >= nlattrHeader {
		n := int(binary.LittleEndian.Uint16(b[from:]))
		if n < nlattrHeader || n > to-from {
			return 0
		}
		if uint32(binary.LittleEndian.Uint16(b[from+2:])&nlattrTypeMask) == typ {
			return uint64(from)
		}
		from += (n + 3) &^ 3
	}
	return 0
}

// classicLength is the offset of len in struct cbpf_md.
const classicLength = 8

// enterClassic gives a packet whose length on the wire is not said the one that it has.
func enterClassic(c codegen.Call) error {
	if ctx := c.Context(); word(ctx, classicLength) == 0 {
		setWord(ctx, classicLength, uint32(len(c.Packet().Bytes())))
	}
	return nil
}
