package elf

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

// loadTypes reads types from a file.
func loadTypes(t testing.TB, path string) *Types {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	types, err := LoadTypes(filepath.Base(path), bytes.NewReader(b))
	require.NoError(t, err)
	return types
}

// ciliumKernel are the types of a kernel that come with cilium/ebpf.
func ciliumKernel(t testing.TB) *Types {
	t.Helper()
	f, err := os.Open(filepath.Join(ciliumTestdata(t), "btf/testdata/vmlinux.btf.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	types, err := LoadTypes("vmlinux", bytes.NewReader(b))
	require.NoError(t, err)
	return types
}

// linkEach links every program of an object by itself: one that is refused leaves the others.
func linkEach(t testing.TB, path string, o Options) (*obj.Object, map[string]error) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := open(b)
	require.NoError(t, err)
	f.options = o
	for _, step := range f.steps() {
		require.NoError(t, step())
	}
	entries, err := f.entries()
	require.NoError(t, err)
	object, refused := &obj.Object{Data: f.data, Maps: f.maps}, map[string]error{}
	for _, e := range entries {
		l := linker{file: f, limit: maxInsns, base: map[*unit]int{}}
		if refused[e.name] = l.program(e.name, e.unit); refused[e.name] == nil {
			object.Programs = append(object.Programs, l.out)
		}
	}
	return object, refused
}

// TestForeignRelocations runs the programs by which cilium/ebpf tests CO-RE: they
// return the number of the line with the first mistake, 0 if there is none.
func TestForeignRelocations(t *testing.T) {
	dir := filepath.Join(ciliumTestdata(t), "btf/testdata")
	for _, c := range []struct {
		object, types string
		programs      int
	}{
		{"relocs-el.elf", "relocs-el.elf", 4},
		{"relocs_read-el.elf", "relocs_read_tgt-el.elf", 1},
	} {
		o, refused := linkEach(t, filepath.Join(dir, c.object), Options{Kernel: loadTypes(t, filepath.Join(dir, c.types))})
		for name, err := range refused {
			require.Equal(t, strings.HasPrefix(name, "err_"), err != nil, "%s: %v", name, err)
			if err != nil {
				t.Log(err)
			}
		}
		for _, p := range o.Programs {
			r0, err := evaluate(o, &p, make([]byte, 64))
			require.NoError(t, err, p.Name)
			want := uint64(0)
			if p.Name == "type_ids" {
				want = 70 // from here on it asks for types whose numbers differ from the object's own, which these are
			}
			require.Equal(t, want, r0, p.Name)
		}
		require.Equal(t, c.programs, len(o.Programs))
	}
}

// TestRelocationsAgainstCilium compares each relocated instruction of the entry functions with what
// cilium/ebpf makes of it, which has another implementation. An instruction that
// it poisons is left out: for types that the kernel does not have, libbpf says 0.
func TestRelocationsAgainstCilium(t *testing.T) {
	root := ciliumTestdata(t)
	kernels := []*Types{ciliumKernel(t), loadTypes(t, filepath.Join(root, "btf/testdata/relocs-el.elf"))}
	if _, err := os.Stat(runningKernel); err == nil {
		kernels = append(kernels, loadTypes(t, runningKernel))
	}
	compared := 0
	for _, path := range []string{
		"testdata/manyprogs-el.elf", "testdata/errors-el.elf", "btf/testdata/relocs_enum-el.elf", "btf/testdata/relocs_read-el.elf", "btf/testdata/relocs-el.elf",
		filepath.Join(t.TempDir(), "core.o"),
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		} else if !compileCore(t, path) {
			continue
		}
		for _, kernel := range kernels {
			spec, err := ebpf.LoadCollectionSpec(path)
			require.NoError(t, err)
			o, _ := linkEach(t, path, Options{Kernel: kernel})
			for _, p := range o.Programs {
				compared += compareRelocated(t, p, spec.Programs[p.Name], kernel)
			}
		}
	}
	require.Greater(t, compared, 100)
}

const runningKernel = "/sys/kernel/btf/vmlinux"

