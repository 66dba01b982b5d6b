package networking_test

import (
	"encoding/binary"
	"math/rand"
	"os"
	"strconv"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
)

// draw makes packets and numbers.
type draw struct{ *rand.Rand }

// pick is one of some values.
func pick[T any](d draw, of ...T) T { return of[d.Intn(len(of))] }

// bytes is n random bytes.
func (d draw) bytes(n int) []byte {
	b := make([]byte, n)
	d.Read(b)
	return b
}

// packet is a packet with headers that are right more often than not.
func (d draw) packet() []byte {
	b := make([]byte, 14, 200)
	switch d.Intn(4) {
	case 0:
		d.Read(b[:12])
	case 1:
		copy(b, "\xff\xff\xff\xff\xff\xff")
	case 2:
		b[0] = 0x01
	}
	kind := d.Intn(10)
	for kind == 0 && len(b) < 30 || len(b) == 14 && d.Intn(4) == 0 {
		copy(b[len(b)-2:], pick(d, "\x81\x00", "\x88\xa8"))
		b = append(b, d.bytes(4)...)
	}
	put := func(t uint16) { binary.BigEndian.PutUint16(b[len(b)-2:], t) }
	switch {
	case kind < 5:
		put(0x0800)
		b = append(b, d.ipv4()...)
	case kind < 8:
		put(0x86dd)
		b = append(b, d.ipv6()...)
	default:
		put(pick(d, uint16(0x0806), 0x0100, 0x05ff, 0x0600, 0x8100, 0x6558))
		b = append(b, d.bytes(d.Intn(40))...)
		if d.Intn(3) == 0 && len(b) > 16 {
			b[14], b[15] = 0xff, 0xff
		}
	}
	if d.Intn(8) == 0 {
		// The kernel's test refuses packets of IP without the whole header; ours takes them.
		least := map[string]int{"\x08\x00": 34, "\x86\xdd": 54}[string(b[12:14])]
		b = b[:max(14, least, d.Intn(len(b)+1))]
	}
	return b
}

func (d draw) ipv4() []byte {
	h := d.bytes(20)
	h[0], h[9] = 0x45, pick(d, byte(6), 17, 1)
	h[1] = pick(d, h[1], h[1]&^3, h[1]|1, h[1]|2)
	return append(h, d.bytes(pick(d, 8, 20, 60, 0))...)
}

func (d draw) ipv6() []byte {
	h := d.bytes(40)
	h[0], h[6] = 0x60|h[0]&15, pick(d, byte(6), 17, 58)
	return append(h, d.bytes(pick(d, 8, 20, 60, 0))...)
}

// The types that BPF_PROG_TEST_RUN runs with a struct __sk_buff.
var skbTypes = []string{"socket_filter", "sched_cls", "sched_act", "cgroup_skb", "cgroup_skb/egress", "lwt_in", "lwt_out", "lwt_xmit"}

// rounds is how many scripts a test draws: n, or as many times that as BPFC_ROUNDS says.
func rounds(n int) int {
	if times, err := strconv.Atoi(os.Getenv("BPFC_ROUNDS")); err == nil {
		return n * times
	}
	return n
}

func (k *kernelSide) typ(name string) *abi.ProgType {
	t, _ := k.set.Type(name)
	return &t
}

func TestARunBeginsAsTheKernels(t *testing.T) {
	k := needTestRun(t)
	for _, name := range append([]string{"xdp"}, skbTypes...) {
		typ := k.typ(name)
		fields := loadables(&typ.Context, "napi_id")
		d := draw{rand.New(rand.NewSource(1))}
		t.Run(name, func(t *testing.T) {
			for range rounds(60) {
				packet := d.packet()
				var ctx []byte
				if name != "xdp" {
					ctx = d.skbInput(len(packet))
				}
				if !k.compareRuns(t, typ, nil, fields, ctx, packet) {
					return
				}
			}
		})
	}
}

// skbInput is a struct __sk_buff that is mostly what the kernel takes.
func (d draw) skbInput(size int) []byte {
	b := make([]byte, 192)
	put := func(at int, v uint32) {
		if d.Intn(3) == 0 {
			binary.LittleEndian.PutUint32(b[at:], v)
		}
	}
	put(8, d.Uint32())
	put(32, d.Uint32())
	put(36, d.Uint32())
	put(40, 1)
	for i := range 5 {
		put(48+4*i, d.Uint32())
	}
	put(152, d.Uint32())
	put(160, pick(d, uint32(size), uint32(size-14), uint32(size-15), uint32(size+1), 65536, 65537))
	put(164, pick(d, uint32(1), 65535, 65536))
	put(176, d.Uint32())
	put(184, d.Uint32())
	if d.Intn(8) == 0 {
		b[d.Intn(192)] = 1
	}
	return b
}

// frame is a frame with metadata before the packet, and the struct xdp_md that says so.
func (d draw) frame(packet []byte) (ctx, all []byte) {
	meta := d.bytes(pick(d, 0, 4, 8, 32, 216, 220, 252, 7))
	all, ctx = append(meta, packet...), make([]byte, 24)
	binary.LittleEndian.PutUint32(ctx, uint32(len(meta)))
	binary.LittleEndian.PutUint32(ctx[4:], uint32(len(all)))
	return ctx, all
}
