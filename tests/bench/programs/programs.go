// Package programs holds the twelve benchmark programs as objects, the memory
// they run on, and their results. All are of type mem/2048.
package programs

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed c/*.o c/input.bin c/want.txt
var files embed.FS

// Program is one benchmark: an object with one program, and the result that
// the same C gives natively on Input.
type Program struct {
	Name   string // of the object, without ".o"
	Object []byte
	Want   uint64
}

// All returns the programs in the order of want.txt. The caller owns the result.
func All() ([]Program, error) {
	text, err := files.ReadFile("c/want.txt")
	if err != nil {
		return nil, err
	}
	var all []Program
	for line := range strings.Lines(string(text)) {
		var p Program
		if _, err := fmt.Sscanf(line, "%s %v", &p.Name, &p.Want); err != nil {
			return nil, fmt.Errorf("want.txt: %q: %w", line, err)
		}
		if p.Object, err = files.ReadFile("c/" + p.Name + ".o"); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Input returns a fresh copy of the 2048 bytes that the programs run on. Some
// write to them: every run that is compared with Want needs its own copy.
func Input() ([]byte, error) { return files.ReadFile("c/input.bin") }
