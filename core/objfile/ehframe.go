package objfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
)

// Call frame instructions (DWARF 5 section 7.24) and what .eh_frame adds (LSB 5, section 10.5).
const (
	cfaNop          = 0x00
	cfaAdvance1     = 0x02
	cfaAdvance2     = 0x03
	cfaAdvance4     = 0x04
	cfaDefCFA       = 0x0c
	cfaDefCFAOffset = 0x0e
	cfaAdvance      = 0x40
	cfaOffset       = 0x80
	cfaRestore      = 0xc0

	pcRelative32 = 0x1b // DW_EH_PE_pcrel | DW_EH_PE_sdata4
	dwarfRSP     = 7    // System V psABI for amd64, figure 3.36
	dwarfRA      = 16
	dataAlign    = 8 // offsets of saved registers are in units of -8 bytes
)

// ehFrame makes .eh_frame: one CIE and an FDE per function.
func (b *builder) ehFrame() {
	f := &section{name: ".eh_frame", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC, align: 8}
	appendCIE(f)
	for i := range b.a.Symbols {
		appendFDE(f, &b.a.Symbols[i], b.text.symbol)
	}
	b.add(*f)
}

// appendCIE: at a function's first instruction the frame begins 8 bytes above
// rsp, right above the return address.
func appendCIE(f *section) {
	f.record(0, []byte{
		1,           // version
		'z', 'R', 0, // augmentation: its data has a length, and the encoding of addresses
		1,                // code alignment
		0x80 - dataAlign, // data alignment, -8
		dwarfRA,
		1, pcRelative32,
		cfaDefCFA, dwarfRSP, 8,
		cfaOffset | dwarfRA, 1,
	})
}

func appendFDE(f *section, s *codegen.Symbol, text symRef) {
	start := len(f.data)
	f.rela(uint64(start+8), elf.R_X86_64_PC32, text, int64(s.Offset))
	body := binary.LittleEndian.AppendUint32(make([]byte, 4), s.Size)
	body = append(body, 0) // no augmentation data
	f.record(uint32(start+4), append(body, unwindRules(s)...))
}

// record appends a CIE (back 0) or an FDE: back is the distance to the CIE.
func (f *section) record(back uint32, body []byte) {
	for (len(body)+8)%8 != 0 {
		body = append(body, cfaNop)
	}
	f.data = binary.LittleEndian.AppendUint32(f.data, uint32(len(body)+4))
	f.data = binary.LittleEndian.AppendUint32(f.data, back)
	f.data = append(f.data, body...)
}

// unwindRules turns the steps of a frame into instructions. A step is the whole
// state from its offset on: registers that it does not list are not saved.
func unwindRules(s *codegen.Symbol) []byte {
	var out []byte
	at, cfa := s.Offset, int32(8)
	var saved [dwarfRA + 1]int32
	for _, step := range s.CFA {
		var rules []byte
		if step.CFA != cfa {
			cfa = step.CFA
			rules = binary.AppendUvarint(append(rules, cfaDefCFAOffset), uint64(cfa))
		}
		var now [dwarfRA + 1]int32
		for _, r := range step.Saved {
			now[r.Reg] = r.Below
		}
		for reg := range now {
			rules = append(rules, savedRule(byte(reg), saved[reg], now[reg])...)
		}
		saved = now
		if len(rules) > 0 {
			out = append(append(out, advance(step.Offset-at)...), rules...)
			at = step.Offset
		}
	}
	return out
}

func savedRule(reg byte, was, now int32) []byte {
	switch {
	case was == now:
		return nil
	case now == 0:
		return []byte{cfaRestore | reg}
	}
	return binary.AppendUvarint([]byte{cfaOffset | reg}, uint64(now/dataAlign))
}

func advance(n uint32) []byte {
	var out bytes.Buffer
	switch {
	case n == 0:
	case n < 1<<6:
		return []byte{cfaAdvance | byte(n)}
	case n < 1<<8:
		return []byte{cfaAdvance1, byte(n)}
	case n < 1<<16:
		write(&out, [1]uint8{cfaAdvance2})
		write(&out, uint16(n))
	default:
		write(&out, [1]uint8{cfaAdvance4})
		write(&out, n)
	}
	return out.Bytes()
}
