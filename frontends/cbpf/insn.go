// Package cbpf is the front end for classic BPF: the filters of packet sockets, of libpcap and of seccomp. It reads
// them, checks them by the rules of a dialect, and converts them to the instructions that every other program has.
package cbpf

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Insn is a classic instruction (struct sock_filter, include/uapi/linux/filter.h, Linux 6.18).
type Insn struct {
	Code   uint16
	Jt, Jf uint8 // of a conditional jump: how many instructions are skipped if the condition holds, and if not
	K      uint32
}

// MaxInsns is the most instructions that a filter has (BPF_MAXINSNS).
const MaxInsns = 4096

// Dialect says whose rules a filter follows: implementations disagree about what is valid and about a few results.
type Dialect uint8

// The dialects.
const (
	Pcap    Dialect = iota // libpcap's bpf_filter: backward jumps, M[] is zero at the start, shifts by 32 and more give 0
	Linux                  // the kernel's socket filters: ancillary loads, forward jumps only, shifts by the amount modulo 32
	Seccomp                // the kernel's seccomp filters: words of struct seccomp_data in the byte order of the machine
)

var dialectNames = [...]string{Pcap: "pcap", Linux: "linux", Seccomp: "seccomp"}

// String is the dialect's name, as --dialect takes it.
func (d Dialect) String() string {
	if !d.valid() {
		return "?"
	}
	return dialectNames[d]
}

func (d Dialect) valid() bool { return int(d) < len(dialectNames) }

// ParseDialect returns the dialect of that name.
func ParseDialect(name string) (Dialect, bool) {
	i := slices.Index(dialectNames[:], name)
	return Dialect(max(i, 0)), i >= 0
}

// Cells is the number of cells of M[] (BPF_MEMWORDS).
const Cells = 16

// DataSize is that of struct seccomp_data in bytes (include/uapi/linux/seccomp.h, Linux 6.18).
const DataSize = 64

// InsnSize is that of an instruction in bytes.
const InsnSize = 8

// Decode reads instructions in the little-endian form of struct sock_filter. An *Error says that b has no whole number of them.
func Decode(b []byte) ([]Insn, error) {
	if len(b)%InsnSize != 0 {
		return nil, leftOver(b)
	}
	return decode(b), nil
}

func leftOver(b []byte) *Error {
	text := fmt.Sprintf("%d bytes follow the last whole instruction, which has %d", len(b)%InsnSize, InsnSize)
	return &Error{Insn: len(b) / InsnSize, Rule: RuleForm, Text: text, Hint: "is the file whole?"}
}

func decode(b []byte) []Insn {
	insns := make([]Insn, len(b)/InsnSize)
	for n := range insns {
		at := b[n*InsnSize:]
		insns[n] = Insn{binary.LittleEndian.Uint16(at), at[2], at[3], binary.LittleEndian.Uint32(at[4:])}
	}
	return insns
}

// Encode is the inverse of Decode.
func Encode(insns []Insn) []byte {
	b := make([]byte, 0, len(insns)*InsnSize)
	for _, i := range insns {
		b = binary.LittleEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	return b
}
