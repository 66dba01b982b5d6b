package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// Maps as JSON. A map is an object as --dump-maps prints it, all that it prints, the list of its entries, or an object of values by their
// keys. An entry is {"key": K, "value": V}; in a list the value alone has its index as key. Maps without keys, queues and
// stacks, have values in the order in which they are pushed. K and V are as values.go has them if the object says of which
// types they are, and else a string of hex digits, a list of bytes, or a number, which is stored little-endian in the size
// that the map has. How the kinds of maps differ is in mapform.go. Data sections are maps of one entry, whose value is an
// object of variables; it may name some of them, which are set before the program is verified.

// mapJSON is one map as it is printed.
type mapJSON struct {
	Type       string      `json:"type"`
	KeySize    uint32      `json:"key_size"`
	ValueSize  uint32      `json:"value_size"`
	MaxEntries uint32      `json:"max_entries"`
	Entries    []entryJSON `json:"entries"`
	// Records are those of a ring buffer.
	Records []json.RawMessage `json:"records,omitempty"`
}

type entryJSON struct {
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// mapFile is one --map: what the file says, and the map of the object that it is for.
type mapFile struct {
	name, file string
	entries    []entryJSON
}

// mapFiles reads the files of --map.
func (a *app) mapFiles(ctx context.Context, args []string) (files []mapFile, err error) {
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=@")
		if !ok {
			return nil, usage("--map %q: it is NAME=@FILE.json", arg)
		}
		b, err := a.readBytes(ctx, file)
		if err != nil {
			return nil, err
		}
		entries, err := parseEntries(dumped(b, name))
		if err != nil {
			return nil, usage("--map %s: %s: %v", name, file, err)
		}
		files = append(files, mapFile{name, file, entries})
	}
	return files, nil
}

// dumped is the map called name if text is what a run with --dump-maps has printed, else text.
func dumped(text []byte, name string) []byte {
	var run struct {
		Schema string
		Maps   map[string]json.RawMessage
	}
	if json.Unmarshal(text, &run) == nil && run.Schema == runSchema && run.Maps[name] != nil {
		return run.Maps[name]
	}
	return text
}

// wrong says what is wrong with an entry.
func (m *mapFile) wrong(i int, err error) error {
	return usage("--map %s: %s: entry %d: %v", m.name, m.file, i, err)
}

// mapIndex is the map of the object called name, -1 if there is none.
func mapIndex(o *obj.Object, name string) int {
	return slices.IndexFunc(o.Maps, func(m abi.MapSpec) bool { return m.Name == name })
}

// dataIndex is the data section called name, -1 if there is none.
func dataIndex(o *obj.Object, name string) int {
	return slices.IndexFunc(o.Data, func(d obj.Data) bool { return d.Name == name })
}

// setData changes the data sections of an object as --map says, and returns the files that are for maps.
func setData(o *obj.Object, files []mapFile) (maps []mapFile, err error) {
	for i := range files {
		m := &files[i]
		if at := dataIndex(o, m.name); at >= 0 {
			if err := setSection(o, at, m); err != nil {
				return nil, err
			}
			continue
		}
		if mapIndex(o, m.name) < 0 {
			return nil, noMap(o, m.name)
		}
		maps = append(maps, *m)
	}
	return maps, nil
}

func noMap(o *obj.Object, name string) error {
	var names []string
	for i := range o.Maps {
		names = append(names, o.Maps[i].Name)
	}
	for i := range o.Data {
		names = append(names, o.Data[i].Name)
	}
	if len(names) == 0 {
		return usage("--map %s: the program has no maps and no data sections", name)
	}
	return usage("--map %s: the program has %s", name, strings.Join(names, ", "))
}

// setSection changes one data section.
func setSection(o *obj.Object, at int, m *mapFile) error {
	bytes := slices.Clone(o.Data[at].Bytes)
	for i, e := range m.entries {
		key := make([]byte, indexSize)
		err := parseBytes(keyNumber(e.Key, indexSize), key)
		switch {
		case err != nil:
			return m.wrong(i, err)
		case word(key) != 0:
			return m.wrong(i, fmt.Errorf("a data section has one entry, 0"))
		}
		if err := parseSection(o, at, e.Value, bytes); err != nil {
			return m.wrong(i, err)
		}
	}
	o.Data[at].Bytes = bytes
	return nil
}

