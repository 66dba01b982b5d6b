package cbpf_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
)

// agrees evaluates a table on packets: each falls into one row, or into none if that means 0, and the row says what the filter returns.
func agrees(t *testing.T, name string, insns []cbpf.Insn, d cbpf.Dialect, packets []cbpftest.Packet) *cbpf.Decisions {
	table := cbpf.Decide(insns, d)
	for i := range packets {
		want, ended := cbpftest.Run(insns, d, &packets[i], 1<<20)
		require.True(t, ended)
		rows := rowsOf(t, table, &packets[i])
		switch {
		case len(rows) == 0 && table.Cut != "":
		case len(rows) == 0 && d != cbpf.Seccomp:
			require.Zero(t, want, "%s: no row for %x\n%s\n%s", name, packets[i].Bytes, cbpf.Print(insns), table)
		default:
			require.Len(t, rows, 1, "%s: rows %v of\n%s\nfor %x, %+v\n%s", name, rows, table, packets[i].Bytes, packets[i], cbpf.Print(insns))
			row := &table.Rows[rows[0]]
			got := row.Ret
			if !row.Constant {
				got = uint32(evaluate(t, row.Result, d, &packets[i]))
			}
			require.Equal(t, want, got, "%s: row %d of\n%s\nfor %x, %+v\n%s", name, rows[0], table, packets[i].Bytes, packets[i].Info, cbpf.Print(insns))
		}
	}
	return table
}

// rowsOf are the rows whose conditions hold.
func rowsOf(t *testing.T, table *cbpf.Decisions, p *cbpftest.Packet) (rows []int) {
	for n := range table.Rows {
		holds := true
		for _, c := range table.Rows[n].Conditions {
			in := false
			if v := evaluate(t, c.Value, table.Dialect, p); true {
				for _, x := range c.In {
					in = in || x[0] <= v && v <= x[1]
				}
			}
			holds = holds && in
		}
		if holds {
			rows = append(rows, n)
		}
	}
	return rows
}

func wholes(raw [][]byte) (out []cbpftest.Packet) {
	for _, b := range raw {
		out = append(out, cbpftest.Whole(b))
	}
	return out
}

// The tables of filters of expressions say of packets what the filters do.
func TestDecideExpressions(t *testing.T) {
	packets := wholes(cbpftest.Packets(many(60, 500)))
	tables, cut, rows := 0, 0, 0
	for n, expr := range cbpftest.Expressions() {
		if n%many(4, 1) != 0 {
			continue
		}
		insns, ok := cbpftest.Compile(t, expr, n%8 != 0)
		if !ok {
			continue
		}
		for _, d := range []cbpf.Dialect{cbpf.Pcap, cbpf.Linux} {
			if cbpf.Check(insns, d) != nil {
				continue
			}
			table := agrees(t, expr, insns, d, packets)
			tables++
			rows += len(table.Rows)
			if table.Cut != "" {
				cut++
			}
		}
	}
	t.Logf("%d tables with %d rows, %d of them cut", tables, rows, cut)
	require.Less(t, cut, tables/10)
}

// The tables of what libseccomp makes of policies say of every record what the filters do.
func TestDecideSeccomp(t *testing.T) {
	records := wholes(cbpftest.SeccompData(50))
	for n, p := range cbpftest.Policies(t, many(40, 500)) {
		near := records[:len(records):len(records)]
		for k := range 60 {
			near = append(near, cbpftest.Whole(p.Near(uint64(n+1000*k))))
		}
		table := agrees(t, "policy", p.Insns, cbpf.Seccomp, near)
		require.Empty(t, table.Cut)
	}
}

// The tables of random filters say of packets what the filters do, as far as they go.
func TestDecidePrograms(t *testing.T) {
	packets := wholes(cbpftest.Packets(40))
	for n := range packets {
		p := &packets[n]
		p.Wire += uint32(n % 3 * 50)
		p.Info.Device, p.Info.Net, p.Info.Link = n%2 == 0, n%20-3, n%11-1
		for k := range p.Info.Values {
			p.Info.Values[k] = uint32(n*k) * 0x1234567 >> (n % 32)
		}
	}
	records := wholes(cbpftest.SeccompData(40))
	cut, count := 0, many(300, 20_000)
	for n := range count {
		r := rand.New(rand.NewPCG(uint64(n), 41))
		d := cbpf.Dialect(n % 3)
		in := packets
		if d == cbpf.Seccomp {
			in = records
		}
		if agrees(t, "random", cbpftest.Program(r, d, 1+r.IntN(40)), d, in).Cut != "" {
			cut++
		}
	}
	t.Logf("%d filters, %d tables cut", count, cut)
	require.Less(t, cut, count/2)
}

