package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Maps as JSON. A map is an object as --dump-maps prints it, or the list of its
// entries; an entry is {"key": K, "value": V}, or in a list the value alone,
// whose key is its index. K and V are a string of hex digits, a list of bytes,
// or a number, which is stored little-endian in the size that the map has.
// Data sections are maps of one entry.

// mapJSON is one map as it is printed.
type mapJSON struct {
	Type       string      `json:"type"`
	KeySize    uint32      `json:"key_size"`
	ValueSize  uint32      `json:"value_size"`
	MaxEntries uint32      `json:"max_entries"`
	Entries    []entryJSON `json:"entries"`
}

type entryJSON struct {
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// mapType is the name of a map's kind, its number if no set declares it.
func mapType(set *abi.Set, spec abi.MapSpec) string {
	if set != nil && set.MapKind(spec.Type) != nil {
		return set.MapKind(spec.Type).Name
	}
	if spec.Type == abi.MapTypeArray {
		return "array"
	}
	return strconv.FormatUint(uint64(spec.Type), 10)
}

// specs lists the maps of the program, data sections among them.
func (r *running) specs(ctx context.Context) ([]abi.MapSpec, error) {
	results, err := r.session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapList, Prog: r.id}})
	if err != nil {
		return nil, err
	}
	var specs []abi.MapSpec
	for _, e := range results[0].Entries {
		specs = append(specs, e.Map)
	}
	return specs, nil
}

// putMaps stores what --map says. read returns the content of a file.
func (r *running) putMaps(ctx context.Context, args []string, read func(name string) ([]byte, error)) error {
	if len(args) == 0 {
		return nil
	}
	specs, err := r.specs(ctx)
	if err != nil {
		return err
	}
	var ops []codegen.MapOp
	for _, arg := range args {
		more, err := mapOps(arg, specs, r.id, read)
		if err != nil {
			return err
		}
		ops = append(ops, more...)
	}
	results, err := r.session.Maps(ctx, ops)
	if err != nil {
		return err
	}
	for i, res := range results {
		if res.Err != "" {
			return usage("--map %s: key %x cannot be set: %s", ops[i].Map, ops[i].Key, res.Err)
		}
	}
	return nil
}

// mapOps reads one --map.
func mapOps(arg string, specs []abi.MapSpec, id codegen.ProgID, read func(name string) ([]byte, error)) ([]codegen.MapOp, error) {
	name, file, ok := strings.Cut(arg, "=@")
	if !ok {
		return nil, usage("--map %q: it is NAME=@FILE.json", arg)
	}
	spec, err := findMap(name, specs)
	if err != nil {
		return nil, err
	}
	b, err := read(file)
	if err != nil {
		return nil, err
	}
	entries, err := parseEntries(b)
	if err != nil {
		return nil, usage("--map %s: %s: %v", name, file, err)
	}
	var ops []codegen.MapOp
	for i, e := range entries {
		op := codegen.MapOp{Kind: codegen.MapPut, Prog: id, Map: name}
		if op.Key, err = mapBytes(e.Key, spec.KeySize); err == nil {
			op.Value, err = mapBytes(e.Value, spec.ValueSize)
		}
		if err != nil {
			return nil, usage("--map %s: %s: entry %d: %v", name, file, i, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func findMap(name string, specs []abi.MapSpec) (abi.MapSpec, error) {
	var names []string
	for _, s := range specs {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return abi.MapSpec{}, usage("--map %s: the program has no maps and no data sections", name)
	}
	return abi.MapSpec{}, usage("--map %s: the program has %s", name, strings.Join(names, ", "))
}

// parseEntries reads a map object or a list of entries.
func parseEntries(b []byte) ([]entryJSON, error) {
	var list []json.RawMessage
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '{' {
		var m struct{ Entries []json.RawMessage }
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, err
		}
		list = m.Entries
	} else if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	entries := make([]entryJSON, len(list))
	for i, raw := range list {
		if raw[0] != '{' {
			entries[i] = entryJSON{json.RawMessage(strconv.Itoa(i)), raw}
			continue
		}
		if err := json.Unmarshal(raw, &entries[i]); err != nil {
			return nil, err
		}
		if entries[i].Key == nil || entries[i].Value == nil {
			return nil, fmt.Errorf("entry %d has no key or no value", i)
		}
	}
	return entries, nil
}

// mapBytes reads a key or value of size bytes.
func mapBytes(raw json.RawMessage, size uint32) ([]byte, error) {
	var b []byte
	switch raw[0] {
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		var err error
		if b, err = parseHex("hex", text); err != nil {
			return nil, err
		}
	case '[':
		var list []uint8numbers
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("a list holds bytes, 0 to 255: %w", err)
		}
		for _, v := range list {
			b = append(b, byte(v))
		}
	default:
		return numberBytes(string(raw), size)
	}
	if uint64(len(b)) != uint64(size) {
		return nil, fmt.Errorf("%d bytes are given, the map has %d", len(b), size)
	}
	return b, nil
}

// uint8numbers keeps encoding/json from reading a list of bytes as base64.
type uint8numbers uint8

// numberBytes stores a number little-endian in size bytes; it must fit.
func numberBytes(text string, size uint32) ([]byte, error) {
	v, err := parseNumber(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no 64-bit number; write hex digits or a list of bytes", text)
	}
	b := make([]byte, max(int(size), 8))
	binary.LittleEndian.PutUint64(b, v)
	if negative := strings.HasPrefix(text, "-"); negative {
		for i := 8; i < len(b); i++ {
			b[i] = 0xff
		}
	}
	if size < 8 && !fits(v, size*8, strings.HasPrefix(text, "-")) {
		return nil, fmt.Errorf("%s does not fit into %d bytes", text, size)
	}
	return b[:size], nil
}

func fits(v uint64, bits uint32, negative bool) bool {
	if negative {
		return int64(v) >= -1<<(bits-1)
	}
	return v < 1<<bits
}

// parseNumber reads a 64-bit number, signed or not, in any base of Go.
func parseNumber(text string) (uint64, error) {
	if v, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(v), nil
	}
	return strconv.ParseUint(text, 0, 64)
}

// dumpMaps reads all maps and data sections.
func (r *running) dumpMaps(ctx context.Context) (map[string]mapJSON, error) {
	specs, err := r.specs(ctx)
	if err != nil {
		return nil, err
	}
	var ops []codegen.MapOp
	for _, s := range specs {
		ops = append(ops, codegen.MapOp{Kind: codegen.MapIterate, Prog: r.id, Map: s.Name})
	}
	results, err := r.session.Maps(ctx, ops)
	if err != nil {
		return nil, err
	}
	out := map[string]mapJSON{}
	for i, s := range specs {
		m := mapJSON{Type: mapType(nil, s), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries, Entries: []entryJSON{}}
		for _, e := range results[i].Entries {
			m.Entries = append(m.Entries, entryJSON{hexJSON(e.Key), hexJSON(e.Value)})
		}
		out[s.Name] = m
	}
	return out, nil
}

func hexJSON(b []byte) json.RawMessage { return fmt.Appendf(nil, "\"%x\"", b) }

// printMaps prints the entries of all maps that were dumped.
func (r *running) printMaps(w io.Writer) {
	for _, name := range sortedKeys(r.maps) {
		for _, e := range r.maps[name].Entries {
			fmt.Fprintf(w, "%s[%s] = %s\n", name, bareText(e.Key), bareText(e.Value))
		}
	}
}

func bareText(m json.RawMessage) string {
	if text, err := strconv.Unquote(string(m)); err == nil {
		return text
	}
	return string(m)
}
