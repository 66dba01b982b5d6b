package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// skeleton are the files of a new helper set; NAME in their names is the set's.
//
//go:embed skeleton
var skeleton embed.FS

// newPlugin is what the files of a new helper set are made of.
type newPlugin struct {
	Name    string // of the set, and of its Go package
	Module  string // of the author
	Version string // of bpfc's module
	Replace string // the folder that has it, "" for a released one
	Require string // what bpfc's module requires, where it is replaced
}

const bpfcModule = "github.com/bpfc/bpfc"

func (a *app) pluginInitCommand() *cobra.Command {
	var module, replace string
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Begin a helper set: write a Go module that builds and passes its test",
		Long:  "Begin a helper set: write a Go module that builds and passes its test. The set is called as the folder DIR.\ndocs/WRITING-A-PLUGIN.md goes on from there.",
		Args:  exactly(1, "the folder to make"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := a.newPlugin(args[0], module, replace)
			if err != nil {
				return err
			}
			return a.initPlugin(args[0], p)
		},
	}
	c.Flags().StringVar(&module, "module", "", "`PATH` of the Go module; example.org/NAME if it is not given")
	c.Flags().StringVar(&replace, "replace", "", "checkout of bpfc to build with, a `DIR`; what the working directory lies in if this bpfc is no release")
	return c
}

// setName is what a set may be called: a Go package's name.
var setName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (a *app) newPlugin(dir, module, replace string) (*newPlugin, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p := &newPlugin{Name: filepath.Base(abs), Module: module, Version: "v0.0.0"}
	if !setName.MatchString(p.Name) {
		return nil, usage("%s is not a name for a set: it is small letters, digits and _, as in Go", p.Name)
	}
	if p.Module == "" {
		p.Module = "example.org/" + p.Name
	}
	if info, ok := debug.ReadBuildInfo(); ok && replace == "" && released(info.Main.Version) {
		p.Version = info.Main.Version
		return p, nil
	}
	if replace == "" {
		if replace = checkout("."); replace == "" {
			return nil, usage("this bpfc is no release that Go could fetch: name the folder of its source with --replace")
		}
	}
	return p, p.replaceBy(replace)
}

// released reports whether a version is one that can be fetched.
func released(version string) bool {
	return strings.HasPrefix(version, "v") && !strings.Contains(version, "+dirty") && !strings.HasPrefix(version, "v0.0.0")
}

// checkout is the folder, at or above dir, that is bpfc's module; "" if there is none.
func checkout(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for ; ; abs = filepath.Dir(abs) {
		if b, err := os.ReadFile(filepath.Join(abs, "go.mod")); err == nil && bytes.HasPrefix(b, []byte("module "+bpfcModule+"\n")) {
			return abs
		}
		if abs == filepath.Dir(abs) {
			return ""
		}
	}
}

// required matches what a go.mod requires, in blocks.
var required = regexp.MustCompile(`(?m)^\t([^/\s][^\s]+ v[^\s]+).*$`)

// replaceBy builds with a checkout, and with what that requires: nothing has to be fetched.
func (p *newPlugin) replaceBy(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(abs, "go.mod"))
	if err != nil || checkout(abs) != abs {
		return usage("%s is not a checkout of bpfc: it has no go.mod of %s", dir, bpfcModule)
	}
	var list strings.Builder
	for _, m := range required.FindAllStringSubmatch(string(b), -1) {
		fmt.Fprintf(&list, "\t%s // indirect\n", m[1])
	}
	p.Replace, p.Require = abs, list.String()
	return nil
}

func (a *app) initPlugin(dir string, p *newPlugin) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return usage("%s is not empty: name a folder that is to be made", dir)
	}
	err := fs.WalkDir(skeleton, "skeleton", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return p.write(dir, path)
	})
	if err != nil {
		return err
	}
	if p.Replace != "" {
		sums, err := os.ReadFile(filepath.Join(p.Replace, "go.sum"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666); err != nil {
			return err
		}
	}
	a.note("%s has the helper set %s; README.md in it says what comes next", dir, p.Name)
	return nil
}

// write writes one file of the skeleton.
func (p *newPlugin) write(dir, path string) error {
	text, err := skeleton.ReadFile(path)
	if err != nil {
		return err
	}
	t, err := template.New(path).Parse(string(text))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(path, "skeleton/"), ".tmpl")
	to := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(name, "NAME", p.Name)))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o666)
}
