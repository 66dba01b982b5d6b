// Package cdiff compiles C twice, natively and for BPF by clang and bpfc, runs
// both on the same inputs and compares results and memory: programs of a
// generator, and written ones in the style of what users bring.
package cdiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// flavour is a way in which clang compiles for BPF.
type flavour struct {
	cpu, level string
	debug      bool
}

func (f flavour) String() string { return fmt.Sprintf("-mcpu=%s -%s", f.cpu, f.level) }

// flavours are all with these levels of optimisation; half carry debug information, which
// brings sections and relocations of its own.
func flavours(levels ...string) (all []flavour) {
	for i, cpu := range []string{"v1", "v2", "v3", "v4"} {
		for j, level := range levels {
			all = append(all, flavour{cpu, level, (i+j)%2 == 0})
		}
	}
	return all
}

// tools are the compilers of the test; it is skipped without clang.
type tools struct{ clang string }

func needTools(t testing.TB) tools {
	t.Helper()
	clang, err := elf.Clang{}.Find()
	if err != nil {
		t.Skip("clang is not installed")
	}
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("cc is not installed")
	}
	return tools{clang}
}

// native reports whether machine code of bpfc runs here.
func native() bool { return goruntime.GOOS == "linux" && goruntime.GOARCH == "amd64" }

// unit is one C file with its programs, the inputs of each, and what native code makes of them.
type unit struct {
	testing.TB
	tools
	dir      string
	source   string // path
	programs []string
	inputs   [][]byte
	want     []string // a line for each program and input
}

// newUnit compiles the source natively with flags of its own and runs it.
func newUnit(t testing.TB, tl tools, name, source string, programs []string, inputs [][]byte, flags ...string) *unit {
	t.Helper()
	u := &unit{TB: t, tools: tl, dir: t.TempDir(), programs: programs, inputs: inputs}
	u.source = u.write(name, []byte(source))
	u.write("inputs", packInputs(inputs))
	u.write("main.c", u.main())
	args := append([]string{"-w", "-fno-strict-aliasing", "-I", here("c"), "-include", u.source, "-o", "main.o", "-c", "main.c"}, flags...)
	u.mustRun("cc", args...)
	sanitizers := slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return !strings.HasPrefix(f, "-fsanitize") })
	u.mustRun("cc", append([]string{"-w", "-o", "native", "main.o"}, sanitizers...)...)
	u.want = u.lines(u.mustRun("./native", "native", "inputs"))
	return u
}

// here is the absolute path of a file beside this one.
func here(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic("cdiff: no working directory: " + err.Error())
	}
	return abs
}

func (u *unit) path(name string) string { return filepath.Join(u.dir, name) }

func (u *unit) write(name string, b []byte) string {
	u.Helper()
	require.NoError(u, os.WriteFile(u.path(name), b, 0o600))
	return u.path(name)
}

func packInputs(inputs [][]byte) (packed []byte) {
	for _, in := range inputs {
		packed = append(binary.LittleEndian.AppendUint32(packed, uint32(len(in))), in...)
	}
	return packed
}

// run runs a command in the unit's directory. It returns what the command prints, and its error with its messages.
func (u *unit) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = u.dir
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, messages.String())
	}
	return out.String(), nil
}

func (u *unit) mustRun(name string, args ...string) string {
	u.Helper()
	out, err := u.run(name, args...)
	require.NoError(u, err)
	return out
}

func (u *unit) lines(out string) []string {
	u.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(u, lines, len(u.programs)*len(u.inputs))
	return lines
}

// main is the C program that runs all: its table names the native functions and those of the object.
func (u *unit) main() []byte {
	var b bytes.Buffer
	b.WriteString("#include \"driver.h\"\n")
	for _, p := range u.programs {
		fmt.Fprintf(&b, "#pragma weak %[1]s\n#pragma weak %[1]s_checked\n", p) // absent where only native code runs
		fmt.Fprintf(&b, "u64 %[1]s(void *, u64); int %[1]s_checked(void *, u64, u64 *, struct fault *);\n", p)
	}
	b.WriteString("static const struct entry cdiff_table[] = {\n")
	for _, p := range u.programs {
		fmt.Fprintf(&b, "\t{(void *)native_%[1]s, (void *)%[1]s_checked, (void *)%[1]s},\n", p)
	}
	b.WriteString("};\nint main(int argc, char **argv) { return drive(cdiff_table, sizeof cdiff_table / sizeof *cdiff_table, argv); }\n")
	return b.Bytes()
}

