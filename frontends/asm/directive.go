package asm

import (
	"math"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// arg is one of the operands of a directive, which commas separate.
type arg struct {
	text string
	col  int
}

// directiveFunc carries out a directive. col is where the directive begins.
type directiveFunc func(p *parser, args []arg, col int) *fault

// directiveFor returns the function of a directive; nil, true for those that
// say nothing that a program needs.
func directiveFor(name string) (directiveFunc, bool) {
	switch name {
	case ".program":
		return (*parser).beginProgram, true
	case ".license":
		return (*parser).license, true
	case ".map":
		return (*parser).mapDef, true
	case ".section":
		return (*parser).section, true
	case ".text", ".data", ".bss", ".rodata":
		return func(p *parser, _ []arg, _ int) *fault { return p.openSection(name, "", false) }, true
	case ".globl", ".global", ".weak":
		return (*parser).globl, true
	case ".type":
		return (*parser).symbolType, true
	case ".size":
		return (*parser).size, true
	case ".comm", ".lcomm":
		return (*parser).comm, true
	case ".p2align", ".align", ".balign":
		return func(p *parser, args []arg, col int) *fault { return p.align(args, col, name == ".p2align") }, true
	case ".ascii", ".asciz", ".string":
		return func(p *parser, args []arg, col int) *fault { return p.text(args, col, name != ".ascii") }, true
	case ".zero", ".space", ".skip":
		return (*parser).zero, true
	}
	if size := numberSizes[name]; size != 0 {
		return func(p *parser, args []arg, col int) *fault { return p.numbers(args, col, size) }, true
	}
	return nil, skipped[name] || strings.HasPrefix(name, ".cfi_")
}

// numberSizes are the directives that define numbers, in bytes.
var numberSizes = map[string]int{
	".byte": 1, ".short": 2, ".hword": 2, ".2byte": 2, ".value": 2, ".long": 4, ".int": 4, ".word": 4, ".4byte": 4, ".quad": 8, ".8byte": 8,
}

// skipped are the directives about debugging, linking and the compiler itself.
var skipped = map[string]bool{
	".file": true, ".loc": true, ".ident": true, ".addrsig": true, ".addrsig_sym": true, ".local": true,
	".hidden": true, ".protected": true, ".internal": true, ".extern": true, ".syntax": true,
}

// directive carries out the directive that a line begins with.
func (p *parser) directive(code string) *fault {
	rest := strings.TrimLeft(code, " \t\r")
	col := len(code) - len(rest)
	n := max(1, wordLen(rest))
	name := rest[:n]
	opens := name == ".section" || name == ".text" || name == ".data" || name == ".bss" || name == ".rodata" || name == ".program"
	if p.ignore && !opens {
		return nil
	}
	f, ok := directiveFor(name)
	switch {
	case !ok:
		return wrong(col, "unknown directive %s", name)
	case f == nil:
		return nil
	}
	return f(p, splitArgs(rest[n:], col+n), col)
}

// splitArgs cuts the operands of a directive at the commas outside quotes.
func splitArgs(s string, col int) []arg {
	var out []arg
	start := 0
	cut := func(end int) {
		text := s[start:end]
		trimmed := strings.TrimLeft(text, " \t")
		out = append(out, arg{strings.TrimRight(trimmed, " \t\r"), col + start + len(text) - len(trimmed)})
		start = end + 1
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += skipString([]byte(s[i:]))
		case ',':
			cut(i)
		}
	}
	if strings.TrimSpace(s[min(start, len(s)):]) != "" || len(out) > 0 {
		cut(len(s))
	}
	return out
}

// name returns an operand that is a name, with or without quotes.
func (a arg) name() (string, *fault) {
	if strings.HasPrefix(a.text, `"`) {
		t, n, f := quoted(a.text)
		if f == nil && n == len(a.text) && t.text != "" {
			return t.text, nil
		}
	} else if a.text != "" && !strings.ContainsAny(a.text, " \t\"") {
		return a.text, nil
	}
	return "", wrong(a.col, "expected a name")
}

// number returns an operand that is a number from low to high.
func (a arg) number(low int64, high uint64) (int64, *fault) {
	tokens, f := lex(a.text, nil)
	if f != nil {
		f.col += a.col
		return 0, f
	}
	v, n, f := signed(tokens, math.MaxUint64)
	negative := len(tokens) > 1 && tokens[0].text == "-"
	switch {
	case f != nil || n == 0 || n != len(tokens):
		return 0, wrong(a.col, "expected a number")
	case negative && v < low, !negative && uint64(v) > high:
		return 0, wrong(a.col, "the number must be from %d to %d", low, high)
	}
	return v, nil
}

// want refuses a wrong number of operands.
func want(args []arg, col, low, high int, form string) *fault {
	if len(args) < low || len(args) > high {
		return wrong(col, "expected %s", form)
	}
	return nil
}

// option splits an operand of the form key=value; a key alone has an empty value.
func (a arg) option() (string, arg) {
	key, value, ok := strings.Cut(a.text, "=")
	if !ok {
		return a.text, arg{"", a.col + len(a.text)}
	}
	return strings.TrimSpace(key), arg{strings.TrimSpace(value), a.col + len(key) + 1}
}

// beginProgram: .program NAME[, section=NAME][, type=NAME][, off] begins a program of its own.
func (p *parser) beginProgram(args []arg, col int) *fault {
	if len(args) == 0 {
		return wrong(col, "expected .program NAME[, section=NAME][, type=NAME][, off]")
	}
	name, f := args[0].name()
	if f != nil {
		return f
	}
	b := &block{name: name, linked: true}
	for _, a := range args[1:] {
		key, value := a.option()
		switch key {
		case "off":
			b.off = true
		case "section":
			b.section, f = value.name()
		case "type":
			b.typ, f = value.name()
		default:
			f = wrong(a.col, "unknown option %s of .program; there are section, type and off", key)
		}
		if f != nil {
			return f
		}
	}
	p.enter(b)
	b.labels[name] = label{line: p.line, implied: true}
	return nil
}

