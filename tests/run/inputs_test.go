package run

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// draw makes inputs. The same seed gives the same inputs.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 0))} }

// pick is one of some values.
func pick[T any](d draw, of ...T) T { return of[d.IntN(len(of))] }

func (d draw) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

// one reports true once in n times.
func (d draw) one(n int) bool { return d.IntN(n) == 0 }

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// The pools of numbers that packets and maps share, so that programs find what they look for.
var (
	ports   = []uint16{53, 80, 443, 8080, 4789, 6081, 67, 68, 22, 123, 5353, 1234, 8000, 3306, 179, 11211}
	hosts   = []byte{1, 2, 3, 10, 100, 254, 255}
	eight   = [][3]byte{{10, 0, 0}, {192, 168, 1}, {172, 16, 0}, {127, 0, 0}, {224, 0, 0}, {8, 8, 8}}
	sixteen = []string{"\xfd\x00", "\x20\x01", "\xfe\x80", "\xff\x02", "\x00\x00"}
)

func (d draw) port() uint16 { return pick(d, ports...) }

func (d draw) address4() []byte {
	net := pick(d, eight...)
	return []byte{net[0], net[1], net[2], pick(d, hosts...)}
}

func (d draw) address6() []byte {
	b := make([]byte, 16)
	copy(b, pick(d, sixteen...))
	b[15] = pick(d, hosts...)
	return b
}

func (d draw) mac() []byte {
	return pick(d, []byte{0, 0, 0, 0, 0, 0}, []byte{2, 0, 0, 0, 0, pick(d, hosts...)}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{1, 0, 0x5e, 0, 0, 1})
}

// packet is an Ethernet frame whose headers are right more often than not.
func (d draw) packet() []byte {
	b := slices.Concat(d.mac(), d.mac())
	for range pick(d, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3) {
		b = slices.Concat(b, pick(d, be16(0x8100), be16(0x88a8)), be16(pick(d, uint16(1), 100, 0xffff, 0x2005)))
	}
	b = append(b, d.network(0)...)
	switch d.IntN(18) {
	case 0:
		b = b[:d.IntN(len(b)+1)]
	case 1:
		b[d.IntN(len(b))] = byte(d.Uint32())
	case 2:
		return d.bytes(d.IntN(120))
	}
	if d.one(12) {
		b = append(b, d.bytes(d.IntN(1200))...)
	}
	return b
}

// network is an EtherType and what follows it.
func (d draw) network(depth int) []byte {
	switch d.IntN(14) {
	case 0:
		return append(be16(0x0806), slices.Concat(be16(1), be16(0x0800), []byte{6, 4}, be16(pick(d, uint16(1), 2)), d.mac(), d.address4(), d.mac(), d.address4())...)
	case 1:
		return append(be16(pick(d, uint16(0x88cc), 0x9000, 0x1234)), d.bytes(d.IntN(60))...)
	case 10:
		return d.mpls()
	case 2, 3, 4:
		return append(be16(0x86dd), d.ipv6(depth)...)
	}
	return append(be16(0x0800), d.ipv4(depth)...)
}

// mpls is labels and a packet under them.
func (d draw) mpls() []byte {
	b := be16(0x8847)
	for range d.IntN(4) {
		b = append(b, byte(d.Uint32()), byte(d.Uint32()), byte(d.Uint32())&^1, 64)
	}
	b = append(b, 0, 1, byte(d.Uint32())|1, 64)
	return append(b, d.ipv4(1)...)
}

func (d draw) ipv4(depth int) []byte {
	proto, payload := d.transport(depth)
	options := d.bytes(4 * pick(d, 0, 0, 0, 0, 0, 0, 1, 2, 10))
	for i := range options {
		options[i] = pick(d, options[i], 1, 0, 7, 4, 0x94)
	}
	size := 20 + len(options) + len(payload)
	h := slices.Concat([]byte{0x40 | byte(5+len(options)/4), pick(d, byte(0), 0, 1, 2, 3, 0x10, 0xb8)}, be16(uint16(size)), be16(uint16(d.Uint32())),
		be16(pick(d, uint16(0), 0, 0x4000, 0x4000, 0x4000, 0x2000, 0x0007, 0x2010)), []byte{pick(d, byte(64), 64, 1, 0, 255), proto, 0, 0}, d.address4(), d.address4(), options)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, payload...)
}

