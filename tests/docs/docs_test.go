// Package docs keeps the documents true: what they name exists, what they show
// is what the command prints, and their Go programs compile and print what their
// comments say.
//
// In a console block lines that begin with "$ " are commands, "> " continues
// one, and the rest is their output; "…" stands for anything, alone on a line for
// any lines. After a change of what the command prints, `go test ./tests/docs -update`
// replaces the outputs that differ.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// document is a document and its fenced blocks.
type document struct {
	name   string // path from root
	text   string
	blocks []block
}

// block is a fenced block.
type block struct {
	kind string // what stands behind the fence
	line int    // of its first line of content, from 1
	body []string
}

// documents reads every document.
func documents(t *testing.T) (all []*document) {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	require.NotEmpty(t, paths)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		name, err := filepath.Rel(root, p)
		require.NoError(t, err)
		all = append(all, parse(t, filepath.ToSlash(name), string(b)))
	}
	return all
}

func parse(t *testing.T, name, text string) *document {
	t.Helper()
	d := &document{name: name, text: text}
	open := false
	for i, l := range strings.Split(text, "\n") {
		switch kind, fence := strings.CutPrefix(l, "```"); {
		case fence && !open:
			d.blocks = append(d.blocks, block{kind: kind, line: i + 2})
			open = true
		case fence:
			open = false
		case open:
			b := &d.blocks[len(d.blocks)-1]
			b.body = append(b.body, l)
		}
	}
	require.False(t, open, "%s: a fenced block is not closed", name)
	return d
}

// prose is the text outside fenced blocks.
func (d *document) prose() string {
	var out []string
	inside := false
	for l := range strings.Lines(d.text) {
		if strings.HasPrefix(l, "```") {
			inside = !inside
		} else if !inside {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// spans are the inline code of the document.
func (d *document) spans() (all []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(d.prose(), -1) {
		all = append(all, m[1])
	}
	return all
}

// under returns the fenced blocks of the section with the heading.
func (d *document) under(heading string) (found []block) {
	_, after, _ := strings.Cut(d.text, heading+"\n")
	line := strings.Count(d.text[:len(d.text)-len(after)], "\n") + 1
	section, _, _ := strings.Cut(after, "\n## ")
	end := line + strings.Count(section, "\n")
	for _, b := range d.blocks {
		if b.line >= line && b.line <= end {
			found = append(found, b)
		}
	}
	return found
}

func find(t *testing.T, name string) *document {
	t.Helper()
	all := documents(t)
	i := slices.IndexFunc(all, func(d *document) bool { return d.name == name })
	require.GreaterOrEqual(t, i, 0, "there is no %s", name)
	return all[i]
}

// nativeHere skips tests of what needs native code.
func nativeHere(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the documents show native code, which runs on linux/amd64")
	}
}

// bpfc builds the command and returns the directory that it is in.
func bpfc(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "bpfc"), root+"/cmd/bpfc").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// The first command is run in the repository itself; the second one is what runs this test.
func TestQuickStart(t *testing.T) {
	nativeHere(t)
	d := find(t, "README.md")
	blocks := d.under("## Quick start")
	require.Len(t, blocks, 1)
	commands := blocks[0].body
	require.Len(t, commands, 2)
	require.Equal(t, "go test ./...", commands[1])
	cmd := exec.Command("sh", "-c", commands[0])
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Contains(t, d.prose(), "prints the\ndestination port of the TCP segment in it, `"+strings.TrimSpace(string(out))+"`")
}
