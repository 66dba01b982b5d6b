package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/sdk/host"
	"github.com/spf13/cobra"
)

// lockFile pins the plugins of a project: where it lies in the working directory, no other plugin of a third party is
// started, and none whose program is not the one that was pinned. It belongs to who uses plugins, so it is not looked
// for beside them: who can replace a plugin there could replace the pin as well.
const lockFile = "bpfc.lock.json"

type lockJSON struct {
	Schema  string       `json:"schema"`
	Plugins []lockedJSON `json:"plugins"`
}

type lockedJSON struct {
	Name    string `json:"name"`
	Version string `json:"version"` // of the Go module that it was built from, "" if it does not say
	SHA256  string `json:"sha256"`
}

const lockSchema = "bpfc/lock/v1"

// readLock reads the lock file, nil if there is none.
func readLock() (*lockJSON, error) {
	b, err := os.ReadFile(lockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l lockJSON
	if err := json.Unmarshal(b, &l); err != nil || l.Schema != lockSchema {
		return nil, usage("%s is not what `bpfc plugin lock` writes (schema %s): write it anew", lockFile, lockSchema)
	}
	return &l, nil
}

// find is the plugin's entry, nil if it has none.
func (l *lockJSON) find(name string) *lockedJSON {
	if i := slices.IndexFunc(l.Plugins, func(p lockedJSON) bool { return p.Name == name }); i >= 0 {
		return &l.Plugins[i]
	}
	return nil
}

// put sets the plugin's entry.
func (l *lockJSON) put(p lockedJSON) {
	if old := l.find(p.Name); old != nil {
		*old = p
		return
	}
	l.Plugins = append(l.Plugins, p)
	slices.SortFunc(l.Plugins, func(a, b lockedJSON) int { return strings.Compare(a.Name, b.Name) })
}

// pin gives a plugin the checksum that it must have: the one in the lock file, or with --trust the one that it has.
func (a *app) pin(ref host.Ref) (host.Ref, error) {
	if ref.Builtin {
		return ref, nil
	}
	if a.trusts(ref) {
		sum, err := ref.Checksum()
		ref.SHA256 = sum
		return ref, err
	}
	lock, err := readLock()
	if err != nil || lock == nil {
		return ref, err
	}
	locked := lock.find(ref.Name)
	if locked == nil {
		return ref, &host.Error{Plugin: ref.Name, Op: "start", Kind: host.Checksum,
			Msg: fmt.Sprintf("was not started: %s does not have it; add it with `bpfc plugin lock %s`, or trust it once with --trust %s", lockFile, ref.Name, ref.Name)}
	}
	ref.SHA256 = locked.SHA256
	return ref, nil
}

// trusts reports whether --trust names the plugin, in full or by its last part.
func (a *app) trusts(ref host.Ref) bool {
	short := strings.TrimPrefix(strings.TrimPrefix(ref.Name, "bpfc-backend-"), "bpfc-helpers-")
	return slices.Contains(a.trust, ref.Name) || slices.Contains(a.trust, short)
}

func (a *app) pluginLockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lock [NAME...]",
		Short: "Pin plugins by their checksums, in " + lockFile,
		Long: "Write the names, versions and checksums of plugins to " + lockFile + " in the working directory:\nof those named, beside what it has, or of all that are found.\n" +
			"Where the file is, bpfc starts no other plugin of a third party and none that has changed,\nand lets those that it has bring machine code.",
		RunE: func(_ *cobra.Command, names []string) error { return a.lock(names) },
	}
}

func (a *app) lock(names []string) error {
	l, refs, err := a.toLock(names)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		p, err := describeLocked(ref)
		if err != nil {
			return err
		}
		l.put(p)
		fmt.Fprintf(a.out, "%-28s %-8s %s…\n", p.Name, orNone(p.Version), p.SHA256[:12])
	}
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(lockFile, append(b, '\n'))
}

// toLock is the lock to add to and the plugins to add.
func (a *app) toLock(names []string) (*lockJSON, []host.Ref, error) {
	fresh := &lockJSON{Schema: lockSchema, Plugins: []lockedJSON{}}
	if len(names) == 0 {
		refs, err := host.List(a.pluginDirs())
		return fresh, refs, err
	}
	l, err := readLock()
	if err != nil {
		return nil, nil, err
	}
	if l == nil {
		l = fresh
	}
	var refs []host.Ref
	for _, name := range names {
		ref, err := a.anyRef(name)
		if err != nil {
			return nil, nil, err
		}
		if ref.Builtin {
			return nil, nil, usage("%s is built in: it needs no pin", name)
		}
		refs = append(refs, ref)
	}
	return l, refs, nil
}

func describeLocked(ref host.Ref) (lockedJSON, error) {
	sum, err := ref.Checksum()
	p := lockedJSON{Name: ref.Name, SHA256: sum}
	if info, err := buildinfo.ReadFile(ref.Path); err == nil {
		p.Version = info.Main.Version
	}
	return p, err
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
