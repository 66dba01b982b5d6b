package tracing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// Format is the context of one tracepoint, from the text of its file "format" in
// tracefs (events/GROUP/NAME/format): the fields by name, and all aligned
// accesses to the record that Linux allows, until the last field's end. The
// fields common to all tracepoints lie in the first 8 bytes, which programs may
// not read, and are left out. An error names the line.
func Format(text string) (abi.Context, error) {
	name, fields := "", []abi.Field(nil)
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(line, "name:"); ok {
			name = strings.TrimSpace(n)
		}
		decl, ok := strings.CutPrefix(line, "field:")
		if !ok {
			continue
		}
		f, err := formatField(decl)
		if err != nil {
			return abi.Context{}, fmt.Errorf("tracepoint format, line %d: %w", i+1, err)
		}
		if f.Offset >= word && f.Size > 0 {
			fields = append(fields, f)
		}
	}
	if name == "" {
		return abi.Context{}, fmt.Errorf("tracepoint format: there is no line \"name:\": give the text of a file events/GROUP/NAME/format of tracefs")
	}
	return recordOf(name, fields), nil
}

// RecordPrefix and the name of a tracepoint's class are the name of the structure in the kernel.
const RecordPrefix = "trace_event_raw_"

// recordOf is the context of a record with fields: Linux looks at the record's
// size alone, so accesses to several fields at once are legal too.
func recordOf(name string, fields []abi.Field) abi.Context {
	end := uint32(word)
	for _, f := range fields {
		end = max(end, f.Offset+f.Size)
	}
	if end >= 2*word {
		fields = append(fields, abi.Field{Name: "record", Offset: word, Size: end&^(word-1) - word, Unit: word, Narrow: true})
	}
	for at, size := end&^(word-1), uint32(word/2); size > 0; size /= 2 { // what is left of a word
		if end&size != 0 && end > word {
			fields = append(fields, abi.Field{Name: fmt.Sprintf("record_%d", at), Offset: at, Size: size, Unit: size, Narrow: true})
			at += size
		}
	}
	return layout(RecordPrefix+name, int(end), fields...)
}

// formatField parses what follows "field:": a C declaration, then "; offset:N; size:N; signed:N;".
func formatField(line string) (abi.Field, error) {
	decl, rest, ok := strings.Cut(line, ";")
	if !ok {
		return abi.Field{}, fmt.Errorf("field %q does not end in a semicolon", line)
	}
	name, count := declared(decl)
	if name == "" {
		return abi.Field{}, fmt.Errorf("%q declares no field", decl)
	}
	offset, err := attribute(rest, "offset")
	if err != nil {
		return abi.Field{}, fmt.Errorf("field %s: %w", name, err)
	}
	size, err := attribute(rest, "size")
	if err != nil {
		return abi.Field{}, fmt.Errorf("field %s: %w", name, err)
	}
	sign, _ := attribute(rest, "signed")
	if offset+size > maxRecord {
		return abi.Field{}, fmt.Errorf("field %s ends at byte %d; records have at most %d", name, offset+size, maxRecord)
	}
	f := recordField(name, offset, size, count)
	f.Signed = sign == 1
	return f, nil
}

// recordField is a field of a record: of count elements, 0 if that is not known.
func recordField(name string, offset, size, count uint32) abi.Field {
	unit := size
	if count > 0 && size%count == 0 {
		unit = size / count
	}
	if unit > word || unit&(unit-1) != 0 {
		unit = 1
	}
	return abi.Field{Name: name, Offset: offset, Size: size, Unit: unit, Narrow: true}
}

// declared returns the name that a C declaration declares, and the number of
// elements of an array: "char comm[16]" is comm, 16; "__data_loc char[] name" is name, 0.
func declared(decl string) (name string, count uint32) {
	decl = strings.TrimSpace(decl)
	if d, bounds, ok := strings.Cut(decl, "["); ok && strings.HasSuffix(bounds, "]") {
		decl = d
		if n, err := strconv.ParseUint(strings.TrimSuffix(bounds, "]"), 10, 16); err == nil {
			count = uint32(n)
		}
	}
	return decl[strings.LastIndexAny(decl, " \t*]")+1:], count
}

// attribute returns the number of "NAME:number" in a list that semicolons separate.
func attribute(list, name string) (uint32, error) {
	for item := range strings.SplitSeq(list, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(item), name+":"); ok {
			n, err := strconv.ParseUint(v, 10, 16)
			if err != nil {
				return 0, fmt.Errorf("%s %q is not a number from 0 to 65535", name, v)
			}
			return uint32(n), nil
		}
	}
	return 0, fmt.Errorf("there is no %q", name+":")
}
