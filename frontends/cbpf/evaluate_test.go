package cbpf_test

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
)

// evaluator computes the values of a table from how they are written.
type evaluator struct {
	t       *testing.T
	text    string
	dialect cbpf.Dialect
	packet  *cbpftest.Packet
}

func evaluate(t *testing.T, text string, d cbpf.Dialect, p *cbpftest.Packet) uint64 {
	e := &evaluator{t, text, d, p}
	v := e.expression()
	require.Empty(t, e.text, text)
	return v
}

func (e *evaluator) take(word string) bool {
	rest, ok := strings.CutPrefix(e.text, word)
	if ok {
		e.text = rest
	}
	return ok
}

func (e *evaluator) expect(word string) { require.True(e.t, e.take(word), "%q at %q", word, e.text) }

// expression is an operand, or two with an operator between them.
func (e *evaluator) expression() uint64 {
	a := e.operand()
	for _, op := range []string{" == ", " >= ", " > ", " << ", " >> ", " + ", " - ", " * ", " / ", " % ", " & ", " | ", " ^ "} {
		if e.take(op) {
			return apply(strings.TrimSpace(op), a, e.operand())
		}
	}
	return a
}

func apply(op string, a, b uint64) uint64 {
	truth := map[bool]uint64{true: 1}
	switch op {
	case "==":
		return truth[a == b]
	case ">=":
		return truth[a >= b]
	case ">":
		return truth[a > b]
	case "<<":
		return uint64(uint32(a << b))
	case ">>":
		return a >> b
	case "+":
		return uint64(uint32(a + b))
	case "-":
		return uint64(uint32(a - b))
	case "*":
		return uint64(uint32(a) * uint32(b))
	case "&":
		return a & b
	case "|":
		return a | b
	case "^":
		return a ^ b
	}
	if b == 0 {
		return 0 // another condition of the row does not hold then
	}
	if op == "/" {
		return a / b
	}
	return a % b
}

func (e *evaluator) operand() uint64 {
	switch {
	case e.take("-"):
		return uint64(-uint32(e.operand()))
	case e.take("("):
		v := e.expression()
		e.expect(")")
		return v
	case e.take("net["):
		return e.load(int64(e.packet.Info.Net), true)
	case e.take("link["):
		return e.load(int64(e.packet.Info.Link), e.packet.Info.Link >= 0)
	case e.take("["):
		return e.load(0, true)
	}
	word := e.text
	if end := strings.IndexAny(word, " ,:)]"); end >= 0 && !strings.HasPrefix(word, "args[") {
		word = word[:end]
	}
	if n, err := strconv.ParseUint(word, 0, 64); err == nil {
		e.text = e.text[len(word):]
		return n
	}
	return e.name()
}

// load is a load of the packet, or whether there is one; what cannot be loaded is 0.
func (e *evaluator) load(base int64, header bool) uint64 {
	k := e.expression()
	e.expect(":")
	size := int64(e.text[0] - '0')
	e.text = e.text[1:]
	e.expect("]")
	at := int64(k) + base
	if base == 0 && e.dialect == cbpf.Linux && k >= 1<<31 {
		switch info := e.packet.Info; {
		case k >= cbpf.NetBase:
			at = int64(k-cbpf.NetBase) + int64(info.Net)
		default:
			header = k >= cbpf.LinkBase && info.Link >= 0
			at = int64(k) - cbpf.LinkBase + int64(info.Link)
		}
	}
	inside := header && at >= 0 && at+size <= int64(len(e.packet.Bytes))
	switch {
	case e.take(" is in the packet"):
		if inside {
			return 1
		}
		return 0
	case !inside:
		return 0
	}
	v := uint64(0)
	for _, b := range e.packet.Bytes[at : at+size] {
		v = v<<8 | uint64(b)
	}
	return v
}

// name is a word of the data of seccomp, or what is known of a packet.
func (e *evaluator) name() uint64 {
	b := e.packet.Bytes
	if e.dialect == cbpf.Seccomp {
		switch {
		case e.take("nr"):
			return uint64(binary.LittleEndian.Uint32(b))
		case e.take("arch"):
			return uint64(binary.LittleEndian.Uint32(b[4:]))
		case e.take("ip"):
			return binary.LittleEndian.Uint64(b[8:])
		}
		e.expect("args[")
		n := int(e.text[0] - '0')
		e.text = e.text[1:]
		e.expect("]")
		return binary.LittleEndian.Uint64(b[16+8*n:])
	}
	info := &e.packet.Info
	switch {
	case e.take("captured"):
		return uint64(len(b))
	case e.take("length"):
		return uint64(e.packet.Wire)
	case e.take("device"):
		return map[bool]uint64{true: 1}[info.Device]
	case e.take("nlan("):
		return e.attribute(cbpf.AncNlattrNest)
	case e.take("nla("):
		return e.attribute(cbpf.AncNlattr)
	}
	var found cbpf.Anc
	name := ""
	for anc := cbpf.AncProtocol; anc <= cbpf.AncVlanTpid; anc += 4 {
		if n := anc.String(); n != "" && strings.HasPrefix(e.text, n) && len(n) > len(name) {
			found, name = anc, n
		}
	}
	require.NotEmpty(e.t, name, e.text)
	e.expect(name)
	return uint64(info.Values[found/4])
}

// attribute asks the reference for a netlink attribute.
func (e *evaluator) attribute(anc cbpf.Anc) uint64 {
	a := e.expression()
	e.expect(", ")
	x := e.expression()
	e.expect(")")
	v, _ := cbpftest.Run([]cbpf.Insn{{Code: 0x00, K: uint32(a)}, {Code: 0x01, K: uint32(x)}, {Code: 0x20, K: cbpf.AncBase + uint32(anc)}, {Code: 0x16}}, cbpf.Linux, e.packet, 4)
	return uint64(v)
}
