package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// What distinguishes the kinds of maps as JSON.

// Map types whose keys or values have a form of their own (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
const (
	mapProgArray    = 3
	mapLPMTrie      = 11
	mapHashOfMaps   = 13
	mapSockHash     = 18
	mapPerCPUCgroup = 21
	mapQueue        = 22
	mapStack        = 23
	mapDevMapHash   = 25
	mapRingBuf      = 27
	mapBloomFilter  = 30
)

// mapTraits says what is special about a kind of map.
type mapTraits struct {
	perCPU   bool // values are lists, of one value for each CPU
	maps     bool // values are names of maps
	programs bool // values are names of programs
	prefixes bool // keys are prefixes
	keyless  bool
	newest   bool // they come with the newest first
	records  bool
	hashed   bool // keys have no order of their own
}

var traits = map[uint32]mapTraits{
	abi.MapTypeHash:          {hashed: true},
	abi.MapTypeLRUHash:       {hashed: true},
	mapSockHash:              {hashed: true},
	mapDevMapHash:            {hashed: true},
	mapProgArray:             {programs: true},
	abi.MapTypePerCPUHash:    {perCPU: true, hashed: true},
	abi.MapTypePerCPUArray:   {perCPU: true},
	abi.MapTypeLRUPerCPUHash: {perCPU: true, hashed: true},
	mapPerCPUCgroup:          {perCPU: true},
	mapLPMTrie:               {prefixes: true},
	abi.MapTypeArrayOfMaps:   {maps: true},
	mapHashOfMaps:            {maps: true, hashed: true},
	mapQueue:                 {keyless: true},
	mapStack:                 {keyless: true, newest: true},
	mapBloomFilter:           {keyless: true},
	mapRingBuf:               {keyless: true, records: true},
}

// mapForm is how keys and values of a map are written.
type mapForm struct {
	mapTraits
	run   *running
	spec  abi.MapSpec
	types obj.MapTypes
}

// form is that of a map.
func (r *running) form(s abi.MapSpec) *mapForm {
	f := &mapForm{mapTraits: traits[s.Type], run: r, spec: s}
	if i := mapIndex(r.object, s.Name); i >= 0 && i < len(r.object.MapTypes) {
		f.types = r.object.MapTypes[i]
	}
	return f
}

func (f *mapForm) keyless() bool { return f.mapTraits.keyless }

// order brings entries into the order in which they are printed: values as they were pushed, keys ascending.
func (f *mapForm) order(entries []codegen.MapEntry) {
	switch {
	case f.newest:
		slices.Reverse(entries)
	case f.hashed && f.spec.KeySize <= 8:
		slices.SortFunc(entries, func(a, b codegen.MapEntry) int { return cmp.Compare(word(a.Key), word(b.Key)) })
	case f.hashed:
		slices.SortFunc(entries, func(a, b codegen.MapEntry) int { return bytes.Compare(a.Key, b.Key) })
	}
}

// reading is the operation that gives what is in the map.
func (f *mapForm) reading() codegen.MapOpKind {
	if f.records {
		return codegen.MapConsume
	}
	return codegen.MapIterate
}

func (f *mapForm) keyJSON(b []byte) json.RawMessage {
	switch {
	case f.keyless():
		return json.RawMessage("null")
	case f.prefixes:
		if p, ok := prefixOf(b); ok {
			return textJSON(p)
		}
	case (f.programs || f.maps) && len(b) <= 8:
		return numberJSON(b, false)
	}
	return valueJSON(f.types.Key, b)
}

// prefixSize is the size of the length before the bits of a prefix (struct bpf_lpm_trie_key_u8).
const prefixSize = 4

// prefixOf is the key of an LPM trie as a prefix of IP addresses, if it has their size.
func prefixOf(b []byte) (string, bool) {
	if len(b) <= prefixSize {
		return "", false
	}
	addr, ok := netip.AddrFromSlice(b[prefixSize:])
	bits := binary.LittleEndian.Uint32(b)
	if !ok || bits > uint32(addr.BitLen()) {
		return "", false
	}
	return fmt.Sprintf("%v/%d", addr, bits), true
}

