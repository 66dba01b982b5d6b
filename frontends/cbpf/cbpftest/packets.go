package cbpftest

import (
	"encoding/binary"
	"math/rand/v2"
)

// Packets makes n Ethernet frames, the same for the same n: IPv4 and IPv6 with what they carry, options, extension
// headers and fragments, VLAN tags, ARP, MPLS, PPPoE, LLC, garbage; one in four is cut off somewhere. Addresses
// and ports are often those that Expressions ask for.
func Packets(n int) [][]byte {
	m := &maker{newRand(1)}
	all := make([][]byte, n)
	for i := range all {
		all[i] = m.frame()
	}
	return all
}

// maker makes packets.
type maker struct{ *rand.Rand }

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

func (m *maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

func (m *maker) u16(b []byte, v int) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }

// frame makes a frame.
func (m *maker) frame() []byte {
	b := append(m.mac(), m.mac()...)
	for m.IntN(6) == 0 {
		b = m.u16(b, pick(m, 0x8100, 0x88a8, 0x9100))
		b = m.u16(b, pick(m, 1, 100, 200, m.IntN(1<<16)))
	}
	switch n := m.IntN(20); {
	case n < 9:
		b = append(m.u16(b, 0x800), m.ipv4(2)...)
	case n < 15:
		b = append(m.u16(b, 0x86dd), m.ipv6(2)...)
	case n == 15:
		b = append(m.u16(b, pick(m, 0x806, 0x8035)), m.arp()...)
	case n == 16:
		b = append(m.u16(b, 0x8847), m.mpls()...)
	case n == 17:
		b = append(m.u16(b, pick(m, 0x8863, 0x8864)), m.pppoe()...)
	case n == 18:
		b = append(m.u16(b, m.IntN(1500)), m.llc()...)
	default:
		b = m.bytes(m.IntN(80))
	}
	b = append(b, make([]byte, m.IntN(8))...)
	if m.IntN(4) == 0 {
		b = b[:m.IntN(len(b)+1)]
	}
	return b
}

func (m *maker) mac() []byte {
	return pick(m, []byte{2, 0, 0, 0, 0, 1}, []byte{2, 0, 0, 0, 0, 2}, []byte{255, 255, 255, 255, 255, 255}, []byte{1, 0, 0x5e, 0, 0, 1}, []byte{0x33, 0x33, 0, 0, 0, 1}, m.bytes(6))
}

func (m *maker) addr4() []byte {
	return pick(m, []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, []byte{192, 168, 1, 1}, []byte{192, 168, 1, 77}, []byte{224, 0, 0, 1}, []byte{255, 255, 255, 255}, []byte{127, 0, 0, 1}, m.bytes(4))
}

func (m *maker) addr6() []byte {
	a := pick(m, []byte{0x20, 1, 0xd, 0xb8}, []byte{0xfe, 0x80}, []byte{0xff, 2}, m.bytes(16))
	a = append(append([]byte{}, a...), make([]byte, 16-len(a))...)
	a[15] = byte(pick(m, 1, 2, m.IntN(256)))
	return a
}

// ipv4 makes a packet; within it there may be others, depth deep.
func (m *maker) ipv4(depth int) []byte {
	options := 4 * max(0, m.IntN(16)-5)
	proto := m.proto(depth)
	body := m.payload(proto, depth)
	fragment := pick(m, 0, 0, 0, 0x4000, 0x2000, m.IntN(1<<16), 0x2000|m.IntN(1<<13))
	b := []byte{0x45 + byte(options/4), byte(pick(m, 0, 0xb8, m.IntN(256)))}
	b = m.u16(b, 20+options+len(body))
	b = m.u16(b, m.IntN(1<<16))
	b = m.u16(b, fragment)
	b = append(b, byte(pick(m, 1, 64, 255, m.IntN(256))), byte(proto))
	b = m.u16(b, m.IntN(1<<16))
	b = append(append(b, m.addr4()...), m.addr4()...)
	if m.IntN(20) == 0 {
		b[0] = byte(m.Uint32())
	}
	return append(append(b, m.bytes(options)...), body...)
}

// ipv6 makes a packet with a chain of extension headers.
func (m *maker) ipv6(depth int) []byte {
	proto := m.proto(depth)
	body := m.payload(proto, depth)
	for m.IntN(3) == 0 {
		next := pick(m, 0, 43, 44, 51, 60)
		size := 8 * m.IntN(3)
		if next == 44 {
			size = 0
		}
		header := append([]byte{byte(proto), byte(size / 8)}, m.bytes(6+size)...)
		if next == 51 {
			header[1] = byte(len(header)/4 - 2)
		}
		if next == 44 && m.IntN(2) == 0 {
			header[2], header[3] = 0, byte(m.IntN(2))
		}
		body, proto = append(header, body...), next
	}
	b := []byte{0x60, byte(m.IntN(256)), 0, byte(m.IntN(4))}
	b = m.u16(b, len(body))
	b = append(b, byte(proto), byte(pick(m, 1, 64, 255)))
	b = append(append(b, m.addr6()...), m.addr6()...)
	return append(b, body...)
}

