// Package cover counts which source lines of programs run, from the traces of their runs, and writes them as Go does for
// its own tests: a coverprofile that `go tool cover -html` and editors show.
package cover

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// Line is a source line that has instructions.
type Line struct {
	File string // as the object names it, mostly relative to where the compiler ran
	Line int    // from 1
	Text string
	// Count is how often it ran. A line may begin at several instructions; in each run, that which ran most often counts.
	// What follows the first instruction does not: compilers share it with other lines without saying so.
	Count uint64
}

// Profile counts the lines of any number of programs and runs. Lines of files of the same name are the same lines: objects
// that name different sources alike need a profile each. Its zero value has none. It is safe for concurrent use.
type Profile struct {
	mu    sync.Mutex
	lines map[place]*Line
}

type place struct {
	file string
	line int
}

// Add counts a run of the program called name. programs are all that a tail call may reach, the one that runs too: the
// lines of those that did not run are known from now on, with a count of 0.
func (p *Profile) Add(programs []codegen.EntryInfo, name string, trace []codegen.TraceStep) {
	counts := slotCounts(programs, name, trace)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range programs {
		most := map[place]uint64{}
		for j := range programs[i].Lines {
			l := &programs[i].Lines[j]
			if l.Line == 0 || l.File == "" {
				continue
			}
			at := p.know(l)
			if l.Slot < len(counts[i]) {
				most[at] = max(most[at], counts[i][l.Slot])
			}
		}
		for at, n := range most {
			p.lines[at].Count += n
		}
	}
}

// know makes a line known.
func (p *Profile) know(l *obj.Line) place {
	at := place{l.File, l.Line}
	if p.lines[at] == nil {
		if p.lines == nil {
			p.lines = map[place]*Line{}
		}
		p.lines[at] = &Line{File: l.File, Line: l.Line, Text: l.Text}
	}
	return at
}

// slotCounts says of each program how often its instructions ran. A tail call goes on at the first instruction of another
// program's function, which has its name: no jump leads there from elsewhere. What runs of other objects is not counted.
func slotCounts(programs []codegen.EntryInfo, name string, trace []codegen.TraceStep) [][]uint64 {
	find := func(name string) int {
		return slices.IndexFunc(programs, func(e codegen.EntryInfo) bool { return e.Name == name })
	}
	first := find(name)
	counts, now := make([][]uint64, len(programs)), first
	for i := range trace {
		s := &trace[i]
		switch {
		case s.Slot == 0 && s.Func == trace[0].Func: // its name may be another than the program's
			now = first
		case s.Slot == 0:
			now = find(s.Func)
		}
		if now < 0 || s.Slot >= programs[now].Insns {
			continue
		}
		if counts[now] == nil {
			counts[now] = make([]uint64, programs[now].Insns)
		}
		counts[now][s.Slot]++
	}
	return counts
}

// Lines returns the lines by file and number.
func (p *Profile) Lines() []Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Line, 0, len(p.lines))
	for _, l := range p.lines {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Line) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return all
}

// Format is the profile as a Go coverprofile of mode count, with a block for each line. dir is the directory of the
// sources that are not named by an absolute path, as seen from where the profile will be read.
func (p *Profile) Format(dir string) []byte {
	var b bytes.Buffer
	b.WriteString("mode: count\n")
	for _, l := range p.Lines() {
		fmt.Fprintf(&b, "%s:%d.1,%d.%d 1 %d\n", fileName(dir, l.File), l.Line, l.Line, max(len(l.Text), 1)+1, l.Count)
	}
	return b.Bytes()
}

// fileName is a path that Go's tools take for one, not for the name of a package.
func fileName(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	file = path.Join(filepath.ToSlash(dir), file)
	if path.IsAbs(file) || file[0] == '.' {
		return file
	}
	return "./" + file
}