// indexSize is the size of an array's key in bytes.
const indexSize = 4

// parseSection reads the value of a data section: an object of some of its variables, or all bytes.
func parseSection(o *obj.Object, at int, raw json.RawMessage, to []byte) error {
	if raw[0] != '{' {
		return parseBytes(raw, to)
	}
	return eachMember(raw, func(name string, value json.RawMessage) error {
		for i, s := range o.Data[at].Symbols {
			if s.Name != name {
				continue
			}
			b := to[s.Offset:][:variableSize(&o.Data[at], i)]
			clear(b)
			if err := parseValue(variableType(o, at, i), value, b); err != nil {
				return fmt.Errorf("variable %s: %w", name, err)
			}
			return nil
		}
		return fmt.Errorf("there is no variable %q in %s", name, o.Data[at].Name)
	})
}

// variableSize is the size of a variable; one that does not say it reaches to the next.
func variableSize(d *obj.Data, symbol int) uint32 {
	s := d.Symbols[symbol]
	if s.Size > 0 {
		return s.Size
	}
	end := uint32(len(d.Bytes))
	for _, other := range d.Symbols {
		if other.Offset > s.Offset {
			end = min(end, other.Offset)
		}
	}
	return end - s.Offset
}

// variableType is the type of a variable, nil if it is not known.
func variableType(o *obj.Object, at, symbol int) *obj.Type {
	if at >= len(o.DataTypes) || symbol >= len(o.DataTypes[at]) {
		return nil
	}
	return o.DataTypes[at][symbol]
}

// sectionJSON is the value of a data section: its variables, if their types are known, else its bytes.
func sectionJSON(o *obj.Object, at int, b []byte) json.RawMessage {
	if at >= len(o.DataTypes) || len(o.DataTypes[at]) == 0 {
		return hexJSON(b)
	}
	var out objectJSON
	seen := map[string]bool{}
	for i, s := range o.Data[at].Symbols {
		if end := uint64(s.Offset) + uint64(s.Size); !seen[s.Name] && end <= uint64(len(b)) {
			out.add(s.Name, valueJSON(variableType(o, at, i), b[s.Offset:end]))
		}
		seen[s.Name] = true
	}
	return out.json()
}

// parseEntries reads a map.
func parseEntries(b []byte) ([]entryJSON, error) {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		return parseMapObject(b)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	return parseEntryList(list)
}

// parseMapObject reads an object with entries, or one of values by their keys.
func parseMapObject(b []byte) (entries []entryJSON, err error) {
	var m struct{ Entries json.RawMessage }
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m.Entries != nil {
		var list []json.RawMessage
		if err := json.Unmarshal(m.Entries, &list); err != nil {
			return nil, err
		}
		return parseEntryList(list)
	}
	err = eachMember(b, func(key string, value json.RawMessage) error {
		entries = append(entries, entryJSON{textJSON(key), value})
		return nil
	})
	return entries, err
}