func (m *maker) proto(depth int) int {
	if depth > 0 && m.IntN(8) == 0 {
		return pick(m, 4, 41, 47)
	}
	return pick(m, 6, 6, 6, 17, 17, 17, 1, 58, 132, 2, 50, 51, 89, 112, m.IntN(256))
}

func (m *maker) port() int {
	return pick(m, 22, 53, 80, 80, 443, 8080, 1024, m.IntN(1<<16))
}

// payload is what follows the header of an Internet protocol.
func (m *maker) payload(proto, depth int) []byte {
	switch proto {
	case 4:
		return m.ipv4(depth - 1)
	case 41:
		return m.ipv6(depth - 1)
	case 47:
		return append(m.u16([]byte{0, 0}, 0x800), m.ipv4(depth-1)...)
	case 6:
		return m.tcp()
	case 17, 132:
		b := m.u16(m.u16(nil, m.port()), m.port())
		return append(m.u16(b, 8+m.IntN(64)), m.bytes(2+m.IntN(64))...)
	case 1, 58:
		return append([]byte{byte(pick(m, 0, 8, 3, 11, 128, 129, 135, m.IntN(256))), byte(m.IntN(4))}, m.bytes(6+m.IntN(32))...)
	}
	return m.bytes(m.IntN(60))
}

func (m *maker) tcp() []byte {
	options := 4 * max(0, m.IntN(14)-4)
	b := m.u16(m.u16(nil, m.port()), m.port())
	b = append(b, m.bytes(8)...)
	b = append(b, byte(5+options/4)<<4, byte(pick(m, 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, m.IntN(256))))
	b = append(b, m.bytes(6+options)...)
	return append(b, pick(m, []byte("GET / HTTP/1.1\r\n"), []byte("SSH-2.0-x"), nil, m.bytes(m.IntN(200)))...)
}

func (m *maker) arp() []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, byte(1 + m.IntN(4))}
	b = append(append(b, m.mac()...), m.addr4()...)
	return append(append(b, m.mac()...), m.addr4()...)
}

func (m *maker) mpls() (b []byte) {
	for {
		label := binary.BigEndian.AppendUint32(nil, uint32(pick(m, 16, 1000, m.IntN(1<<20)))<<12|64)
		bottom := m.IntN(2) == 0
		if bottom {
			label[2] |= 1
		}
		if b = append(b, label...); bottom {
			return append(b, m.ipv4(0)...)
		}
	}
}

func (m *maker) pppoe() []byte {
	b := m.u16([]byte{0x11, byte(pick(m, 0, 9, 0x65))}, pick(m, 1, 2, m.IntN(1<<16)))
	b = m.u16(b, m.IntN(1500))
	if m.IntN(2) == 0 {
		return append(m.u16(b, 0x21), m.ipv4(0)...)
	}
	return append(m.u16(b, 0x57), m.ipv6(0)...)
}

func (m *maker) llc() []byte {
	switch m.IntN(4) {
	case 0:
		return append([]byte{0x42, 0x42, 3}, m.bytes(35)...) // spanning tree
	case 1:
		return append([]byte{0xaa, 0xaa, 3, 0, 0, 0}, m.u16(m.u16(nil, 0x800), m.IntN(1<<16))...)
	case 2:
		return append([]byte{0xfe, 0xfe, 3, byte(pick(m, 0x81, 0x82, 0x83))}, m.bytes(20)...)
	}
	return append([]byte{0xff, 0xff}, m.bytes(30)...)
}

// SeccompData makes n records of struct seccomp_data of a little-endian machine, the same for the same n: system calls of small
// numbers, with arguments of all kinds.
func SeccompData(n int) [][]byte {
	m := &maker{newRand(2)}
	all := make([][]byte, n)
	for i := range all {
		b := binary.LittleEndian.AppendUint32(nil, uint32(pick(m, m.IntN(400), m.IntN(400), 0x40000000|m.IntN(400), int(m.Uint32()))))
		b = binary.LittleEndian.AppendUint32(b, pick(m, 0xc000003e, 0xc000003e, 0xc000003e, 0x40000003, 0xc00000b7, m.Uint32()))
		b = binary.LittleEndian.AppendUint64(b, m.Uint64()>>16)
		for range 6 {
			b = binary.LittleEndian.AppendUint64(b, pick(m, uint64(m.IntN(16)), uint64(m.IntN(1<<16)), 1<<m.IntN(64), m.Uint64(), -uint64(m.IntN(16)), uint64(m.Uint32())))
		}
		all[i] = b
	}
	return all
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
