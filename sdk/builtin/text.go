package builtin

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/obj"
)

// NameError says that a name in an input is not text.
type NameError struct {
	File, What, Name string
}

// Error is one line.
func (e *NameError) Error() string {
	return fmt.Sprintf("%s: the name of a %s, %q, is not UTF-8; is the file damaged?", e.File, e.What, e.Name)
}

// checkText makes the object's text fit for every wire and terminal: what is
// only shown, the source lines, loses bytes that are not UTF-8 (sources may be
// Latin-1); a name that has such bytes is refused, as another name would mean something else.
func checkText(o *obj.Object) error {
	for i := range o.Programs {
		cleanLines(o.Programs[i].Lines)
	}
	var bad *NameError
	eachName(o, func(what, name string) {
		if bad == nil && !utf8.ValidString(name) {
			bad = &NameError{o.Name, what, name}
		}
	})
	if bad != nil {
		return bad
	}
	o.License = strings.ToValidUTF8(o.License, "\ufffd")
	return nil
}

func cleanLines(lines []obj.Line) {
	for i := range lines {
		l := &lines[i]
		l.Text, l.File = strings.ToValidUTF8(l.Text, "\ufffd"), strings.ToValidUTF8(l.File, "\ufffd")
	}
}

// eachName calls f with every name that means something.
func eachName(o *obj.Object, f func(what, name string)) {
	for _, p := range o.Programs {
		f("program", p.Name)
		f("section", p.Section)
		for _, r := range p.Refs {
			f("symbol", r.Name)
		}
		for _, fn := range p.Funcs {
			f("function", fn.Name)
		}
	}
	for _, m := range o.Maps {
		f("map", m.Name)
	}
	for _, d := range o.Data {
		f("section", d.Name)
		for _, s := range d.Symbols {
			f("variable", s.Name)
		}
	}
}
