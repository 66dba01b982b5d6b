// Package unsupported keeps docs/UNSUPPORTED.md true: every entry of the list has
// a program that gets the verdict "unsupported" with the code that the entry
// names, and every program belongs to an entry.
//
// After a change of codes, `go test ./tests/unsupported -update` rewrites the
// codes in the document.
package unsupported

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
	"github.com/bpfc/bpfc/sdk/builtin"
)

const document = "../../docs/UNSUPPORTED.md"

var update = flag.Bool("update", false, "rewrite the codes in docs/UNSUPPORTED.md")

// entry is a row of the document's tables: | what | why | instead | code | programs |.
type entry struct {
	line     int
	what     string
	code     string
	programs []string
}

var (
	row     = regexp.MustCompile(`^\| (.+) \| (.+) \| (.+) \| ([A-Z]{2}[0-9]{3}|elf-[a-z-]+) \| (.+) \|$`)
	program = regexp.MustCompile("`([a-z0-9_]+)`")
)

func entries(lines []string) (out []entry) {
	for i, l := range lines {
		m := row.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		e := entry{line: i, what: m[1], code: m[4]}
		for _, p := range program.FindAllStringSubmatch(m[5], -1) {
			e.programs = append(e.programs, p[1])
		}
		out = append(out, e)
	}
	return out
}

func set(t *testing.T) *abi.Set {
	s, err := abi.Merge(base.Set(), networking.Set(), tracing.Set())
	require.NoError(t, err)
	return s
}

// path is the file of a program: an object if it needs types, assembly otherwise.
func path(name string) string {
	if _, err := os.Stat(filepath.Join("testdata", name+".s")); err == nil {
		return filepath.Join("testdata", name+".s")
	}
	return filepath.Join("testdata", name+".o")
}

// code is the code of the verdict on the program in a file, which has to be "unsupported".
func code(t *testing.T, name string) string {
	file := path(name)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	object, err := builtin.ReadObject(context.Background(), file, b, builtin.ReadOptions{})
	var unread *elf.Error
	if errors.As(err, &unread) {
		require.True(t, unread.Unsupported, "%s: %v", name, err)
		return string(unread.Code)
	}
	require.NoError(t, err, name)
	reports, err := core.Verify(object, set(t), core.Options{Policy: verifier.Strict})
	require.NoError(t, err, name)
	require.Len(t, reports, 1, name)
	refused := reports[0].Err
	require.NotNil(t, refused, "%s is accepted", name)
	require.Equal(t, verifier.Unsupported, refused.Verdict, "%s: %v", name, refused)
	return string(refused.Code)
}

func TestEveryEntryHasAProgram(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	list := entries(lines)
	require.NotEmpty(t, list)
	for _, e := range list {
		require.NotEmpty(t, e.programs, e.what)
		for _, p := range e.programs {
			got := code(t, p)
			if *update {
				lines[e.line] = strings.Replace(lines[e.line], "| "+e.code+" |", "| "+got+" |", 1)
				e.code = got
			}
			require.Equal(t, e.code, got, "%s: %s", p, e.what)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(strings.Join(lines, "\n")), 0o644))
	}
}

func TestEveryProgramHasAnEntry(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	var named []string
	for _, e := range entries(strings.Split(string(text), "\n")) {
		named = append(named, e.programs...)
	}
	files, err := filepath.Glob("testdata/*.[so]")
	require.NoError(t, err)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))
		require.True(t, slices.Contains(named, name), "%s is in no entry of %s", f, document)
	}
}

// Types that a set declares without deciding them are all in the list.
func TestEveryUndecidedTypeHasAnEntry(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	for _, typ := range set(t).Types {
		if typ.Unsupported != "" {
			require.Contains(t, string(text), "`"+typ.Name+"`", "program type")
		}
	}
}

// Every rule that does not say that a program is unsafe is in the list, and every code with which a front end
// refuses what it does not support.
func TestEveryUnsupportedCodeHasAnEntry(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	for _, r := range verifier.Rules() {
		if r.Unsupported {
			require.Contains(t, string(text), string(r.Code), r.Name)
		}
	}
	files, err := filepath.Glob("../../frontends/elf/*.go")
	require.NoError(t, err)
	used := map[string]bool{}
	values := map[string]string{}
	for _, f := range files {
		source, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`unsupported\((Code\w+),`).FindAllStringSubmatch(string(source), -1) {
			used[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(Code\w+)\s+(?:Code\s+)?= "(elf-[a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
			values[m[1]] = m[2]
		}
	}
	require.Greater(t, len(used), 8)
	for name := range used {
		require.NotEmpty(t, values[name], name)
		require.Contains(t, string(text), values[name], name)
	}
}
