// Package cbpf is the front end for classic BPF: the filters of packet sockets, of libpcap and of seccomp. It reads
// them, checks them by the rules of a dialect, and converts them to the instructions that every other program has.
package cbpf

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
