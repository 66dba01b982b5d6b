package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
)

// Coverage of source lines, in the format of Go's cover profiles: a block is a source line that has instructions, and its
// count how often it was entered: instructions behind the first of a line's record may be shared with other lines.

// sourceLine is a line of the source.
type sourceLine struct {
	file string
	line int
}

// covered is what a profile says of a line.
type covered struct {
	sourceLine
	from, to int // columns
	count    uint64
}

// profile is the cover profile of all programs that were loaded.
func (r *running) profile() string {
	all := map[sourceLine]*covered{}
	for _, name := range sortedKeys(r.programs) {
		for at, c := range r.linesOf(program(r.object, name)) {
			if known := all[at]; known != nil {
				known.count += c.count
				known.from, known.to = min(known.from, c.from), max(known.to, c.to)
				continue
			}
			all[at] = c
		}
	}
	var list []*covered
	for _, c := range all {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *covered) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	var b strings.Builder
	b.WriteString("mode: count\n")
	for _, c := range list {
		fmt.Fprintf(&b, "%s:%d.%d,%d.%d 1 %d\n", c.file, c.line, c.from, c.line, c.to, c.count)
	}
	return b.String()
}

// linesOf are the source lines of a program. Of several records of a line the one that was entered most counts.
func (r *running) linesOf(p *obj.Program) map[sourceLine]*covered {
	lines := map[sourceLine]*covered{}
	for _, l := range p.Lines {
		c := &covered{sourceLine: sourceLine{l.File, l.Line}, from: max(l.Col, 1)}
		c.to = max(len(l.Text)+1, c.from+1)
		if known := lines[c.sourceLine]; known != nil {
			known.from, known.to = min(known.from, c.from), max(known.to, c.to)
			c = known
		}
		c.count = max(c.count, r.coverage.Count(p.Name, l.Slot))
		lines[c.sourceLine] = c
	}
	return lines
}