// compileCore compiles the source of relocations, if there is a clang.
func compileCore(t *testing.T, to string) bool {
	object, err := Clang{Stderr: t.Output()}.Compile(t.Context(), "testdata/kernel/core.c", []string{"-mcpu=v3", "-w", "-Itestdata"})
	var e *Error
	if errors.As(err, &e) && e.Code == CodeNoClang {
		return false
	}
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, object, 0o600))
	return true
}

// compareRelocated returns the number of instructions compared.
func compareRelocated(t *testing.T, p obj.Program, spec *ebpf.ProgramSpec, kernel *Types) int {
	compared := 0
	for it := spec.Instructions.Iterate(); it.Next(); {
		if it.Index > 0 && it.Ins.Symbol() != "" {
			break // the next function
		}
		relo := btf.CORERelocationMetadata(it.Ins)
		if relo == nil || strings.Contains(relo.String(), "local_type_id") || strings.Contains(relo.String(), "type_matches") {
			continue // that library takes more types for different than libbpf does
		}
		fixes, err := btf.CORERelocate([]*btf.CORERelocation{relo}, []*btf.Spec{kernel.spec}, binary.LittleEndian, nil)
		if err != nil || strings.Contains(fixes[0].String(), "poison") {
			continue
		}
		require.NoError(t, fixes[0].Apply(it.Ins), "%s: %v", p.Name, relo)
		compared++
		in := p.Insns[int(it.Offset)]
		if in.Row().Kind == isa.KindLoad || in.Row().Kind == isa.KindStore {
			require.Equal(t, it.Ins.Offset, in.Off, "%s: instruction %d: %v", p.Name, it.Offset, relo)
			continue
		}
		require.Equal(t, it.Ins.Constant, in.Imm, "%s: instruction %d: %v", p.Name, it.Offset, relo)
	}
	return compared
}

// TestRelocationsAgainstLibbpf compares with what libbpf says it does for the running kernel.
func TestRelocationsAgainstLibbpf(t *testing.T) {
	tool, path := lookPath("bpftool"), filepath.Join(t.TempDir(), "core.o")
	if _, err := os.Stat(runningKernel); err != nil || tool == "" || os.Geteuid() != 0 {
		t.Skip("needs root, bpftool and a kernel with BTF")
	}
	if !compileCore(t, path) {
		t.Skip("needs clang")
	}
	o, refused := linkEach(t, path, Options{Kernel: loadTypes(t, runningKernel)})
	pins := fmt.Sprintf("/sys/fs/bpf/bpfc-test-%d", os.Getpid())
	defer os.RemoveAll(pins)
	// The kernel may refuse the programs; libbpf has relocated them by then.
	log, _ := exec.Command(tool, "-d", "prog", "loadall", path, pins).CombinedOutput()
	programs := map[string]*obj.Program{}
	for i := range o.Programs {
		programs[o.Programs[i].Name] = &o.Programs[i]
		require.NoError(t, refused[o.Programs[i].Name])
	}
	patched := 0
	for _, m := range patchedLine.FindAllStringSubmatch(string(log), -1) {
		in := programs[m[1]].Insns[atoi(t, m[3])]
		switch {
		case m[2] == "substituting":
			require.Equal(t, isa.CallHelper(obj.Poison), in, m[0])
		case m[4] == "off":
			require.EqualValues(t, atoi(t, m[5]), in.Off, m[0])
		case m[4] == "mem_sz":
			require.EqualValues(t, atoi(t, m[5]), in.Row().Size, m[0])
		default:
			require.EqualValues(t, atoi(t, m[5]), in.Imm, m[0])
		}
		patched++
	}
	require.Greater(t, patched, 60, "%s", log)
}

// patchedLine is what libbpf logs of an instruction: program, what it does, number, and what it has changed to what.
var patchedLine = regexp.MustCompile(`prog '(\w+)': relo #\d+: (patched|substituting) insn #(\d+)(?: \([A-Z0-9/]+\) (off|imm64|imm|mem_sz) -?\d+ -> (-?\d+)| w/ invalid)`)

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}