func parseEntryList(list []json.RawMessage) ([]entryJSON, error) {
	entries := make([]entryJSON, len(list))
	for i, raw := range list {
		if !isEntry(raw) {
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

// isEntry tells an entry from a value that is an object.
func isEntry(raw json.RawMessage) bool {
	var e map[string]json.RawMessage
	if json.Unmarshal(raw, &e) != nil {
		return false
	}
	_, key := e["key"]
	_, value := e["value"]
	return len(e) == 2 && key && value || len(e) == 1 && (key || value)
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
		return nil, fmt.Errorf("%d bytes are given, there are %d", len(b), size)
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

// opened is a map in the session.
type opened struct {
	spec abi.MapSpec
	id   uint32 // by which maps of maps know it; 0 for data sections
}

// openMaps lists the maps of the session, data sections among them.
func (r *running) openMaps(ctx context.Context) (list []opened, err error) {
	results, err := r.session.Maps(ctx, []codegen.MapOp{{Kind: codegen.MapList, Prog: r.id}})
	if err != nil {
		return nil, err
	}
	for _, e := range results[0].Entries {
		list = append(list, opened{e.Map, uint32(word(e.Value[:min(len(e.Value), 4)]))})
	}
	return list, nil
}

// putMaps stores what --map says.
func (r *running) putMaps(ctx context.Context, files []mapFile) error {
	if len(files) == 0 {
		return nil
	}
	var ops []codegen.MapOp
	for i := range files {
		more, err := r.mapOps(&files[i])
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

// mapOps are the operations that one --map asks for.
func (r *running) mapOps(m *mapFile) (ops []codegen.MapOp, err error) {
	form := r.form(r.object.Maps[mapIndex(r.object, m.name)])
	for i, e := range m.entries {
		op := codegen.MapOp{Kind: codegen.MapPut, Prog: r.id, Map: m.name}
		if form.keyless() {
			op.Kind = codegen.MapPush
		} else if op.Key, err = form.parseKey(e.Key); err != nil {
			return nil, m.wrong(i, fmt.Errorf("key: %w", err))
		}
		if op.Value, err = form.parseValue(e.Value); err != nil {
			return nil, m.wrong(i, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// dumpMaps reads all maps and data sections.
func (r *running) dumpMaps(ctx context.Context) (map[string]mapJSON, error) {
	var ops []codegen.MapOp
	for i := range r.open {
		ops = append(ops, codegen.MapOp{Kind: r.form(r.open[i].spec).reading(), Prog: r.id, Map: r.open[i].spec.Name})
	}
	results, err := r.session.Maps(ctx, ops)
	if err != nil {
		return nil, err
	}
	out := map[string]mapJSON{}
	for i := range r.open {
		out[r.open[i].spec.Name] = r.mapJSON(&r.open[i].spec, results[i].Entries)
	}
	return out, nil
}

func (r *running) mapJSON(s *abi.MapSpec, entries []codegen.MapEntry) mapJSON {
	form := r.form(*s)
	m := mapJSON{Type: mapType(r.set, *s), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries, Entries: []entryJSON{}}
	form.order(entries)
	at := dataIndex(r.object, s.Name)
	for _, e := range entries {
		switch {
		case form.reading() == codegen.MapConsume:
			m.Records = append(m.Records, hexJSON(e.Value))
		case at >= 0:
			m.Entries = append(m.Entries, entryJSON{hexJSON(e.Key), sectionJSON(r.object, at, e.Value)})
		default:
			m.Entries = append(m.Entries, entryJSON{form.keyJSON(e.Key), form.valueJSON(e.Value)})
		}
	}
	return m
}

// mapType is the name of a map's kind, its number if no set declares it.
func mapType(set *abi.Set, s abi.MapSpec) string {
	if set != nil && set.MapKind(s.Type) != nil {
		return set.MapKind(s.Type).Name
	}
	if s.Type == abi.MapTypeArray {
		return "array"
	}
	return strconv.FormatUint(uint64(s.Type), 10)
}

func hexJSON(b []byte) json.RawMessage { return fmt.Appendf(nil, "\"%x\"", b) }

// printMaps prints all maps that were dumped: a line for each entry, variable or record.
func (r *running) printMaps(w io.Writer) {
	for _, name := range sortedKeys(r.maps) {
		m := r.maps[name]
		for _, e := range m.Entries {
			if dataIndex(r.object, name) >= 0 && e.Value[0] == '{' {
				_ = eachMember(e.Value, func(variable string, v json.RawMessage) error {
					_, err := fmt.Fprintf(w, "%s %s = %s\n", name, variable, bareText(v))
					return err
				})
				continue
			}
			fmt.Fprintf(w, "%s[%s] = %s\n", name, bareText(e.Key), bareText(e.Value))
		}
		for _, v := range m.Records {
			fmt.Fprintf(w, "%s record %s\n", name, bareText(v))
		}
	}
}

func bareText(m json.RawMessage) string {
	if text, err := strconv.Unquote(string(m)); err == nil {
		return text
	}
	return string(m)
}
