package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// output is where results go. It keeps the first error, so that no command
// ends well whose result was lost.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream io.Writer) bool {
	if o, ok := stream.(*output); ok {
		stream = o.Writer
	}
	f, ok := stream.(*os.File)
	return ok && terminal(f)
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
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return usage("-o %s: it is a directory; name a file", path)
	case err == nil && !info.Mode().IsRegular():
		return os.WriteFile(path, b, 0)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".bpfc-*")
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // it names the temporary file
		}
		return usage("-o %s: its directory cannot be written: %v", path, err)
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
