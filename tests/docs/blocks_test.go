package docs

import (
	"bytes"
	"cmp"
	goflag "flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = goflag.Bool("update", false, "replace outputs in console blocks that differ from what the commands print")

// needed are programs that not every machine has, or the flag that starts one.
var needed = regexp.MustCompile(`\b(cc|clang|objdump|gdb)\b|--expr`)

// starts are the programs that flags start.
var starts = map[string]string{"--expr": "tcpdump"}

// The commands of console blocks print what the documents say. The blocks of one
// document share a directory, in which examples/ is that of the repository.
func TestConsole(t *testing.T) {
	nativeHere(t)
	dir := bpfc(t)
	for _, d := range documents(t) {
		t.Run(d.name, func(t *testing.T) {
			work := t.TempDir()
			abs, err := filepath.Abs(filepath.Join(root, "examples"))
			require.NoError(t, err)
			require.NoError(t, os.Symlink(abs, filepath.Join(work, "examples")))
			lines := strings.Split(d.text, "\n")
			for _, b := range d.blocks {
				if b.kind == "console" {
					runBlock(t, d, b, lines, work, dir)
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join(root, d.name), []byte(joined(lines)), 0o644))
			}
		})
	}
}

// step is a command and its output.
type step struct {
	command string
	at      int // line of the output in the block
	output  []string
}

func steps(body []string) (all []step) {
	for i, l := range body {
		if c, ok := strings.CutPrefix(l, "$ "); ok {
			all = append(all, step{command: c, at: i + 1})
			continue
		}
		last := &all[len(all)-1]
		if c, ok := strings.CutPrefix(l, "> "); ok && len(last.output) == 0 {
			last.command, last.at = last.command+"\n"+c, i+1
		} else {
			last.output = append(last.output, l)
		}
	}
	return all
}

// dropped marks lines that an update leaves out.
const dropped = "\x00"

func joined(lines []string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), dropped+"\n", "")
}

func runBlock(t *testing.T, d *document, b block, lines []string, work, dir string) {
	for _, s := range steps(b.body) {
		for _, program := range needed.FindAllString(s.command, -1) {
			if _, err := exec.LookPath(cmp.Or(starts[program], program)); err != nil {
				t.Logf("%s:%d: not run: %v", d.name, b.line, err)
				return
			}
		}
		got := run(t, s.command, work, dir)
		if matches(s.output, got) {
			continue
		}
		if !*update {
			t.Errorf("%s:%d: %s prints\n%s", d.name, b.line+s.at, s.command, strings.Join(got, "\n"))
			continue
		}
		replace(lines[b.line-1+s.at-1:], len(s.output), got)
	}
}

// replace puts text in the place of the first n lines after lines[0].
func replace(lines []string, n int, text []string) {
	for i := 1; i <= n; i++ {
		lines[i] = dropped
	}
	lines[0] = strings.Join(append([]string{lines[0]}, text...), "\n")
}

// run runs a command and returns what it prints on both outputs.
func run(t *testing.T, command, work, dir string) []string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = work
	source, err := filepath.Abs(root)
	require.NoError(t, err)
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1", "BPFC_SOURCE="+source, "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		require.NoError(t, err)
	}
	text := strings.TrimRight(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// matches reports whether lines match a pattern of lines.
func matches(pattern, lines []string) bool {
	if len(pattern) == 0 {
		return len(lines) == 0
	}
	if pattern[0] == "…" {
		return matches(pattern[1:], lines) || len(lines) > 0 && matches(pattern, lines[1:])
	}
	return len(lines) > 0 && matchesLine(pattern[0], lines[0]) && matches(pattern[1:], lines[1:])
}

func matchesLine(pattern, line string) bool {
	var re []string
	for _, part := range strings.Split(pattern, "…") {
		re = append(re, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + strings.Join(re, ".*") + "$").MatchString(line)
}

var printed = regexp.MustCompile(`(?m)\bfmt\.Print(?:f|ln)\(.*\) // (.+)$`)

// The Go files in the documents compile; programs print what the comments behind fmt.Print say.
func TestGo(t *testing.T) {
	nativeHere(t)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			text := strings.Join(b.body, "\n") + "\n"
			if b.kind != "go" || !strings.HasPrefix(text, "package ") {
				continue
			}
			t.Run(d.name, func(t *testing.T) { goFile(t, d, b, text) })
		}
	}
}

func goFile(t *testing.T, d *document, b block, text string) {
	main := strings.HasPrefix(text, "package main\n")
	verb, name := "vet", "snippet_test.go"
	if main {
		verb, name = "run", "snippet.go"
	}
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.Command("go", verb, file)
	cmd.Dir = root
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(t, err, "%s:%d: %s", d.name, b.line, &errors)
	if main {
		var want []string
		for _, m := range printed.FindAllStringSubmatch(text, -1) {
			want = append(want, m[1]+"\n")
		}
		require.Equal(t, strings.Join(want, ""), string(out), "%s:%d", d.name, b.line)
	}
}