func (d draw) ipv6(depth int) []byte {
	proto, payload := d.transport(depth)
	for range pick(d, 0, 0, 0, 0, 1, 2, 3) {
		next := pick(d, byte(0), 43, 60, 44)
		ext := slices.Concat([]byte{proto, 0}, d.bytes(6))
		if next != 44 && d.one(3) {
			ext = append(ext, d.bytes(8)...)
			ext[1] = 1
		}
		proto, payload = next, append(ext, payload...)
	}
	return slices.Concat([]byte{0x60, 0, 0, byte(d.IntN(3))}, be16(uint16(len(payload))), []byte{proto, pick(d, byte(64), 1, 0, 255)}, d.address6(), d.address6(), payload)
}

// checksum is the Internet checksum.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum&0xffff)
}

// transport is a protocol and its header with data.
func (d draw) transport(depth int) (byte, []byte) {
	switch n := d.IntN(12); {
	case n < 5:
		return 6, d.tcp()
	case n < 8:
		return 17, d.udp(depth)
	case n == 8 && d.one(4):
		return 2, slices.Concat([]byte{pick(d, byte(0x22), 0x16, 0x11), 0}, be16(0), be16(0), be16(uint16(d.IntN(3))), d.bytes(8*d.IntN(4)))
	case n == 8:
		return pick(d, byte(1), 58), slices.Concat([]byte{pick(d, byte(8), 0, 3, 128, 135), byte(d.IntN(4))}, be16(0), d.bytes(4+d.IntN(40)))
	case n == 9 && depth == 0:
		return 4, d.ipv4(1)
	case n == 10 && depth == 0:
		flags := pick(d, uint16(0), 0x2000, 0x8000, 0xb000)
		extra := d.bytes(4 * pick(d, 0, 1, 2, 3))
		return 47, slices.Concat(be16(flags), pick(d, be16(0x6558), be16(0x0800)), extra, d.inner())
	}
	return pick(d, byte(132), 2, 50, 89, 255), d.bytes(d.IntN(60))
}

func (d draw) tcp() []byte {
	var options []byte
	for range d.IntN(5) {
		options = append(options, pick(d, "\x01", "\x02\x04\x05\xb4", "\x03\x03\x07", "\x04\x02", "\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", "\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02", "\x13\x00", "\xfd\x03\x01")...)
	}
	options = append(options, make([]byte, -len(options)&3)...)
	options = options[:min(len(options), 40)]
	flags := pick(d, byte(2), 0x12, 0x10, 0x18, 0x11, 4, 0x14, 0, 0xff, 0xc2)
	port, data := d.service()
	ports := [][]byte{be16(d.port()), be16(port)}
	if d.one(3) {
		slices.Reverse(ports)
	}
	return slices.Concat(ports[0], ports[1], be32(d.Uint32()), be32(d.Uint32()), []byte{byte(5+len(options)/4) << 4, flags}, be16(uint16(d.Uint32())), be16(uint16(d.Uint32())), be16(0), options, data)
}

func (d draw) udp(depth int) []byte {
	var payload []byte
	from, to := d.port(), d.port()
	switch n := d.IntN(6); {
	case n == 0:
		to, payload = 53, d.dns()
	case n == 1:
		from, to, payload = 68, 67, d.dhcp()
	case n == 2 && depth == 0:
		to, payload = 4789, slices.Concat([]byte{8, 0, 0, 0, 0, 0, byte(d.IntN(3)), 0}, d.inner())
	case n == 3 && depth == 0:
		options := d.bytes(4 * d.IntN(4))
		to, payload = 6081, slices.Concat([]byte{byte(len(options) / 4), 0}, be16(0x6558), []byte{0, 0, byte(d.IntN(3)), 0}, options, d.inner())
	default:
		payload = d.bytes(d.IntN(100))
	}
	return slices.Concat(be16(from), be16(to), be16(uint16(8+len(payload))), be16(pick(d, uint16(0), uint16(d.Uint32()))), payload)
}

// inner is a frame inside a tunnel.
func (d draw) inner() []byte { return slices.Concat(d.mac(), d.mac(), d.network(1)) }

