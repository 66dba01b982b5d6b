package cbpf_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// ret is the end of a filter.
var ret = cbpf.Insn{Code: 0x06}

// Every rule of each dialect, by the shortest filter that breaks it: "" where a dialect takes the filter.
func TestRules(t *testing.T) {
	long := make([]cbpf.Insn, cbpf.MaxInsns+1)
	for i := range long {
		long[i] = ret
	}
	for _, c := range []struct {
		name                 string
		insns                []cbpf.Insn
		insn                 int
		pcap, linux, seccomp cbpf.Rule
	}{
		{"ret", []cbpf.Insn{ret}, 0, "", "", ""},
		{"empty", nil, -1, "length", "length", "length"},
		{"4096", long[1:], 0, "", "", ""},
		{"4097", long, -1, "length", "length", "length"},
		{"no such code", []cbpf.Insn{ret, {Code: 0x10}, ret}, 1, "opcode", "opcode", "opcode"},
		{"code of 16 bits", []cbpf.Insn{{Code: 0x106}, ret}, 0, "opcode", "opcode", "opcode"},
		{"ret x", []cbpf.Insn{{Code: 0x0e}}, 0, "opcode", "opcode", "opcode"},
		{"mod", []cbpf.Insn{{Code: 0x94, K: 3}, ret}, 0, "", "", "opcode"},
		{"mod x", []cbpf.Insn{{Code: 0x9c}, ret}, 0, "", "", "opcode"},
		{"ldh", []cbpf.Insn{{Code: 0x28}, ret}, 0, "", "", "opcode"},
		{"ldb", []cbpf.Insn{{Code: 0x30}, ret}, 0, "", "", "opcode"},
		{"ld [x + k]", []cbpf.Insn{{Code: 0x40}, ret}, 0, "", "", "opcode"},
		{"msh", []cbpf.Insn{{Code: 0xb1}, ret}, 0, "", "", "opcode"},
		{"len", []cbpf.Insn{{Code: 0x80}, {Code: 0x81}, ret}, 0, "", "", ""},
		{"div 0", []cbpf.Insn{{Code: 0x34}, ret}, 0, "divisor", "divisor", "divisor"},
		{"mod 0", []cbpf.Insn{{Code: 0x94}, ret}, 0, "divisor", "divisor", "opcode"},
		{"div x", []cbpf.Insn{{Code: 0x3c}, ret}, 0, "", "", ""},
		{"lsh 31", []cbpf.Insn{{Code: 0x64, K: 31}, ret}, 0, "", "", ""},
		{"lsh 32", []cbpf.Insn{{Code: 0x64, K: 32}, ret}, 0, "shift", "shift", "shift"},
		{"rsh 32", []cbpf.Insn{{Code: 0x74, K: 32}, ret}, 0, "shift", "shift", "shift"},
		{"st 15", []cbpf.Insn{{Code: 0x02, K: 15}, {Code: 0x60, K: 15}, ret}, 0, "", "", ""},
		{"st 16", []cbpf.Insn{{Code: 0x02, K: 16}, ret}, 0, "cell", "cell", "cell"},
		{"stx 16", []cbpf.Insn{{Code: 0x03, K: 16}, ret}, 0, "cell", "cell", "cell"},
		{"ld M 16", []cbpf.Insn{{Code: 0x60, K: 16}, ret}, 0, "cell", "cell", "cell"},
		{"ldx M 16", []cbpf.Insn{{Code: 0x61, K: 1 << 31}, ret}, 0, "cell", "cell", "cell"},
		{"ja", []cbpf.Insn{{Code: 0x05}, ret}, 0, "", "", ""},
		{"ja beyond", []cbpf.Insn{{Code: 0x05, K: 1}, ret}, 0, "jump", "jump", "jump"},
		{"ja back", []cbpf.Insn{ret, {Code: 0x05, K: 1<<32 - 2}, ret}, 1, "", "backward", "backward"},
		{"ja to itself", []cbpf.Insn{{Code: 0x05, K: 1<<32 - 1}, ret}, 0, "", "backward", "backward"},
		{"ja back beyond", []cbpf.Insn{{Code: 0x05, K: 1<<32 - 2}, ret}, 0, "jump", "jump", "jump"},
		{"jeq", []cbpf.Insn{{Code: 0x15, Jt: 1}, ret, ret}, 0, "", "", ""},
		{"jeq true beyond", []cbpf.Insn{{Code: 0x15, Jt: 2}, ret, ret}, 0, "jump", "jump", "jump"},
		{"jset false beyond", []cbpf.Insn{{Code: 0x4d, Jf: 255}, ret, ret}, 0, "jump", "jump", "jump"},
		{"ancillary", []cbpf.Insn{{Code: 0x20, K: cbpf.AncBase + 60}, ret}, 0, "", "", "data"},
		{"ancillary of a byte", []cbpf.Insn{{Code: 0x30, K: cbpf.AncBase + 60}, ret}, 0, "", "", "opcode"},
		{"ancillary 64", []cbpf.Insn{{Code: 0x20, K: cbpf.AncBase + 64}, ret}, 0, "", "ancillary", "data"},
		{"ancillary 2", []cbpf.Insn{{Code: 0x28, K: cbpf.AncBase + 2}, ret}, 0, "", "ancillary", "opcode"},
		{"network", []cbpf.Insn{{Code: 0x20, K: cbpf.NetBase}, ret}, 0, "", "", "data"},
		{"data 60", []cbpf.Insn{{Code: 0x20, K: 60}, ret}, 0, "", "", ""},
		{"data 64", []cbpf.Insn{{Code: 0x20, K: 64}, ret}, 0, "", "", "data"},
		{"data 2", []cbpf.Insn{{Code: 0x20, K: 2}, ret}, 0, "", "", "data"},
		{"no ret", []cbpf.Insn{ret, {Code: 0x07}}, 1, "last", "last", "last"},
		{"unwritten", []cbpf.Insn{{Code: 0x60}, ret}, 0, "", "unwritten", "unwritten"},
		{"unwritten into x", []cbpf.Insn{{Code: 0x02}, {Code: 0x61, K: 1}, ret}, 1, "", "unwritten", "unwritten"},
		{"written on one way", []cbpf.Insn{{Code: 0x15, Jt: 1}, {Code: 0x02}, {Code: 0x60}, ret}, 2, "", "unwritten", "unwritten"},
		{"written on both", []cbpf.Insn{{Code: 0x15, Jt: 2}, {Code: 0x02}, {Code: 0x05, K: 1}, {Code: 0x03}, {Code: 0x60}, ret}, 0, "", "", ""},
		{"after a ret", []cbpf.Insn{{Code: 0x02}, ret, {Code: 0x60}, ret}, 0, "", "", ""},
	} {
		for d, rule := range map[cbpf.Dialect]cbpf.Rule{cbpf.Pcap: c.pcap, cbpf.Linux: c.linux, cbpf.Seccomp: c.seccomp} {
			err := cbpf.Check(c.insns, d)
			if rule == "" {
				require.NoError(t, err, "%s %s", c.name, d)
				continue
			}
			var e *cbpf.Error
			require.ErrorAs(t, err, &e, "%s %s", c.name, d)
			require.Equal(t, rule, e.Rule, "%s %s: %v", c.name, d, e)
			require.Equal(t, c.insn, e.Insn, "%s %s: %v", c.name, d, e)
		}
	}
}
