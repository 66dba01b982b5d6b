package networking

import (
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
)

// The private bytes of an XDP run, behind the target: how far the packet's start has moved.
const xdpPos = targetSize

// xdpNamed is the private word behind it: the interface as the input names it, 0 if it does not.
const xdpNamed = targetSize + 4

// The frame of XDP, as BPF_PROG_TEST_RUN makes it on x86-64 (Linux 6.18): a page
// with struct xdp_frame at its start, XDP_PACKET_HEADROOM before the packet, and
// struct skb_shared_info at its end. A longer packet may not grow.
const (
	frameSize = 4096
	frameHead = 40 // sizeof(struct xdp_frame)
	frameRoom = 256
	frameEnd  = frameSize - sharedInfo
	maxMeta   = 255 // xdp_metalen_invalid: metadata is at most so long, and a multiple of 4
	maxRead   = 0xffff
)

// frameGo are those of XDP frames (net/core/filter.c, Linux 6.18).
func (n *network) frameGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_xdp_adjust_head":  n.adjustHead,
		"bpf_xdp_adjust_tail":  adjustTail,
		"bpf_xdp_adjust_meta":  n.adjustMeta,
		"bpf_xdp_load_bytes":   loadFrame,
		"bpf_xdp_store_bytes":  storeFrame,
		"bpf_xdp_get_buff_len": frameLen,
		"bpf_xdp_pull_data":    pullFrame,
	}
}

// frameStart is where the packet starts in its frame, and the private word that says so.
func frameStart(c codegen.Call) (start int, own []byte) {
	own = lastBytes(c, xdpPrivate)
	return frameRoom + int(int32(word(own, xdpPos))), own
}

// adjustHead is bpf_xdp_adjust_head: metadata moves along, and at least a link
// header has to stay. Bytes that come back are those that were there.
func (n *network) adjustHead(c codegen.Call, _, delta, _, _, _ uint64) uint64 {
	p, by, was := c.Packet(), int(int32(delta)), &n.perCPU[c.CPU()].below
	start, own := frameStart(c)
	meta := p.Meta()
	if start+by < frameHead+len(meta) || by > len(p.Bytes())-ethLen {
		return codegen.EINVAL.Ret()
	}
	all := slices.Concat(meta, p.Bytes()[:max(by, 0)])
	if by < 0 {
		all = slices.Concat(was.take(-by), meta)
	}
	if !p.MoveStart(by) {
		return codegen.EINVAL.Ret()
	}
	if by < 0 {
		copy(p.Bytes(), all[len(meta):])
	} else {
		was.add(all[:by])
	}
	setWord(own, xdpPos, uint32(int32(start+by-frameRoom)))
	return 0
}

// below is what lies in a frame before its metadata, or its packet: bytes that belonged to them.
type below []byte

func (b *below) add(more []byte) { *b = append(*b, more...) }

// take gives the last n bytes back; before all that were there are zeros.
func (b *below) take(n int) []byte {
	out := make([]byte, n)
	have := min(n, len(*b))
	copy(out[n-have:], (*b)[len(*b)-have:])
	*b = (*b)[:len(*b)-have]
	return out
}

// adjustTail is bpf_xdp_adjust_tail: what it adds is zero.
func adjustTail(c codegen.Call, _, delta, _, _, _ uint64) uint64 {
	p, n := c.Packet(), int(int32(delta))
	start, _ := frameStart(c)
	if size := len(p.Bytes()); start+size+n > max(frameEnd, start+size) || size+n < ethLen || !p.MoveEnd(n) {
		return codegen.EINVAL.Ret()
	}
	return 0
}

// adjustMeta is bpf_xdp_adjust_meta.
func (n *network) adjustMeta(c codegen.Call, _, delta, _, _, _ uint64) uint64 {
	p, by, was := c.Packet(), int(int32(delta)), &n.perCPU[c.CPU()].below
	start, _ := frameStart(c)
	switch meta := len(p.Meta()) - by; {
	case meta < 0 || start-meta < frameHead:
		return codegen.EINVAL.Ret()
	case meta > maxMeta || meta%4 != 0:
		return codegen.EACCES.Ret()
	}
	gone := slices.Clone(p.Meta()[:max(by, 0)])
	if !p.MoveMeta(by) {
		return codegen.EINVAL.Ret()
	}
	was.add(gone)
	copy(p.Meta(), was.take(max(-by, 0)))
	return 0
}

// frameBytes is len bytes at an offset of the frame, or the error (bpf_xdp_pointer).
func frameBytes(c codegen.Call, offset, n uint64) ([]byte, codegen.Errno) {
	off, size, b := uint64(uint32(offset)), uint64(uint32(n)), c.Packet().Bytes()
	switch {
	case off > maxRead || size > maxRead:
		return nil, codegen.EFAULT
	case off+size > uint64(len(b)):
		return nil, codegen.EINVAL
	}
	return b[off : off+size], codegen.OK
}

// loadFrame is bpf_xdp_load_bytes. It leaves memory as it is if it fails.
func loadFrame(c codegen.Call, _, offset, to, n, _ uint64) uint64 {
	b, e := frameBytes(c, offset, n)
	copy(c.Bytes(to, uint64(uint32(n)), true), b)
	return e.Ret()
}

// storeFrame is bpf_xdp_store_bytes.
func storeFrame(c codegen.Call, _, offset, from, n, _ uint64) uint64 {
	b, e := frameBytes(c, offset, n)
	copy(b, c.Bytes(from, uint64(uint32(n)), false))
	return e.Ret()
}

// frameLen is bpf_xdp_get_buff_len.
func frameLen(c codegen.Call, _, _, _, _, _ uint64) uint64 { return uint64(len(c.Packet().Bytes())) }

// pullFrame is bpf_xdp_pull_data: everything is in one piece already.
func pullFrame(c codegen.Call, _, n, _, _, _ uint64) uint64 {
	if uint64(uint32(n)) > uint64(len(c.Packet().Bytes())) {
		return codegen.EINVAL.Ret()
	}
	return 0
}
