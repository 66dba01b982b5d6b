package docs

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// anchor is the name that GitHub gives a heading.
func anchor(title string) string {
	title = strings.ToLower(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, ""))
	return strings.ReplaceAll(title, " ", "-")
}

func anchors(d *document) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(d.prose(), -1) {
		all = append(all, anchor(m[1]))
	}
	return all
}

func TestLinks(t *testing.T) {
	all := documents(t)
	for _, d := range all {
		for _, m := range link.FindAllStringSubmatch(d.prose(), -1) {
			u, err := url.Parse(m[1])
			require.NoError(t, err, "%s: %s", d.name, m[1])
			if u.Scheme != "" {
				continue
			}
			target := d.name
			if u.Path != "" {
				target = path.Join(path.Dir(d.name), u.Path)
				require.True(t, exists(target), "%s: link to %s", d.name, m[1])
			}
			if u.Fragment != "" {
				i := slices.IndexFunc(all, func(o *document) bool { return o.name == target })
				require.GreaterOrEqual(t, i, 0, "%s: %s is no document", d.name, target)
				require.Contains(t, anchors(all[i]), u.Fragment, "%s: link to %s", d.name, m[1])
			}
		}
	}
}

// exists reports whether there is a file, or any that matches a pattern, at a path from root.
func exists(p string) bool {
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(p)))
	return err == nil && len(found) > 0
}

// rooms are the directories of the repository.
func rooms(t *testing.T) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			all = append(all, e.Name())
		}
	}
	return all
}

// In inline code what begins with a directory of the repository is a path.
func TestPaths(t *testing.T) {
	top := rooms(t)
	for _, d := range documents(t) {
		for _, s := range d.spans() {
			first, _, ok := strings.Cut(s, "/")
			if ok && slices.Contains(top, first) && !strings.ContainsAny(s, " \t…") {
				require.True(t, exists(strings.TrimSuffix(s, "/...")), "%s: `%s` does not exist", d.name, s)
			}
		}
	}
}

// exported collects what the packages of the repository export, by the package's name.
func exported(t *testing.T) map[string]map[string]bool {
	t.Helper()
	names := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") && p != root && p != ".." || e.Name() == "testdata"):
			return filepath.SkipDir
		case e.IsDir() || filepath.Ext(p) != ".go":
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := strings.TrimSuffix(f.Name.Name, "_test")
		if names[pkg] == nil {
			names[pkg] = map[string]bool{}
		}
		declared(f, names[pkg])
		return nil
	})
	require.NoError(t, err)
	return names
}

// declared adds the names of what f declares: N, and T.N for methods and fields.
func declared(f *ast.File, names map[string]bool) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			names[name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				declaredSpec(s, names)
			}
		}
	}
}

func declaredSpec(s ast.Spec, names map[string]bool) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		for _, n := range members(s.Type) {
			names[s.Name.Name+"."+n] = true
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// members are the fields of a structure or the methods of an interface.
func members(e ast.Expr) (names []string) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
		if len(f.Names) == 0 { // embedded
			names = append(names, receiver(f.Type))
		}
	}
	return names
}

var qualified = regexp.MustCompile(`^([a-z0-9]+)\.([A-Z]\w*(?:\.[A-Z]\w*)?)(?:\(.*\))?$`)

// In inline code pkg.Name and pkg.Type.Name of a package of the repository exist.
func TestIdentifiers(t *testing.T) {
	names := exported(t)
	for _, d := range documents(t) {
		for _, s := range d.spans() {
			m := qualified.FindStringSubmatch(s)
			if m == nil || names[m[1]] == nil {
				continue
			}
			require.True(t, names[m[1]][m[2]], "%s: `%s` does not exist", d.name, s)
		}
	}
}

// command is a use of the command in a document.
type command struct {
	where string
	words []string
}

var comment = regexp.MustCompile(`\s#.*$`)

// commands are the uses in inline code and in blocks of commands.
func commands(all []*document) (out []command) {
	for _, d := range all {
		for _, s := range d.spans() {
			out = appendCommand(out, d.name, s)
		}
		for _, b := range d.blocks {
			if b.kind == "go" || b.kind == "" {
				continue
			}
			for _, l := range b.body {
				for _, part := range strings.FieldsFunc(comment.ReplaceAllString(l, ""), func(r rune) bool { return r == '|' || r == ';' || r == '&' }) {
					out = appendCommand(out, d.name, strings.TrimPrefix(strings.TrimSpace(part), "$ "))
				}
			}
		}
	}
	return out
}

var invocation = regexp.MustCompile(`^(?:[A-Z_]+=\S* )*(?:bpfc|go run \./cmd/bpfc) (.+)$`)

func appendCommand(list []command, where, text string) []command {
	if m := invocation.FindStringSubmatch(text); m != nil {
		return append(list, command{where, strings.Fields(m[1])})
	}
	return list
}

// help returns what `bpfc help …` prints for a command, "" if there is none.
func help(t *testing.T, dir string, seen map[string]string, words ...string) string {
	t.Helper()
	key := strings.Join(words, " ")
	text, ok := seen[key]
	if !ok {
		out, err := exec.Command(filepath.Join(dir, "bpfc"), append(slices.Clone(words), "--help")...).CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			require.NoError(t, err)
		}
		if err == nil && strings.Contains(string(out), "bpfc "+key) {
			text = string(out)
		}
		seen[key] = text
	}
	return text
}

var flag = regexp.MustCompile(`^(--?[A-Za-z][a-z-]*)`)

// Every command that a document mentions exists, with the flags that it mentions.
func TestCommands(t *testing.T) {
	dir, seen := bpfc(t), map[string]string{}
	for _, c := range commands(documents(t)) {
		name := c.words[:1]
		if flag.MatchString(name[0]) || name[0] == "…" {
			continue
		}
		text := help(t, dir, seen, name[0])
		require.NotEmpty(t, text, "%s: bpfc %s: there is no such command", c.where, strings.Join(c.words, " "))
		if len(c.words) > 1 {
			if sub := help(t, dir, seen, name[0], c.words[1]); sub != "" {
				text = sub
			}
		}
		for _, w := range c.words[1:] {
			if w == "--" {
				break
			}
			if m := flag.FindString(w); m != "" {
				require.Regexp(t, `(?m)(^| )`+m+`[ ,\n]`, text, "%s: bpfc %s has no flag %s", c.where, name[0], m)
			}
		}
	}
}

var rowName = regexp.MustCompile("(?m)^\\| `([a-z0-9.]+)`")

// The table of operations has a row for every op, in the order of ir.Ops.
func TestOps(t *testing.T) {
	_, section, ok := strings.Cut(find(t, "docs/PORTING-A-BACKEND.md").text, "## The operations\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	var have, want []string
	for _, m := range rowName.FindAllStringSubmatch(section, -1) {
		have = append(have, m[1])
	}
	for _, o := range ir.Ops[ir.OpInvalid+1:] {
		want = append(want, o.Name)
	}
	require.Equal(t, want, have)
}
