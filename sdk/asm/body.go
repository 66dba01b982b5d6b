package asm

import (
	"fmt"

	"github.com/bpfc/bpfc/core/isa"
)

// Body checks everything as Build does and returns the code of the only program: the body of a helper. R1 to R5 are its
// arguments, R0 its result. It has no maps and no data, and calls helpers by number.
func (b *Builder) Body() ([]byte, error) {
	o, err := b.Build()
	if err != nil {
		return nil, err
	}
	if p := &o.Programs[0]; len(o.Programs) > 1 || len(p.Refs) > 0 {
		return nil, &Error{Program: p.Name, Text: fmt.Sprintf("the body of a helper is one program without names of maps, data and helpers; this has %d programs and %d names", len(o.Programs), len(p.Refs))}
	}
	return isa.Encode(o.Programs[0].Insns)
}

// MustBody is Body for instructions that are written down in a program. It panics if they are not legal.
func MustBody(insns ...Insn) []byte {
	code, err := New("body").Program("body", "", "").Add(insns...).Body()
	if err != nil {
		panic(err)
	}
	return code
}
