package builtin

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/frontends/cbpf"
)

// classicForms are the forms of classic filters that an extension tells.
var classicForms = map[string]cbpf.Format{".ddd": cbpf.Decimal, ".dd": cbpf.CArray}

func surelyClassic(b []byte) bool {
	_, sure := cbpf.Detect(b)
	return sure
}

// ClassicDialects returns the names of the dialects of classic filters.
func ClassicDialects() []string {
	var all []string
	for d := cbpf.Pcap; d <= cbpf.Seccomp; d++ {
		all = append(all, d.String())
	}
	return all
}

// Kind tells the kind of an input: what the options say, else what Detect does. C and objects stay what they are.
func (o *ReadOptions) Kind(name string, b []byte) Kind {
	kind := Detect(name, b)
	if _, classic := cbpf.ParseDialect(o.Dialect); (classic || o.Form != "") && kind != KindC && kind != KindELF {
		return KindClassic
	}
	return kind
}

// ReadFilter reads a classic filter, in the form that the options say, else the one that its name or content tells. The
// dialect is the one whose rules it is meant to follow; they are not applied. Errors are *cbpf.Error, and those of options.
func ReadFilter(name string, b []byte, o ReadOptions) (*cbpf.Filter, cbpf.Dialect, error) {
	form, ok := cbpf.ParseFormat(o.Form)
	if !ok {
		return nil, 0, fmt.Errorf("there is no form %q of classic filters: forms are %s", o.Form, strings.Join(cbpf.Formats(), ", "))
	}
	if form == cbpf.Auto {
		form = classicForms[strings.ToLower(filepath.Ext(name))]
	}
	if form == cbpf.Auto {
		form, _ = cbpf.Detect(b)
	}
	dialect := form.Dialect()
	if o.Dialect != "" {
		if dialect, ok = cbpf.ParseDialect(o.Dialect); !ok {
			return nil, 0, fmt.Errorf("%s is a classic filter: its dialect is one of %s, not %s", name, strings.Join(ClassicDialects(), ", "), o.Dialect)
		}
	}
	f, err := cbpf.Parse(name, b, form)
	return f, dialect, err
}

// readClassic reads a classic filter, checks it by the rules of its dialect, and converts it.
func readClassic(name string, b []byte, o ReadOptions) (*obj.Object, error) {
	f, dialect, err := ReadFilter(name, b, o)
	if err != nil {
		return nil, err
	}
	if err := f.Check(dialect); err != nil {
		return nil, err
	}
	return cbpf.Convert(name, f.Insns, dialect, cbpf.Options{Lines: true, Hook: cbpf.HookOf(o.Type)})
}

// What package filter needs of classic filters.
type (
	// ClassicInsn is a classic instruction.
	ClassicInsn = cbpf.Insn
	// ClassicDialect says whose rules a classic filter follows.
	ClassicDialect = cbpf.Dialect
	// ClassicError says which rule a classic filter breaks, and where.
	ClassicError = cbpf.Error
	// ClassicOptions say what a classic filter becomes.
	ClassicOptions = cbpf.Options
)

// The dialects; the type of filters with metadata; the size of struct seccomp_data, and of the largest packet beside metadata, in bytes.
const (
	ClassicPcap      = cbpf.Pcap
	ClassicLinux     = cbpf.Linux
	ClassicSeccomp   = cbpf.Seccomp
	ClassicContext   = cbpf.TypeContext
	ClassicDataSize  = cbpf.DataSize
	ClassicMaxPacket = cbpf.MaxContextPacket
)

// ConvertClassic makes a program of a classic filter, whose rules it applies. Errors are *ClassicError and *codegen.UnsupportedError.
func ConvertClassic(name string, insns []ClassicInsn, d ClassicDialect, o ClassicOptions) (*obj.Object, error) {
	return cbpf.Convert(name, insns, d, o)
}