func (d draw) dns() []byte {
	b := slices.Concat(be16(uint16(d.Uint32())), be16(pick(d, uint16(0x0100), 0x8180)), be16(1), be16(0), be16(0), be16(0))
	for range d.IntN(4) {
		label := pick(d, "www", "example", "a", "internal", "xn--bcher-kva")
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(append(b, pick(d, "\x03com\x00", "\x03org\x00", "\xc0\x0c", "\x00")...), be16(pick(d, uint16(1), 28, 255, 16))...)
	return append(b, be16(1)...)
}

func (d draw) dhcp() []byte {
	b := make([]byte, 236)
	b[0], b[1], b[2] = pick(d, byte(1), 2), 1, 6
	b = append(b, 0x63, 0x82, 0x53, 0x63)
	for range d.IntN(5) {
		b = append(b, pick(d, "\x35\x01\x01", "\x35\x01\x03", "\x32\x04\x0a\x00\x00\x01", "\x00", "\x0c\x04host", "\x52\x02\x01\x00")...)
	}
	return append(b, 0xff)
}

// service is a port and what is spoken there.
func (d draw) service() (port uint16, data []byte) {
	switch d.IntN(6) {
	case 0:
		return 80, []byte(pick(d, "GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x\r\n\r\n", "POST /api/v1/a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\n\r\n", "HEAD /index.html HTTP/1.0\r\n\r\n"))
	case 1:
		return 443, d.tls()
	case 2:
		return 22, []byte("SSH-2.0-OpenSSH_9.6\r\n")
	case 3:
		return d.port(), nil
	}
	return d.port(), d.bytes(d.IntN(100))
}

// tls is a client hello with a server name.
func (d draw) tls() []byte {
	name := pick(d, "example.com", "a.b", "internal.test")
	sni := slices.Concat(be16(0), be16(uint16(len(name)+5)), be16(uint16(len(name)+3)), []byte{0}, be16(uint16(len(name))), []byte(name))
	extensions := pick(d, sni, slices.Concat(be16(23), be16(0), sni), be16(23))
	body := slices.Concat([]byte{3, 3}, d.bytes(32), []byte{0}, be16(2), be16(0x1301), []byte{1, 0}, be16(uint16(len(extensions))), extensions)
	hello := slices.Concat([]byte{1, 0}, be16(uint16(len(body))), body)
	return slices.Concat([]byte{22, 3, 1}, be16(uint16(len(hello))), hello)
}

// skb is a packet and a struct __sk_buff, in half of the runs with the fields that the kernel takes. Without one the
// kernel's test leaves wire_len 0.
func (d draw) skb() (data, ctx []byte) {
	data, ctx = d.packet(), make([]byte, skbSize)
	if d.one(2) {
		return data, ctx
	}
	put := func(at int, v uint32) {
		if d.one(2) {
			binary.LittleEndian.PutUint32(ctx[at:], v)
		}
	}
	put(8, pick(d, d.Uint32(), uint32(d.IntN(16)))) // mark
	put(32, pick(d, d.Uint32(), uint32(d.IntN(8)))) // priority
	put(40, 1)                                      // ifindex
	for i := range 5 {
		put(48+4*i, pick(d, d.Uint32(), uint32(d.IntN(4)))) // cb
	}
	put(152, d.Uint32())                                // tstamp
	put(164, pick(d, uint32(1), uint32(d.IntN(65536)))) // gso_segs
	put(176, uint32(d.IntN(2000)))                      // gso_size
	return data, ctx
}

// frame is a packet and now and then a struct xdp_md, maybe with metadata before the packet.
func (d draw) frame() (data, ctx []byte) {
	data = d.packet()
	if !d.one(3) {
		return data, nil
	}
	meta := 4 * pick(d, 0, 1, 2, 8)
	data = slices.Concat(d.bytes(meta), data)
	ctx = make([]byte, 24)
	binary.LittleEndian.PutUint32(ctx, uint32(meta))
	binary.LittleEndian.PutUint32(ctx[4:], uint32(len(data)))
	return data, ctx
}

func (d draw) dissector() (data, ctx []byte) { return d.packet(), nil }

// lookup is a struct bpf_sk_lookup.
func (d draw) lookup() (data, ctx []byte) {
	ctx = make([]byte, 72)
	put := func(at int, b []byte) { copy(ctx[at:], b) }
	if d.one(2) {
		ctx[8] = 2
		put(16, d.address4())
		put(40, d.address4())
	} else {
		ctx[8] = 10
		put(20, d.address6())
		put(44, d.address6())
	}
	ctx[12] = pick(d, byte(6), 17)
	put(36, be16(d.port()))
	binary.LittleEndian.PutUint32(ctx[60:], uint32(d.port()))
	return nil, ctx
}

// arguments is the arguments of a raw tracepoint, or the memory of a program that a process calls. Addresses among them
// are those of nothing.
func (d draw) arguments() (data, ctx []byte) {
	ctx = make([]byte, 96)
	for i := 0; i < len(ctx); i += 8 {
		binary.LittleEndian.PutUint64(ctx[i:], pick(d, 0, 1, uint64(d.IntN(16)), uint64(d.IntN(512)), uint64(d.IntN(4096)), uint64(d.Uint32())>>20, ^uint64(d.IntN(200))))
	}
	return nil, ctx
}

// anything is an input of a type that the kernel's test does not run: memory and the beginning of a context.
func (d draw) anything() (data, ctx []byte) {
	_, ctx = d.arguments()
	return d.packet(), ctx
}
