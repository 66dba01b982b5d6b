package verifier

import (
	"bytes"
	debugelf "debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// corpus is where the pairs are: a program with a mistake that Linux refuses, and its safe twin.
const corpus = "../corpus"

// undecided are unsafe programs that this version refuses because it does not know what they use.
var undecided = map[string]string{}

func kernelSet(t *testing.T) *abi.Set {
	s, err := abi.Merge(base.Set(), networking.Set(), tracing.Set())
	require.NoError(t, err)
	return s
}

// expectations are the rows of an expect.txt: object, program, errno, message, mistake.
func expectations(t *testing.T, dir string) (rows [][]string) {
	b, err := os.ReadFile(filepath.Join(corpus, dir, "reject", "expect.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(f) >= 4 && !strings.HasPrefix(line, "#") {
			rows = append(rows, f)
		}
	}
	return rows
}

// defined are programs that Linux refuses though nothing is wrong with them: a loop that counts to a number of 32
// bits ends, but Linux walks every turn.
var defined = []string{"lang/flow.o/loop_without_bound"}

// objects reads each object once.
type objects map[string]*object

// object is an object, and the programs that had to be made harmless before it could be read: a front end refuses it for their sake.
type object struct {
	*obj.Object
	malformed []string
}

func (o objects) read(t *testing.T, path string) *object {
	if o[path] != nil {
		return o[path]
	}
	b, err := os.ReadFile(filepath.Join(corpus, path))
	require.NoError(t, err)
	x := &object{}
	for x.Object == nil {
		var bad *elf.Error
		x.Object, err = elf.Parse(path, b, elf.Options{Config: elf.DefaultConfig()})
		if err == nil {
			break
		}
		require.ErrorAs(t, err, &bad)
		require.NotContains(t, x.malformed, bad.Symbol, err)
		x.malformed = append(x.malformed, bad.Symbol)
		disarm(t, b, bad)
	}
	o[path] = x
	return x
}

// disarm replaces the instruction that an object is refused for by one that does nothing.
func disarm(t *testing.T, b []byte, e *elf.Error) {
	f, err := debugelf.NewFile(bytes.NewReader(b))
	require.NoError(t, err)
	s := f.Section(e.Section)
	require.NotNil(t, s, e)
	copy(b[s.Offset+uint64(8*e.Insn):], []byte{0xb7, 0, 0, 0, 0, 0, 0, 0})
}

// verdict is the Error about one program, nil if it is accepted.
func verdict(t *testing.T, o *obj.Object, set *abi.Set, program string) *verifier.Error {
	reports, err := core.Verify(o, set, core.Options{Policy: verifier.Strict, Programs: []string{program}})
	require.NoError(t, err, program)
	if d := reports[0].Time; d > time.Second {
		t.Logf("%s of %s took %v, %d instructions looked at", program, o.Name, d, reports[0].Stats.Processed)
	}
	return reports[0].Err
}

// Every program with a mistake is refused, and its safe twin accepted.
func TestCorpusPairs(t *testing.T) {
	set, all := kernelSet(t), objects{}
	for _, dir := range []string{"lang", "net"} {
		rows := expectations(t, dir)
		require.Greater(t, len(rows), 100)
		for _, row := range rows {
			name := dir + "/" + row[0] + "/" + row[1]
			file := all.read(t, filepath.Join(dir, "reject", row[0]))
			if slices.Contains(file.malformed, row[1]) || row[1] == "unknown_opcode" && slices.Contains(file.malformed, "") {
				continue
			}
			bad := verdict(t, file.Object, set, row[1])
			switch _, listed := undecided[name]; {
			case bad == nil && slices.Contains(defined, name):
			case bad == nil:
				t.Errorf("ACCEPTED though unsafe: %s (%s: %s)", name, row[2], row[3])
			case bad.Verdict == verifier.Unsupported && !listed:
				t.Errorf("undecided though unsafe: %s (%s: %s): %v", name, row[2], row[3], bad)
			case bad.Verdict == verifier.Reject && listed:
				t.Errorf("%s is decided now: %v", name, bad)
			}
			if dir != "lang" {
				continue
			}
			if good := verdict(t, all.read(t, filepath.Join(dir, "pair_"+row[0])).Object, set, row[1]); good != nil {
				t.Errorf("refused though safe: %s: %v", name, good)
			}
		}
	}
}

// mistake is one of those that others made: an unsafe program with the code that refuses it, and the nearest safe one.
type mistake struct {
	name      string
	typ       string
	code      verifier.Code
	bad, good string
}

const (
	someLookup = ".map m, type=array, key=4, value=16, entries=4\n*(u32 *)(r10 - 4) = 9\nr1 = map[m] ll\nr2 = r10\nr2 += -4\ncall 1\n"
	someValue  = someLookup + "if r0 == 0 goto out\n"
	leave      = "\nout: r0 = 0\nexit"
	someNumber = "r6 = *(u32 *)(r1 + 12)\nr9 = r6\n" // of the context
	somePacket = "r6 = r1\nr2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\n"
	someRecord = ".map rb, type=ringbuf, entries=4096\nr1 = map[rb] ll\nr2 = 8\nr3 = 0\ncall 131\n"
)

// value reads 1 byte of a map value of 16 at an index that code leaves in R6, of an unknown R6 at first.
func value(code string) string {
	return someNumber + someValue + code + "\nr0 += r6\nr0 = *(u8 *)(r0 + 0)" + leave
}

// mistakes are those of the list, in its order.
var mistakes = []mistake{
	{"32-bit move of -1 sign-extended", "xdp", "BV028", someValue + "w6 = -1\nr6 += 1\nr0 += r6\nr0 = *(u8 *)(r0 + 0)" + leave, someValue + "r6 = -1\nr6 += 1\nr0 += r6\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"truncation by 32-bit operations", "xdp", "BV028", value("r6 <<= 32\nw6 -= 1"), value("r6 <<= 32\nw6 += 1")},
	{"signed bounds after a right shift", "xdp", "BV053", value("r6 -= 8\nr6 >>= 2"), value("r6 >>= 30")},
	{"pointer plus unbounded someNumber", "xdp", "BV053", value("r6 += 1"), value("r6 &= 15")},
	{"32-bit bounds of or", "xdp", "BV028", value("w6 &= 15\nw6 |= 16"), value("w6 &= 7\nw6 |= 8")},
	{"32-bit bounds of xor", "xdp", "BV028", value("w6 &= 15\nw6 ^= 16"), value("w6 &= 15\nw6 ^= 8")},
	{"32-bit bounds of and", "xdp", "BV028", value("w6 &= 31"), value("w6 &= 15")},
	{"32-bit shift to the right", "xdp", "BV028", value("w6 >>= 27"), value("w6 >>= 28")},
	{"32-bit signed shift", "xdp", "BV053", value("w6 s>>= 28"), value("w6 s>>= 28\nw6 &= 7")},
	{"32-bit compare that refines 64 bits", "xdp", "BV053", value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nif w6 > 15 goto out"), value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nif r6 > 15 goto out")},
	{"division by zero", "xdp", "BV028", value("r6 &= 31\nr7 = r6\nr8 = 0\nr7 /= r8\nr6 -= r7"), value("r6 &= 31\nr6 /= 2")},
	{"32-bit division keeps the upper half", "xdp", "BV053", value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nr6 /= 2"), value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nw6 /= 268435456")},
	{"64-bit compare applied to 32 bits", "xdp", "BV053", value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nr8 = 0x10000000f ll\nif r6 > r8 goto out\nw6 = w6"), value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nif r6 > 15 goto out\nw6 = w6")},
	{"arithmetic on or-null pointers", "xdp", "BV030", someLookup + "r0 += 8\nif r0 == 0 goto out\nr0 = *(u8 *)(r0 + 0)" + leave, someLookup + "if r0 == 0 goto out\nr0 += 8\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"or-null identity of another call", "xdp", "BV030", someLookup + "r7 = r0\nr1 = map[m] ll\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto out\nr0 = *(u8 *)(r7 + 0)" + leave, someLookup + "r7 = r0\nif r0 == 0 goto out\nr0 = *(u8 *)(r7 + 0)" + leave},
	{"or-null identity shared after arithmetic", "xdp", "BV030", someLookup + "r7 = r0\nr7 += 8\nif r7 == 0 goto out\nr0 = *(u8 *)(r0 + 0)" + leave, someLookup + "r7 = r0\nif r0 == 0 goto out\nr7 += 8\nr0 = *(u8 *)(r7 + 0)" + leave},
	{"or-null tested at an offset", "xdp", "BV030", someLookup + "r7 = r0\nif r0 == 0 goto a\nr0 += 8\na: if r0 == 0 goto b\nr0 = 0\nexit\nb: r0 = *(u8 *)(r7 + 0)\nexit", someLookup + "r7 = r0\nif r0 == 0 goto a\nr0 += 8\na: if r0 != 0 goto b\nr0 = 0\nexit\nb: r0 = *(u8 *)(r7 + 0)\nexit"},
	{"remainder by zero", "xdp", "BV028", value("r6 &= 31\nr8 = 0\nr6 %= r8"), value("r6 %= 16")},
	{"32-bit remainder keeps the upper half", "xdp", "BV053", value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nr8 = 0x100000010 ll\nr6 %= r8"), value("r7 = r0\ncall 5\nr6 = r0\nr0 = r7\nr8 = 0x100000010 ll\nw6 %= w8")},
	{"pruning on imprecise numbers", "xdp", "BV028", "r9 = *(u32 *)(r1 + 16)\nr6 = *(u32 *)(r1 + 12)\n" + someValue + "r7 = 0\nif r6 > 5 goto a\nr7 = 8\na: if r9 > 9 goto b\nr8 = 1\ngoto c\nb: r8 = 12\nc: r0 += r7\nr0 += r8\nr0 = *(u8 *)(r0 + 0)" + leave,
		"r9 = *(u32 *)(r1 + 16)\nr6 = *(u32 *)(r1 + 12)\n" + someValue + "r7 = 0\nif r6 > 5 goto a\nr7 = 8\na: if r9 > 9 goto b\nr8 = 1\ngoto c\nb: r8 = 7\nc: r0 += r7\nr0 += r8\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"loop states compared loosely", "xdp", "BV028", someValue + "r7 = 0\na: r7 += 1\nif r7 < 17 goto a\nr0 += r7\nr0 = *(u8 *)(r0 + 0)" + leave, someValue + "r7 = 0\na: r7 += 1\nif r7 < 15 goto a\nr0 += r7\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"partial overwrite of a spilled register", "xdp", "BV027", someValue + "*(u64 *)(r10 - 16) = r0\n*(u8 *)(r10 - 13) = 1\nr0 = *(u64 *)(r10 - 16)\nr0 = *(u8 *)(r0 + 0)" + leave, someValue + "*(u64 *)(r10 - 16) = r0\n*(u8 *)(r10 - 17) = 1\nr0 = *(u64 *)(r10 - 16)\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"variable stack write over a spill", "xdp", "BV027", someNumber + someValue + "*(u64 *)(r10 - 16) = r0\nr6 &= 15\nr2 = r10\nr2 += -24\nr2 += r6\n*(u8 *)(r2 + 0) = 1\nr0 = *(u64 *)(r10 - 16)\nr0 = *(u8 *)(r0 + 0)" + leave,
		someNumber + someValue + "*(u64 *)(r10 - 16) = r0\nr6 &= 7\nr2 = r10\nr2 += -24\nr2 += r6\n*(u8 *)(r2 + 0) = 1\nr0 = *(u64 *)(r10 - 16)\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"stack pointer below the limit by a variable offset", "xdp", "BV033", someNumber + "r6 &= 7\nr2 = r10\nr2 += -508\nr2 -= r6\n*(u8 *)(r2 + 0) = 1\nr0 = 0\nexit", someNumber + "r6 &= 3\nr2 = r10\nr2 += -508\nr2 -= r6\n*(u8 *)(r2 + 0) = 1\nr0 = 0\nexit"},
	{"the callee changes the caller's stack", "xdp", "BV028", someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 3\nr1 = r10\nr1 += -16\ncall f\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: *(u64 *)(r1 + 0) = 16\nr0 = 0\nexit",
		someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 3\nr1 = r10\nr1 += -16\ncall f\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: *(u64 *)(r1 + 0) = 15\nr0 = 0\nexit"},
	{"packet range kept after the packet moved", "xdp", "BV051", somePacket + "r4 = r2\nr4 += 4\nif r4 > r3 goto out\nr7 = r2\nr1 = r6\nr2 = 0\ncall 44\nr0 = *(u8 *)(r7 + 0)" + leave, somePacket + "r1 = r6\nr2 = 0\ncall 44\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\nr0 = *(u8 *)(r2 + 0)" + leave},
	{"the packet moved in a callee", "xdp", "BV051", somePacket + "r4 = r2\nr4 += 4\nif r4 > r3 goto out\nr7 = r2\nr1 = r6\ncall f\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: r2 = 0\ncall 44\nr0 = 0\nexit", somePacket + "r4 = r2\nr4 += 4\nif r4 > r3 goto out\nr7 = r2\nr1 = r6\ncall f\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: r2 = 0\ncall 5\nr0 = 0\nexit"},
	{"context load astride a pointer field", "xdp", "BV031", "r0 = *(u64 *)(r1 + 8)\nexit", "r0 = *(u32 *)(r1 + 12)\nexit"},
	{"store of an immediate is sign-extended", "xdp", "BV028", someValue + "*(u64 *)(r10 - 16) = -1\nr6 = *(u64 *)(r10 - 16)\nw6 = w6\nr0 += r6\nr0 = *(u8 *)(r0 + 0)" + leave, someValue + "*(u64 *)(r10 - 16) = -1\nr6 = *(u64 *)(r10 - 16)\nr6 += 1\nr0 += r6\nr0 = *(u8 *)(r0 + 0)" + leave},
	{"sign-extending move without zero extension", "xdp", "BV053", value("w6 = (s8)w6"), value("w6 = (s8)w6\nw6 &= 15")},
	{"sign-extending load of an unsigned range", "mem/8", "BV029", "r2 = *(s8 *)(r1 + 0)\nif r2 s> 7 goto out\nr1 += r2\nr0 = *(u8 *)(r1 + 0)" + leave, "r2 = *(s8 *)(r1 + 0)\nif r2 > 7 goto out\nr1 += r2\nr0 = *(u8 *)(r1 + 0)" + leave},
	{"atomic with fetch on a pointer", "xdp", "BV050", someValue + "*(u64 *)(r10 - 16) = 0\nr0 = atomic_fetch_add((u64 *)(r10 - 16), r0)" + leave, someValue + "*(u64 *)(r10 - 16) = 0\nr1 = 1\nr1 = atomic_fetch_add((u64 *)(r10 - 16), r1)" + leave},
	{"reference leaked", "xdp", "BV037", someRecord + "r0 = 0\nexit", someRecord + "if r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall 132" + leave},
	{"reference released twice", "xdp", "BV034", someRecord + "if r0 == 0 goto out\nr6 = r0\nr1 = r0\nr2 = 0\ncall 132\nr1 = r6\nr2 = 0\ncall 132" + leave, someRecord + "if r0 == 0 goto out\nr6 = r0\nr1 = r6\nr2 = 0\ncall 133" + leave},
	{"reference used after its release", "xdp", "BV027", someRecord + "if r0 == 0 goto out\nr6 = r0\nr1 = r0\nr2 = 0\ncall 132\n*(u8 *)(r6 + 0) = 1" + leave, someRecord + "if r0 == 0 goto out\nr6 = r0\n*(u8 *)(r6 + 0) = 1\nr1 = r0\nr2 = 0\ncall 132" + leave},
	{"callback entered 0 times", "xdp", "BV028", someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 99\nr1 = 4\nr2 = f ll\nr3 = r10\nr3 += -16\nr4 = 0\ncall 181\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: *(u64 *)(r2 + 0) = 1\nr0 = 0\nexit",
		someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 9\nr1 = 4\nr2 = f ll\nr3 = r10\nr3 += -16\nr4 = 0\ncall 181\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: *(u64 *)(r2 + 0) = 1\nr0 = 0\nexit"},
	{"changes of a bpf_loop body ignored", "xdp", "BV053", someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 1\nr1 = 40\nr2 = f ll\nr3 = r10\nr3 += -16\nr4 = 0\ncall 181\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: r1 = *(u64 *)(r2 + 0)\nr1 += 1\n*(u64 *)(r2 + 0) = r1\nr0 = 0\nexit",
		someValue + "r7 = r0\n*(u64 *)(r10 - 16) = 1\nr1 = 40\nr2 = f ll\nr3 = r10\nr3 += -16\nr4 = 0\ncall 181\nr1 = *(u64 *)(r10 - 16)\nr7 += r1\nr0 = *(u8 *)(r7 + 0)" + leave + "\nf: r1 = *(u64 *)(r2 + 0)\nr1 += 1\n*(u64 *)(r2 + 0) = 15\nr0 = 0\nexit"},
	{"tail call that falls through with R0 unset", "xdp", "BV026", ".map t, type=prog_array, key=4, value=4, entries=1\nr2 = map[t] ll\nr3 = 0\ncall 12\nr0 = r2\nexit", ".map t, type=prog_array, key=4, value=4, entries=1\nr2 = map[t] ll\nr3 = 0\ncall 12\nr0 = 2\nexit"},
	{"access below a dead branch", "xdp", "BV027", "r2 = 5\nif r2 == 5 goto a\nr0 = 0\nexit\na: r0 = *(u8 *)(r2 + 0)\nexit", "r2 = 5\nif r2 != 5 goto a\nr0 = 0\nexit\na: r0 = *(u8 *)(r2 + 0)\nexit"},
	{"57 bytes that make the analysis run for ever", "mem", "BV040", "r0 = 0\na: r0 += 1\nif r0 != 0 goto b\nb: r0 &= 1\ngoto a", "r0 = 0\na: r0 += 1\nif r0 != 4 goto a\nexit"},
}

// Each mistake is refused with its code, and the nearest safe program accepted.
func TestMistakes(t *testing.T) {
	set := kernelSet(t)
	judge := func(m *mistake, text string) *verifier.Error {
		o, err := asm.Parse("x.s", []byte(text), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err, "%s:\n%s", m.name, text)
		o.License = "GPL"
		reports, err := core.Verify(o, set, core.Options{Policy: verifier.Strict, Type: m.typ})
		require.NoError(t, err, m.name)
		return reports[0].Err
	}
	for i := range mistakes {
		m := &mistakes[i]
		t.Run(m.name, func(t *testing.T) {
			bad := judge(m, m.bad)
			require.NotNil(t, bad, "accepted:\n%s", m.bad)
			require.Equal(t, m.code, bad.Code, bad)
			if good := judge(m, m.good); good != nil {
				t.Errorf("refused though safe: %v\n%s", good, m.good)
			}
		})
	}
}