// Large filters have a table soon, perhaps a part of it.
func TestDecideLarge(t *testing.T) {
	var chain []cbpf.Insn // each byte of a packet may end it with another number
	for k := range uint32(1300) {
		chain = append(chain, cbpf.Insn{Code: 0x30, K: k}, cbpf.Insn{Code: 0x15, Jf: 1, K: k % 256}, cbpf.Insn{Code: 0x06, K: k % 5})
	}
	chain = append(chain, cbpf.Insn{Code: 0x06})
	require.NoError(t, cbpf.Check(chain, cbpf.Pcap))
	require.Contains(t, agrees(t, "chain", chain, cbpf.Pcap, wholes(cbpftest.Packets(20))).Cut, "more than 16384 conditions")
	for d := cbpf.Pcap; d <= cbpf.Seccomp; d++ {
		cbpf.Decide(cbpftest.Program(rand.New(rand.NewPCG(1, uint64(d))), d, cbpf.MaxInsns), d)
	}
}

// many is the number for a short test, or with BPFC_LONG for a long one.
func many(short, long int) int {
	if os.Getenv("BPFC_LONG") != "" {
		return long
	}
	return short
}

// Tables as people read them.
func TestDecideText(t *testing.T) {
	for text, want := range map[string]string{
		"ret #5": "5  always\n0  every other packet\n",
		"ldh [12] jne #0x806, no ret #96 no: ret #0": "96  captured >= 14 and [12:2] == 0x806\n0   every other packet\n",
		"ld #len ret a": "length  always\n0       every other packet\n",
		"ld #ifidx jeq #3, yes ret #0 yes: ret #1":                             "1  device != 0 and ifidx == 3\n0  every other packet\n",
		"ldb [0] tax ld [4] lsh x jgt #9, yes ret #0 yes: ret a":               "[4:4] << ([0:1] & 31)  captured >= 8 and [4:4] << ([0:1] & 31) >= 10\n0                     every other packet\n",
		"ldx 4*([14]&0xf) ldh [x + 16] jeq #53, y jeq #54, y ret #0 y: ret #9": "9  captured >= 15 and [(([14:1] & 15) * 4) + 16:2] is in the packet and [(([14:1] & 15) * 4) + 16:2] in {53, 54}\n0  every other packet\n",
	} {
		f, err := cbpf.Parse("text", []byte(text), cbpf.Asm)
		require.NoError(t, err)
		require.NoError(t, cbpf.Check(f.Insns, cbpf.Linux))
		require.Equal(t, want, cbpf.Decide(f.Insns, cbpf.Linux).String(), text)
	}
	f, err := cbpf.Parse("loop", []byte("ldb [0] l: jeq #0, e jmp l e: ret #1"), cbpf.Asm)
	require.NoError(t, err)
	require.NoError(t, cbpf.Check(f.Insns, cbpf.Pcap))
	require.Contains(t, cbpf.Decide(f.Insns, cbpf.Pcap).String(), "The table is cut: the filter goes back, in a loop.")
	for text, want := range map[string]string{
		"ld [20] jne #1, no ld [16] jne #5, no ret #0x7fff0000 no: ret #0x50001":                                              "allow     args[0] == 0x100000005\nerrno(1)  args[0] != 0x100000005\n",
		"ld [20] jgt #1, yes jne #1, no ld [16] jge #7, yes no: ret #0x50001 yes: ret #0x7fff0000":                            "allow     args[0] >= 0x100000007\nerrno(1)  args[0] <= 0x100000006\n",
		"ld [28] and #0xf0 jne #0x10, no ld [24] and #0xff jne #1, no ret #0x7fff0000 no: ret #0":                             "allow        args[1] & 0xf0000000ff == 0x1000000001\n",
		"ld [4] jne #0xc000003e, no ld [0] jge #0x40000000, no jeq #0, yes jeq #1, yes no: ret #0x30000 yes: ret #0x7fff0000": "allow    arch == x86_64 and nr in {read, write}\n",
	} {
		f, err := cbpf.Parse("text", []byte(text), cbpf.Asm)
		require.NoError(t, err)
		require.NoError(t, cbpf.Check(f.Insns, cbpf.Seccomp))
		require.Contains(t, cbpf.Decide(f.Insns, cbpf.Seccomp).String(), want, text)
	}
}
