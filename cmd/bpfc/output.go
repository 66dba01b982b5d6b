package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// isTerminal reports whether a stream is a terminal. Every character device
// but the null device is taken for one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// paint puts an error's prefix in red where colour is wanted.
func (a *app) paint(text string) string {
	wanted := a.color == "always" || a.color != "never" && isTerminal(a.messages) && os.Getenv("NO_COLOR") == ""
	if !wanted {
		return text
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

// write puts a result where -o says: to standard output for "" and "-", else to
// a file that appears whole or not at all. Binary results do not go to a terminal.
func (a *app) write(path string, b []byte, binary bool) error {
	if path != "" && path != "-" {
		return writeFile(path, b)
	}
	if binary && isTerminal(a.out) {
		return usage("the result is binary and standard output is a terminal: name a file with -o, or use a pipe")
	}
	_, err := a.out.Write(b)
	return err
}

// writeFile writes a temporary file beside path and renames it. Devices and
// pipes are written in place.
func writeFile(path string, b []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return os.WriteFile(path, b, 0)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".bpfc-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// writeJSON writes v, indented, with a final newline.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// checkFormat refuses a --format that the command does not have.
func checkFormat(format string, known ...string) error {
	if !slices.Contains(known, format) {
		return usage("--format is %q: it is one of %s", format, strings.Join(known, ", "))
	}
	return nil
}
