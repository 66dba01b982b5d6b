package run

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/tests/kernel"
)

// fill is the elements that maps have before the first run. asked are keys that programs have looked for.
func (s *subject) fill(d draw, asked map[string][][]byte) (puts []kernel.Put) {
	for i := range s.object.Slots {
		puts = append(puts, s.slot(i)...)
	}
	for i := range s.object.Maps {
		m := &s.object.Maps[i]
		for _, key := range s.keys(d, m, asked[m.Name]) {
			if p, ok := s.element(d, i, key); ok {
				puts = append(puts, p)
			}
		}
	}
	return puts
}

// slot is an element that the object itself gives a map.
func (s *subject) slot(i int) []kernel.Put {
	x := &s.object.Slots[i]
	p := kernel.Put{Map: x.Map, Key: binary.LittleEndian.AppendUint32(nil, x.Key)}
	if x.Program == "" {
		p.Inner = x.Inner + 1
		return []kernel.Put{p}
	}
	for n, q := range s.programs {
		if q.Name == x.Program {
			p.Program = n + 1
			return []kernel.Put{p}
		}
	}
	return nil
}

// keys are keys to set: half of those that were asked for, and some others.
func (s *subject) keys(d draw, m *abi.MapSpec, asked [][]byte) (keys [][]byte) {
	switch m.Type {
	case mapQueue, mapStack, mapBloomFilter:
		return make([][]byte, d.IntN(3))
	case mapRingBuf, mapPerfEvents:
		return nil
	case mapProgArray, mapDevMap, mapCPUMap, mapArrayOfMaps, mapArray, mapPerCPUArray:
		for range d.IntN(5) {
			keys = append(keys, binary.LittleEndian.AppendUint32(nil, uint32(d.IntN(int(min(m.MaxEntries, 8))+1))))
		}
		if m.Type == mapProgArray {
			for i := range min(m.MaxEntries, 8) {
				keys = append(keys, binary.LittleEndian.AppendUint32(nil, i))
			}
		}
	default:
		for range d.IntN(4) {
			keys = append(keys, s.key(d, m))
		}
	}
	for _, k := range asked {
		if d.IntN(3) > 0 {
			keys = append(keys, slices.Clone(k))
		}
	}
	return keys
}

// key is a key made of what packets are made of.
func (s *subject) key(d draw, m *abi.MapSpec) (key []byte) {
	for len(key) < int(m.KeySize) {
		key = append(key, pick(d, d.address4(), be16(d.port()), []byte{pick(d, byte(0), 1, 6, 17)}, []byte{0, 0, 0, 0}, binary.LittleEndian.AppendUint32(nil, uint32(d.IntN(4))))...)
	}
	key = key[:m.KeySize]
	if m.Type == mapLPMTrie {
		binary.LittleEndian.PutUint32(key, uint32(d.IntN(int(8*m.KeySize-32)+2)))
	}
	return key
}

// element is a value for a key of map i, false if it has none that can be given.
func (s *subject) element(d draw, i int, key []byte) (kernel.Put, bool) {
	m := &s.object.Maps[i]
	p := kernel.Put{Map: i, Key: key}
	switch m.Type {
	case mapProgArray:
		p.Program = 1 + d.IntN(len(s.programs))
		return p, true
	case mapArrayOfMaps, mapHashOfMaps:
		p.Inner = s.inner(d, m)
		return p, p.Inner > 0
	case mapDevMap, mapDevMapHash:
		p.Value = make([]byte, m.ValueSize)
		p.Value[0] = 1
		return p, true
	case mapHash, mapArray, mapPerCPUHash, mapPerCPUArray, mapLRUHash, mapLRUPerCPUHash, mapLPMTrie, mapQueue, mapStack, mapBloomFilter:
		p.Value = d.value(m)
		return p, true
	}
	return p, false
}

// inner is the index plus one of a map that a map of maps may hold.
func (s *subject) inner(d draw, m *abi.MapSpec) int {
	if m.Inner == 0 {
		return 0
	}
	fit := []int{int(m.Inner)}
	t := s.object.Maps[m.Inner-1]
	for i, x := range s.object.Maps {
		x.Name, t.Name = "", ""
		if i+1 != int(m.Inner) && bytes.Equal(shape(&x), shape(&t)) {
			fit = append(fit, i+1)
		}
	}
	return pick(d, fit...)
}

// shape is what maps must have in common with a template.
func shape(m *abi.MapSpec) (b []byte) {
	for _, v := range []uint32{m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// value is a value of a map: small numbers, what packets are made of, anything.
func (d draw) value(m *abi.MapSpec) (v []byte) {
	way := d.IntN(5)
	for len(v) < int(m.ValueSize) {
		switch way {
		case 0:
			v = append(v, 0)
		case 1:
			v = append(v, d.bytes(8)...)
		case 2:
			v = binary.LittleEndian.AppendUint32(v, uint32(d.IntN(4)))
		case 3:
			v = binary.LittleEndian.AppendUint64(v, uint64(d.IntN(2000)))
		default:
			v = append(v, pick(d, d.address4(), be16(d.port()), []byte{1}, []byte{0, 0, 0, 0}, binary.LittleEndian.AppendUint32(nil, uint32(d.IntN(100))))...)
		}
	}
	v = v[:m.ValueSize]
	for _, s := range m.Special {
		clear(v[s.Offset : s.Offset+s.Size])
	}
	return v
}
