package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Role is what a plugin is for.
type Role string

// The roles.
const (
	BackendRole Role = "backend"
	HelpersRole Role = "helpers"
)

// words is the role in a sentence.
func (r Role) words() string {
	switch r {
	case BackendRole:
		return "a back end"
	case HelpersRole:
		return "a helper set"
	}
	return "a plugin"
}

// prefix begins the names of plugins of a role: bpfc-backend-NAME, bpfc-helpers-NAME.
func (r Role) prefix() string { return "bpfc-" + string(r) + "-" }

// Ref names a plugin that can be started.
type Ref struct {
	// Name is "bpfc-backend-NAME" or "bpfc-helpers-NAME".
	Name string
	// Role is "" if the name does not tell it.
	Role Role
	// Path is the program to run, Args its arguments.
	Path string
	Args []string
	// Builtin says that Path is this very program: its plugins need neither
	// certificates nor a checksum.
	Builtin bool
	// SHA256 is the hexadecimal checksum that the program must have; "" for any.
	SHA256 string
}

// Builtin refers to a plugin of this program, which must serve it when it is run
// with the arguments "plugin serve ROLE NAME".
func Builtin(role Role, name string) (Ref, error) {
	self, err := os.Executable()
	if err != nil {
		return Ref{}, fmt.Errorf("cannot find this program's own file to start plugin %s%s: %w", role.prefix(), name, err)
	}
	return Ref{
		Name:    role.prefix() + name,
		Role:    role,
		Path:    self,
		Args:    []string{"plugin", "serve", string(role), name},
		Builtin: true,
	}, nil
}

// Checksum is the hexadecimal SHA-256 of the plugin's program.
func (r Ref) Checksum() (string, error) {
	f, err := os.Open(r.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// DefaultDirs are the directories in which plugins are looked for after those
// the user names: the list $BPFC_PLUGIN_PATH, then bpfc/plugins in the user's
// data directory ($XDG_DATA_HOME, ~/.local/share; on macOS ~/Library/Application Support).
func DefaultDirs(getenv func(string) string) []string {
	var dirs []string
	for _, d := range filepath.SplitList(getenv("BPFC_PLUGIN_PATH")) {
		if d != "" {
			dirs = append(dirs, d)
		}
	}
	if d := dataDir(getenv); d != "" {
		dirs = append(dirs, filepath.Join(d, "bpfc", "plugins"))
	}
	return dirs
}

func dataDir(getenv func(string) string) string {
	home := getenv("HOME")
	switch d := getenv("XDG_DATA_HOME"); {
	case filepath.IsAbs(d): // relative ones are to be ignored (XDG Base Directory Specification 0.8)
		return d
	case home == "":
		return ""
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(home, ".local", "share")
}

// Find finds a plugin by path (what contains a separator) or by its full name in
// dirs, the first one that has it. The error is an *Error of kind Missing or NotPlugin.
func Find(name string, dirs []string) (Ref, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return at(name)
	}
	if roleOf(name) == "" {
		return Ref{}, &Error{Plugin: name, Op: "find", Kind: Missing,
			Msg: "cannot exist by this name: plugins are called bpfc-backend-NAME or bpfc-helpers-NAME, or are named by path"}
	}
	for _, d := range dirs {
		if path := filepath.Join(d, name); executable(path) {
			return at(path)
		}
	}
	return Ref{}, &Error{Plugin: name, Op: "find", Kind: Missing, Msg: "was not found in " + dirList(dirs) + "; name its directory with --plugin-dir or BPFC_PLUGIN_PATH"}
}

func dirList(dirs []string) string {
	if len(dirs) == 0 {
		return "any directory (none is configured)"
	}
	return strings.Join(dirs, ", ")
}

func at(path string) (Ref, error) {
	name := filepath.Base(path)
	st, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return Ref{}, &Error{Plugin: name, Op: "find", Kind: Missing, Msg: "does not exist: there is no file " + path, Err: err}
	case err != nil:
		return Ref{}, &Error{Plugin: name, Op: "find", Kind: Missing, Msg: "cannot be reached: " + err.Error(), Err: err}
	case !st.Mode().IsRegular() || st.Mode()&0o111 == 0:
		return Ref{}, &Error{Plugin: name, Op: "find", Kind: NotPlugin, Msg: "is not an executable file; if " + path + " is the plugin, make it one with chmod +x"}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Ref{}, &Error{Plugin: name, Op: "find", Kind: Missing, Msg: "cannot be reached: " + err.Error(), Err: err}
	}
	return Ref{Name: name, Role: roleOf(name), Path: abs}, nil
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

func roleOf(name string) Role {
	for _, r := range []Role{BackendRole, HelpersRole} {
		if n, ok := strings.CutPrefix(name, r.prefix()); ok && n != "" {
			return r
		}
	}
	return ""
}

// List is every plugin in dirs in the order of their names; of two with one
// name, that in the earlier directory. Directories that do not exist are empty.
func List(dirs []string) ([]Ref, error) {
	found := map[string]Ref{}
	for _, d := range dirs {
		entries, err := os.ReadDir(d)
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("plugin directory: %w", err)
		}
		for _, e := range entries {
			if _, ok := found[e.Name()]; ok || roleOf(e.Name()) == "" {
				continue
			}
			if ref, err := at(filepath.Join(d, e.Name())); err == nil {
				found[e.Name()] = ref
			}
		}
	}
	refs := make([]Ref, 0, len(found))
	for _, r := range found {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}
