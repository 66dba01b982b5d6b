package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/cheader"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/plugin"
	"github.com/spf13/cobra"
)

func (a *app) pluginCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plugin",
		Short: "Find, describe, begin, check and pin plugins",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.pluginListCommand(), a.pluginInfoCommand(), a.pluginHeaderCommand(), a.pluginInitCommand(), a.pluginCheckCommand(),
		a.pluginLockCommand(), a.pluginServeCommand())
	return c
}

// pluginJSON is a plugin in bpfc/plugins/v1 and bpfc/plugin/v1.
type pluginJSON struct {
	Name    string      `json:"name"`
	Role    string      `json:"role"`
	Path    string      `json:"path"`
	Builtin bool        `json:"builtin"`
	SHA256  string      `json:"sha256"`
	Target  *targetJSON `json:"target,omitempty"`
	Set     *setJSON    `json:"set,omitempty"`
}

type targetJSON struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Arch     string   `json:"arch"` // "" for any
	CPUs     []string `json:"cpus"`
	Opts     []int    `json:"opts"`
	Features []string `json:"features"` // what --feature takes
	Object   bool     `json:"object"`
}

type setJSON struct {
	Name     string       `json:"name"`
	Types    []typeJSON   `json:"types"`
	Helpers  []helperJSON `json:"helpers"`
	MapKinds []kindJSON   `json:"map_kinds"`
	Structs  []string     `json:"structs"`
}

type typeJSON struct {
	Name        string   `json:"name"`
	Sections    []string `json:"sections"`
	Helpers     []string `json:"helpers"`
	Context     string   `json:"context"`
	Unsupported string   `json:"unsupported,omitempty"`
}

type helperJSON struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
	Args int    `json:"args"`
	C    string `json:"c"`
	Runs bool   `json:"runs"` // here; others are declared alone
}

type kindJSON struct {
	Type    uint32   `json:"type"`
	Name    string   `json:"name"`
	Helpers []string `json:"helpers"`
}

func setOf(s *abi.Set) *setJSON {
	out := &setJSON{Name: s.Name, Types: []typeJSON{}, Helpers: []helperJSON{}, MapKinds: []kindJSON{}, Structs: []string{}}
	for _, t := range s.Types {
		out.Types = append(out.Types, typeJSON{t.Name, t.Sections, t.Helpers, t.Context.Name, t.Unsupported})
	}
	for _, h := range s.Helpers {
		out.Helpers = append(out.Helpers, helperJSON{h.ID, h.Name, h.NumArgs(), cheader.Prototype(&h), h.Impl != abi.ImplNone})
	}
	for _, k := range s.MapKinds {
		out.MapKinds = append(out.MapKinds, kindJSON{k.Type, k.Name, k.Helpers})
	}
	for _, c := range s.Structs {
		out.Structs = append(out.Structs, c.Name)
	}
	return out
}

func (a *app) pluginListCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the plugins that bpfc finds, with their checksums",
		Args:  exactly(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			if err := checkFormat(format, "text", "json"); err != nil {
				return err
			}
			all, err := a.listPlugins()
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.out, struct {
					Schema  string       `json:"schema"`
					Plugins []pluginJSON `json:"plugins"`
				}{"bpfc/plugins/v1", all})
			}
			return printPlugins(a.out, all)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	return c
}

// listPlugins is the built-in plugins and those in the plugin directories.
func (a *app) listPlugins() ([]pluginJSON, error) {
	var refs []host.Ref
	for _, role := range roles {
		for _, name := range builtins(role) {
			ref, err := host.Builtin(role, name)
			if err != nil {
				return nil, err
			}
			refs = append(refs, ref)
		}
	}
	found, err := host.List(a.pluginDirs())
	if err != nil {
		return nil, err
	}
	return describeRefs(append(refs, found...))
}

// describeRefs adds the checksums; each file is read once.
func describeRefs(refs []host.Ref) ([]pluginJSON, error) {
	sums := map[string]string{}
	var all []pluginJSON
	for _, ref := range refs {
		if sums[ref.Path] == "" {
			sum, err := ref.Checksum()
			if err != nil {
				return nil, err
			}
			sums[ref.Path] = sum
		}
		all = append(all, pluginJSON{Name: ref.Name, Role: string(ref.Role), Path: ref.Path, Builtin: ref.Builtin, SHA256: sums[ref.Path]})
	}
	return all, nil
}

