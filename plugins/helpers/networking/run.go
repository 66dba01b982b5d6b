package networking

import (
	"encoding/binary"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
)

// The private bytes of a run begin with what bpf_redirect and its like have
// chosen (struct bpf_redirect_info, include/linux/filter.h, Linux 6.18):
//
//	│ kind (4) │ index (4) │ flags (8) │ map (8) │ next hop (20) │ 4 unused │ of the context's kind │
const (
	atKind, atIndex, atFlags, atMap, atNext = 0, 4, 8, 16, 24

	nextHopSize = 20 // struct bpf_redir_neigh
	targetSize  = 48
	xdpPrivate  = targetSize + 8
	msgPrivate  = targetSize + 8
)

var little = binary.LittleEndian

// word is the 4-byte number at an offset.
func word(b []byte, at int) uint32 { return little.Uint32(b[at:]) }

// setWord sets it.
func setWord(b []byte, at int, v uint32) { little.PutUint32(b[at:], v) }

// swap is a 16-bit number in the other byte order: what the kernel calls __be16, in a register.
func swap(v uint16) uint16 { return v>>8 | v<<8 }

// isXDP reports whether the run is of an XDP program: some helpers have one
// number for the two kinds of packets.
func isXDP(c codegen.Call) bool { return strings.HasPrefix(c.Entry().Type, "xdp") }

// lastBytes are the last n bytes of the host's form of the context.
func lastBytes(c codegen.Call, n int) []byte {
	ctx := c.Context()
	return ctx[len(ctx)-n:]
}

// fill copies what is there to memory of the program and clears the rest, as
// helpers do that fail: their memory is not initialised otherwise.
func fill(to, from []byte) {
	clear(to[copy(to, from):])
}

// failed clears memory and returns the error.
func failed(to []byte, e codegen.Errno) uint64 {
	clear(to)
	return e.Ret()
}

// signedResult is a result of 32 bits with a sign.
func signedResult(v int32) uint64 { return uint64(int64(v)) }