// clangFor compiles the unit for BPF. The error is clang's, if it refuses.
func (u *unit) clangFor(f flavour) (*obj.Object, error) {
	// Without builtins, clang leaves memcpy and its kin to be called by name.
	args := []string{"-target", "bpf", "-mcpu=" + f.cpu, "-" + f.level, "-w", "-fno-strict-aliasing", "-fno-builtin",
		"-I", here("c"), "-c", u.source, "-o", "bpf.o"}
	if f.debug {
		args = append(args, "-g")
	}
	if _, err := u.run(u.clang, args...); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(u.path("bpf.o"))
	require.NoError(u, err)
	o, err := elf.Parse(filepath.Base(u.source), b, elf.Options{})
	require.NoError(u, err, "%v\n%s", f, u.source)
	return o, nil
}

// engine is a way to run a BPF object in this process.
type engine struct {
	name    string
	backend codegen.Backend
	cpu     string
}

func engines() []engine {
	all := []engine{{"interp", builtin.Interp(), ""}}
	if native() {
		all = append(all, engine{"amd64", builtin.AMD64(), ""}, engine{"amd64 for this CPU", builtin.AMD64(), sdk.HostCPU()})
	}
	return all
}

// runHere runs the object's programs in this process, one line for each run, as the C driver prints them.
func (u *unit) runHere(o *obj.Object, e engine) ([]string, error) {
	ctx := context.Background()
	a, err := core.Compile(ctx, o, builtin.Base(), e.backend, core.Options{Policy: verifier.Guard, CPU: e.cpu})
	if err != nil {
		return nil, err
	}
	s, err := e.backend.(codegen.Runner).Open(ctx, codegen.Spec{CPUs: 1, Set: builtin.Base()})
	require.NoError(u, err)
	defer s.Close()
	ids, err := s.Load(ctx, a)
	require.NoError(u, err)
	require.Len(u, ids, len(u.programs))
	var lines []string
	for _, name := range u.programs {
		i := slices.IndexFunc(a.Entries, func(e codegen.Entry) bool { return e.Name == name })
		require.GreaterOrEqual(u, i, 0, name)
		for _, in := range u.inputs {
			mem := bytes.Clone(in)
			res, err := s.Run(ctx, ids[i], codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}})
			require.NoError(u, err)
			lines = append(lines, line(&res.Results[0], mem))
		}
	}
	return lines, nil
}

func line(r *codegen.Result, mem []byte) string {
	if r.Fault != nil {
		return fmt.Sprintf("fault %+v", *r.Fault)
	}
	return fmt.Sprintf("0 %x %s", r.Ret, hex.EncodeToString(mem))
}

// runLinked compiles the object ahead of time, links it with the driver and runs that.
func (u *unit) runLinked(o *obj.Object, cpu string) ([]string, error) {
	a, err := core.Compile(context.Background(), o, builtin.Base(), builtin.AMD64(), core.Options{Policy: verifier.Guard, Object: true, CPU: cpu})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	require.NoError(u, objfile.Write(&b, a, objfile.Options{Debug: cpu != ""}))
	u.write("linked.o", b.Bytes())
	u.mustRun("cc", "-o", "linked", "main.o", "linked.o")
	return u.lines(u.mustRun("./linked", "object", "inputs")), nil
}

// compare tells the first line that differs from native code's, or "".
func (u *unit) compare(got []string) string {
	for i, want := range u.want {
		if got[i] != want {
			program, input := u.programs[i/len(u.inputs)], i%len(u.inputs)
			return fmt.Sprintf("program %s on input %d (%x):\n native %s\n bpfc   %s", program, input, u.inputs[input], want, got[i])
		}
	}
	return ""
}
