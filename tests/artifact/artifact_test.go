// Package artifact loads real artifacts, as they are and tampered with.
package artifact

import (
	"encoding/binary"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

func skipElsewhere(t *testing.T) {
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		t.Skip("machine code is loaded on linux/amd64 only")
	}
}

func open(t *testing.T) codegen.Session {
	skipElsewhere(t)
	s, err := builtin.AMD64().(codegen.Runner).Open(t.Context(), codegen.Spec{CPUs: 1, Set: builtin.Linux()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// compile compiles a committed object for a CPU level.
func compile(t *testing.T, path, cpu string) *codegen.Artifact {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	o, err := builtin.ReadObject(t.Context(), path, b, builtin.ReadOptions{})
	require.NoError(t, err)
	a, err := core.Compile(t.Context(), o, builtin.Linux(), builtin.AMD64(), core.Options{Policy: verifier.Guard, CPU: cpu})
	require.NoError(t, err)
	return a
}

func objects(t *testing.T) (paths []string) {
	for _, pattern := range []string{"../../examples/*/*.o", "../bench/programs/c/*.o"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found)
		paths = append(paths, found...)
	}
	return paths
}

// What the back end makes is accepted, at every CPU level that this machine has.
func TestRealArtifactsAreAccepted(t *testing.T) {
	s := open(t)
	levels := builtin.AMD64().Target().CPUs
	for _, cpu := range levels[:slices.Index(levels, min(sdk.HostCPU(), levels[len(levels)-1]))+1] {
		for _, path := range objects(t) {
			ids, err := s.Load(t.Context(), compile(t, path, cpu))
			require.NoError(t, err, "%s %s", path, cpu)
			for _, id := range ids {
				require.NoError(t, s.Unload(t.Context(), id))
			}
		}
	}
}

// Without a new digest no change of any byte passes.
func TestAnyChangeUnderTheDigestIsRefused(t *testing.T) {
	s := open(t)
	a := compile(t, objects(t)[0], "")
	for i := range a.Code {
		a.Code[i] ^= 1 << (i % 8)
		_, err := s.Load(t.Context(), a)
		var damaged *codegen.DigestError
		require.ErrorAs(t, err, &damaged, "byte %d", i)
		a.Code[i] ^= 1 << (i % 8)
	}
	_, err := s.Load(t.Context(), a)
	require.NoError(t, err)
}

// insn is a decoded instruction of an artifact.
type insn struct {
	at   int
	inst x86asm.Inst
	code []byte
}

func decode(t *testing.T, code []byte) (list []insn) {
	for at := 0; at < len(code); {
		inst, err := x86asm.Decode(code[at:], 64)
		require.NoError(t, err, "%x", code[at:min(at+16, len(code))])
		list = append(list, insn{at, inst, code[at : at+inst.Len]})
		at += inst.Len
	}
	return list
}

// overwrite replaces an instruction by b and nops.
func (i insn) overwrite(b ...byte) {
	copy(i.code, b)
	for k := len(b); k < len(i.code); k++ {
		i.code[k] = 0x90
	}
}

// branch reports whether the instruction is a direct branch, with its displacement's size.
func (i insn) branch() (size int, ok bool) {
	_, rel := i.inst.Args[0].(x86asm.Rel)
	return i.inst.PCRel, rel
}

// retarget makes a direct branch go n bytes beyond where it goes.
func (i insn) retarget(n int32) {
	size, _ := i.branch()
	field := i.code[i.inst.PCRelOff:]
	if size == 1 {
		field[0] += byte(n)
		return
	}
	binary.LittleEndian.PutUint32(field, binary.LittleEndian.Uint32(field)+uint32(n))
}

// first returns the first instruction that fits.
func first(t *testing.T, list []insn, fits func(insn) bool) insn {
	i := slices.IndexFunc(list, fits)
	require.GreaterOrEqual(t, i, 0, "the artifact has no such instruction")
	return list[i]
}

func longer(n int) func(insn) bool { return func(i insn) bool { return i.inst.Len >= n } }

func branch(size int) func(insn) bool {
	return func(i insn) bool { s, ok := i.branch(); return ok && s == size }
}

// tampers are ways to change an artifact whose digest is then made anew: what a
// broken back end could do.
var tampers = []struct {
	name string
	do   func(*testing.T, *codegen.Artifact, []insn)
}{
	{"stray branch", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, branch(4)).retarget(1 << 20)
	}},
	{"branch before the code", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, branch(4)).retarget(-1 << 20)
	}},
	{"jump into an instruction", func(t *testing.T, a *codegen.Artifact, list []insn) {
		i := first(t, list, func(i insn) bool {
			s, ok := i.branch()
			rel, _ := i.inst.Args[0].(x86asm.Rel)
			return ok && s == 1 && slices.ContainsFunc(list, func(to insn) bool {
				return to.at == i.at+i.inst.Len+int(rel) && to.inst.Len > 1
			})
		})
		i.retarget(1)
	}},
	{"system call", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(2)).overwrite(0x0f, 0x05)
	}},
	{"software interrupt", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(2)).overwrite(0xcd, 0x80)
	}},
	{"hlt", func(t *testing.T, a *codegen.Artifact, list []insn) { first(t, list, longer(1)).overwrite(0xf4) }},
	{"jump through a register", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(2)).overwrite(0xff, 0xe0)
	}},
	{"call through a register", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(2)).overwrite(0xff, 0xd0)
	}},
	{"call through memory", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(2)).overwrite(0xff, 0x17)
	}},
	{"string instruction", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(3)).overwrite(0xf3, 0x48, 0xab)
	}},
	{"wrmsr", func(t *testing.T, a *codegen.Artifact, list []insn) { first(t, list, longer(2)).overwrite(0x0f, 0x30) }},
	{"segment prefix", func(t *testing.T, a *codegen.Artifact, list []insn) {
		first(t, list, longer(4)).overwrite(0x64, 0x48, 0x8b, 0x07)
	}},
	{"end in the middle of an instruction", func(t *testing.T, a *codegen.Artifact, list []insn) {
		last := list[len(list)-1]
		for i := len(list) - 1; last.inst.Len < 2; i-- {
			last = list[i]
		}
		a.Code = a.Code[:last.at+1]
	}},
	{"entry in an instruction", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Entries[0].Offset = uint32(first(t, list, longer(2)).at + 1)
	}},
	{"entry behind the code", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Entries[0].Offset = uint32(len(a.Code))
	}},
	{"exit that no call has", func(t *testing.T, a *codegen.Artifact, list []insn) { a.Exits[0].Offset-- }},
	{"exit of a helper that there is not", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Exits[0].Code, a.Exits[0].Helper = codegen.ExitHelper, 99
	}},
	{"relocation of an opcode", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Relocs[0].Offset -= 2
	}},
	{"relocation behind the code", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Relocs = append(a.Relocs, codegen.Reloc{Offset: uint32(len(a.Code) - 2), Kind: codegen.RelocRodata})
	}},
	{"stack beyond what a worker has", func(t *testing.T, a *codegen.Artifact, list []insn) {
		a.Entries[0].StackSize, a.StackSize = 1<<20, 1<<20
	}},
	{"code for a CPU that nobody has", func(t *testing.T, a *codegen.Artifact, list []insn) { a.CPU = "x86-64-v9" }},
	{"type that is defined otherwise", func(t *testing.T, a *codegen.Artifact, list []insn) { a.Items[0].Digest[0]++ }},
}

// Each is refused, with a sentence that names the artifact; nothing is run to find out.
func TestTamperedArtifactsAreRefused(t *testing.T) {
	s := open(t)
	const path = "../../examples/httpline/httpline.o" // calls, loops, guards
	for _, c := range tampers {
		t.Run(c.name, func(t *testing.T) {
			a := compile(t, path, "")
			c.do(t, a, decode(t, a.Code))
			a.Seal()
			_, err := s.Load(t.Context(), a)
			require.Error(t, err)
			require.Contains(t, err.Error(), "httpline.o")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := s.Load(t.Context(), compile(t, path, ""))
	require.NoError(t, err, "as it is made")
}