func printPlugins(w io.Writer, all []pluginJSON) error {
	for _, p := range all {
		where := p.Path
		if p.Builtin {
			where = "built in"
		}
		if _, err := fmt.Fprintf(w, "%-28s %-8s %s…  %s\n", p.Name, p.Role, p.SHA256[:12], where); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) pluginInfoCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "info NAME",
		Short: "Start a plugin and show what it says of itself",
		Long:  "Start a plugin and show what it says of itself. NAME is a built-in back end or\nhelper set, the full name of a plugin, or a path.",
		Args:  exactly(1, "the name of a plugin"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(format, "text", "json"); err != nil {
				return err
			}
			return a.pluginInfo(c.Context(), args[0], format)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	return c
}

// roles are the roles of plugins, in the order in which a short name is looked up.
var roles = []host.Role{host.BackendRole, host.HelpersRole}

// anyRef finds a plugin whose role the name may not tell.
func (a *app) anyRef(name string) (host.Ref, error) {
	var first error
	for _, role := range roles {
		ref, err := a.ref(role, name)
		if err == nil {
			return ref, nil
		}
		if first == nil || strings.HasPrefix(name, "bpfc-"+string(role)+"-") {
			first = err
		}
	}
	return host.Ref{}, first
}

// anyPinned is anyRef for a plugin that is started next.
func (a *app) anyPinned(name string) (host.Ref, error) {
	ref, err := a.anyRef(name)
	if err != nil {
		return ref, err
	}
	return a.pin(ref)
}

func (a *app) pluginInfo(ctx context.Context, name, format string) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	ref, err := a.anyPinned(name)
	if err != nil {
		return err
	}
	p, err := host.Start(ctx, ref, a.hostOptions())
	if err != nil {
		return err
	}
	defer p.Close()
	all, err := describeRefs([]host.Ref{ref})
	if err != nil {
		return err
	}
	info := all[0]
	info.Role = string(p.Role())
	if b := p.Backend(); b != nil {
		t := b.Target()
		info.Target = (*targetJSON)(&t)
	}
	if h := p.HelperSet(); h != nil {
		set, err := h.Describe(ctx)
		if err != nil {
			return err
		}
		info.Set = setOf(set)
	}
	if format == "json" {
		return writeJSON(a.out, struct {
			Schema string `json:"schema"`
			pluginJSON
		}{"bpfc/plugin/v1", info})
	}
	return info.print(a.out)
}

func (p *pluginJSON) print(w io.Writer) error {
	fmt.Fprintf(w, "name     %s\nrole     %s\npath     %s\nsha256   %s\n", p.Name, p.Role, p.Path, p.SHA256)
	if t := p.Target; t != nil {
		fmt.Fprintf(w, "target   %s %s\n", t.Name, t.Version)
		fmt.Fprintf(w, "arch     %s\ncpus     %s\nlevels   %v\nobjects  %v\n", orAny(t.Arch), orAny(strings.Join(t.CPUs, ", ")), t.Opts, t.Object)
	}
	if p.Set == nil {
		return nil
	}
	p.Set.print(w)
	return nil
}

func (s *setJSON) print(w io.Writer) {
	for _, t := range s.Types {
		fmt.Fprintf(w, "type     %s (sections %s)%s\n", t.Name, strings.Join(t.Sections, ", "), unless(t.Unsupported == "", ": not supported"))
	}
	for _, h := range s.Helpers {
		fmt.Fprintf(w, "helper   %d %s, %d arguments%s\n", h.ID, h.Name, h.Args, unless(h.Runs, ", declared only"))
	}
	for _, k := range s.MapKinds {
		fmt.Fprintf(w, "map      %d %s\n", k.Type, k.Name)
	}
	for _, name := range s.Structs {
		fmt.Fprintf(w, "struct   %s\n", name)
	}
}

func unless(is bool, text string) string {
	if is {
		return ""
	}
	return text
}

func (a *app) pluginHeaderCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "header SET...",
		Short: "Print the C header of helper sets",
		Long: "Print the C header of helper sets, merged: contexts, helpers, maps, constants and the\nmacros of libbpf's headers. Programs that include it need no other header.\n" +
			"A set whose programs use what base declares is named with it: bpfc plugin header base networking",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("bpfc plugin header takes the names of helper sets; there are %s", strings.Join(builtin.Sets(), ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.within(c.Context())
			defer cancel()
			a.helpers = args
			set, err := a.plugins.set(ctx, a)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if err := cheader.Write(&text, set); err != nil {
				return err
			}
			return a.write(out, text.Bytes(), false)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `OUT` (- for standard output)")
	return c
}

func orAny(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

func (a *app) pluginServeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:    "serve ROLE NAME",
		Short:  "Serve a built-in plugin: what bpfc runs to start one",
		Hidden: true,
		Args:   exactly(2, "a role (backend, helpers) and a name"),
		RunE:   func(_ *cobra.Command, args []string) error { return serve(host.Role(args[0]), args[1]) },
	}
	c.Flags().Bool("debug", false, "serve without a host and print the BPFC_REATTACH that makes one attach")
	return c
}

// serve serves a built-in plugin until its host ends it.
func serve(role host.Role, name string) error {
	if !slices.Contains(builtins(role), name) {
		return usage("there is no built-in %s plugin %q; there are %s", role, name, strings.Join(builtins(role), ", "))
	}
	if role == host.BackendRole {
		b, _ := builtin.Backend(name)
		plugin.ServeBackend(b)
		return nil
	}
	plugin.ServeHelpers(func() *abi.Set { set, _ := builtin.Set(name); return set }, nil)
	return nil
}