// license: .license "GPL"
func (p *parser) license(args []arg, col int) *fault {
	if f := want(args, col, 1, 1, `.license "TEXT"`); f != nil {
		return f
	}
	name, f := args[0].name()
	p.object.License = name
	return f
}

// mapTypes are the map types by name, in the order of enum bpf_map_type (Linux 6.18), from 1.
var mapTypes = []string{
	"", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array", "stack_trace", "cgroup_array",
	"lru_hash", "lru_percpu_hash", "lpm_trie", "array_of_maps", "hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap",
	"sockhash", "cgroup_storage", "reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack", "sk_storage",
	"devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage", "bloom_filter", "user_ringbuf", "cgrp_storage", "arena",
}

// mapDef: .map NAME, type=KIND, key=N, value=N, entries=N[, flags=N][, inner=NAME][, pinning=N]
func (p *parser) mapDef(args []arg, col int) *fault {
	if len(args) == 0 {
		return wrong(col, "expected .map NAME, type=KIND, key=BYTES, value=BYTES, entries=N")
	}
	name, f := args[0].name()
	if f != nil {
		return f
	}
	if _, ok := p.mapAt[name]; ok {
		return wrong(args[0].col, "the map %s is already defined", name)
	}
	m := abi.MapSpec{Name: name}
	for _, a := range args[1:] {
		if f := p.mapOption(&m, a); f != nil {
			return f
		}
	}
	if m.Type == 0 {
		return wrong(col, "the map %s has no type=", name)
	}
	p.mapAt[name] = len(p.object.Maps)
	p.object.Maps = append(p.object.Maps, m)
	return nil
}

// mapOption sets one option of a map.
func (p *parser) mapOption(m *abi.MapSpec, a arg) *fault {
	key, value := a.option()
	field := map[string]*uint32{
		"key": &m.KeySize, "value": &m.ValueSize, "entries": &m.MaxEntries, "flags": &m.Flags, "pinning": &m.Pinning, "type": &m.Type,
	}[key]
	switch {
	case key == "inner":
		name, f := value.name()
		p.inner = append(p.inner, pendingName{name, p.line, value.col, len(p.object.Maps)})
		return f
	case field == nil:
		return wrong(a.col, "unknown option %s of .map; there are type, key, value, entries, flags, inner and pinning", key)
	case key == "type":
		for i, n := range mapTypes {
			if n == value.text && i > 0 {
				m.Type = uint32(i)
				return nil
			}
		}
	}
	v, f := value.number(0, math.MaxUint32)
	if f != nil && key == "type" {
		return wrong(value.col, "expected a map type: hash, array, … or its number")
	}
	*field = uint32(v)
	return f
}

// mapTypeText writes the type of a map.
func mapTypeText(t uint32) string {
	if t > 0 && int(t) < len(mapTypes) {
		return mapTypes[t]
	}
	return strconv.FormatUint(uint64(t), 10)
}

// section: .section NAME[, "flags"[, …]]
func (p *parser) section(args []arg, col int) *fault {
	if len(args) == 0 {
		return wrong(col, `expected .section NAME[, "FLAGS"]`)
	}
	name, f := args[0].name()
	if f != nil {
		return f
	}
	flags := ""
	if len(args) > 1 {
		if flags, f = args[1].name(); f != nil {
			flags = ""
		}
	}
	return p.openSection(name, flags, len(args) > 1)
}

// ignoredSections begin the names of sections that hold nothing of the program itself.
var ignoredSections = []string{".debug", ".BTF", ".llvm", ".note", ".comment", ".symtab", ".strtab", ".rel", ".eh_frame", "version"}

// openSection continues or begins a section. hasFlags tells whether its flags are known.
func (p *parser) openSection(name, flags string, hasFlags bool) *fault {
	p.cur, p.data, p.ignore = nil, nil, false
	for _, prefix := range ignoredSections {
		if strings.HasPrefix(name, prefix) {
			p.ignore = true
			return nil
		}
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(name, "."), ".")
	known := strings.HasPrefix(name, ".") && (base == "data" || base == "rodata" || base == "bss") || name == "license"
	switch {
	case name == ".maps" || name == "maps":
		return refused(0, "maps in %s cannot be read from assembly, as their definition is in BTF; use .map, or assemble with clang and give the object", name)
	case known || hasFlags && !strings.Contains(flags, "x"):
		p.openData(name, flags)
		return nil
	}
	b := p.sections[name]
	if b == nil {
		b = &block{name: name}
		p.sections[name] = b
	}
	p.enter(b)
	return nil
}

// globl: .globl NAME, …
func (p *parser) globl(args []arg, _ int) *fault { return p.mark(args, p.global) }

// symbolType: .type NAME, @function
func (p *parser) symbolType(args []arg, col int) *fault {
	if f := want(args, col, 2, 2, ".type NAME, @function or @object"); f != nil {
		return f
	}
	if strings.TrimLeft(args[1].text, "@%") != "function" && args[1].text != "STT_FUNC" {
		return nil
	}
	return p.mark(args[:1], p.function)
}

// mark notes names in a set.
func (p *parser) mark(args []arg, set map[string]bool) *fault {
	for _, a := range args {
		name, f := a.name()
		if f != nil {
			return f
		}
		set[name] = true
	}
	return nil
}
