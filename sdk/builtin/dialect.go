package builtin

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/frontends/asm"
)

// Dialects returns the names of the assembly dialects. ClassicDialects are others.
func Dialects() []string {
	var all []string
	for _, d := range asm.Dialects() {
		all = append(all, string(d))
	}
	return all
}

// ParseDialect returns the dialect called name; "" is asm.Auto.
func ParseDialect(name string) (asm.Dialect, error) {
	for _, d := range append(asm.Dialects(), asm.Auto) {
		if string(d) == name {
			return d, nil
		}
	}
	return "", fmt.Errorf("there is no dialect %q: dialects are %s", name, strings.Join(Dialects(), ", "))
}

// Disassemble prints the object's programs in a dialect, as ReadObject reads them back.
func Disassemble(o *obj.Object, dialect string) (string, error) {
	d, err := ParseDialect(dialect)
	if err != nil {
		return "", err
	}
	return asm.Print(o, d)
}