// parsePrefix reads a prefix of IP addresses into the key of an LPM trie.
func parsePrefix(text string, b []byte) bool {
	p, err := netip.ParsePrefix(text)
	if err != nil || len(b) != prefixSize+p.Addr().BitLen()/8 {
		return false
	}
	binary.LittleEndian.PutUint32(b, uint32(p.Bits()))
	copy(b[prefixSize:], p.Addr().AsSlice())
	return true
}

func (f *mapForm) parseKey(raw json.RawMessage) ([]byte, error) {
	b := make([]byte, f.spec.KeySize)
	var text string
	if f.prefixes && json.Unmarshal(raw, &text) == nil && parsePrefix(text, b) {
		return b, nil
	}
	if f.numberKey() {
		raw = keyNumber(raw, len(b))
	}
	return b, parseValue(f.types.Key, raw, b)
}

// keyNumber is the number that a key of an object stands for: there, keys are strings. Digits for all size bytes are hex.
func keyNumber(raw json.RawMessage, size int) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) != nil || len(text) == 2*size {
		return raw
	}
	if _, err := parseNumber(text); err != nil {
		return raw
	}
	return json.RawMessage(text)
}

// numberKey reports whether keys are numbers.
func (f *mapForm) numberKey() bool {
	k := f.types.Key
	return k == nil && f.spec.KeySize <= 8 || k != nil && (k.Kind == obj.TypeUnsigned || k.Kind == obj.TypeSigned)
}

// cell is the room of one CPU's value.
func (f *mapForm) cell() int { return int(f.spec.Stride()) }

func (f *mapForm) valueJSON(b []byte) json.RawMessage {
	switch {
	case f.perCPU:
		var l listJSON
		for n := f.cell(); n > 0 && len(b) >= n; b = b[n:] {
			l.add(valueJSON(f.types.Value, b[:f.spec.ValueSize]))
		}
		return l.json()
	case f.maps:
		if i := slices.IndexFunc(f.run.open, func(o opened) bool { return uint64(o.id) == word(b) }); i >= 0 && word(b) > 0 {
			return textJSON(f.run.open[i].spec.Name)
		}
	case f.programs:
		for _, name := range sortedKeys(f.run.programs) {
			if uint64(f.run.programs[name]) == word(b) {
				return textJSON(name)
			}
		}
	}
	return valueJSON(f.types.Value, b)
}

func (f *mapForm) parseValue(raw json.RawMessage) ([]byte, error) {
	switch {
	case f.records:
		return nil, fmt.Errorf("a map of type %s is filled by programs alone", mapType(f.run.set, f.spec))
	case f.perCPU:
		return f.parseCPUs(raw)
	case f.maps || f.programs:
		return f.parseObject(raw)
	}
	b := make([]byte, f.spec.ValueSize)
	return b, parseValue(f.types.Value, raw, b)
}

// parseCPUs reads the values of all CPUs; those that are not given are 0.
func (f *mapForm) parseCPUs(raw json.RawMessage) ([]byte, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("it is a list of values, one for each CPU")
	}
	if len(list) > f.run.cpus {
		return nil, fmt.Errorf("%d values are given, there are %d CPUs", len(list), f.run.cpus)
	}
	b := make([]byte, f.run.cpus*f.cell())
	for i, v := range list {
		if err := parseValue(f.types.Value, v, b[i*f.cell():][:f.spec.ValueSize]); err != nil {
			return nil, fmt.Errorf("CPU %d: %w", i, err)
		}
	}
	return b, nil
}

// parseObject reads the name of a program or a map: its number is what the map holds.
func (f *mapForm) parseObject(raw json.RawMessage) ([]byte, error) {
	name, err := strconv.Unquote(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: it is the name of a program or a map of the object", raw)
	}
	if id, ok := f.run.programs[name]; ok && f.programs {
		return binary.LittleEndian.AppendUint32(nil, uint32(id)), nil
	}
	if i := slices.IndexFunc(f.run.open, func(o opened) bool { return o.spec.Name == name }); i >= 0 && f.maps && f.run.open[i].id > 0 {
		return binary.LittleEndian.AppendUint32(nil, f.run.open[i].id), nil
	}
	return nil, fmt.Errorf("there is no program or map of the name %q that it could hold", name)
}
