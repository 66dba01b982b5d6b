package objfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
)

// Prefixes of the symbols that objects and their users share.
const (
	helperPrefix = "bpfc_helper_"
	mapPrefix    = "bpfc_map_"
)

// names are the symbols of an object. No two different things share a global one.
type names struct {
	entries []string // by entry: NAME
	helpers []string // by helper
	maps    []string // by map
	owner   map[string]string
	global  map[uint32]string // functions that C calls, by offset
}

func makeNames(a *codegen.Artifact) (*names, error) {
	n := &names{owner: map[string]string{codegen.FaultHook: "the fault hook"}, global: map[uint32]string{}}
	var err error
	own := func(symbol, owner string) string {
		if was, taken := n.owner[symbol]; taken && was != owner && err == nil {
			err = &UnsupportedError{Name: a.Name, Reason: fmt.Sprintf("%s and %s would both be called %s; rename one", was, owner, symbol)}
		}
		n.owner[symbol] = owner
		return symbol
	}
	free := map[uint32]bool{} // functions that are no C entry yet
	for _, s := range a.Symbols {
		free[s.Offset] = true
	}
	entry := func(e *codegen.Entry, offset uint32, name, owner string) {
		if !free[offset] && err == nil {
			err = &MalformedError{Name: a.Name, Detail: "the C entries of program " + e.Name + " are not two functions of its own in the symbols"}
		}
		free[offset] = false
		n.global[offset] = own(name, owner)
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		name, owner := entryName(e.Name), fmt.Sprintf("program %s (number %d)", e.Name, i)
		n.entries = append(n.entries, name)
		entry(e, e.COffset, name, owner)
		entry(e, e.CChecked, name+codegen.CheckedSuffix, "the checked entry of "+owner)
	}
	for _, h := range a.Helpers {
		n.helpers = append(n.helpers, own(helperPrefix+sanitize(h.Name), "helper "+h.Name))
	}
	for _, m := range a.Maps {
		n.maps = append(n.maps, own(mapPrefix+sanitize(m.Name), "map "+m.Name))
	}
	return n, err
}

// claim reports whether a variable may have the global name, which is then taken.
func (n *names) claim(name string) bool {
	if _, taken := n.owner[name]; taken {
		return false
	}
	n.owner[name] = "variable " + name
	return true
}

// function is the name of a function; global ones are those that C calls. A
// local one that would look like one of them is told apart.
func (n *names) function(s *codegen.Symbol) (name string, global bool) {
	if name, ok := n.global[s.Offset]; ok {
		return name, true
	}
	if _, taken := n.owner[s.Name]; taken {
		return s.Name + ".bpf", false
	}
	return s.Name, false
}

// reserved are the names that no function of a C program can have beside its own
// main: the keywords of C (ISO/IEC 9899:2018 and 2024, 6.4.1).
var reserved = strings.Fields(`main
	alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float for goto
	if inline int long nullptr register restrict return short signed sizeof static static_assert struct switch thread_local true
	typedef typeof typeof_unqual union unsigned void volatile while`)

// entryName is the C name of a program: one that C keeps for itself gets an underscore.
func entryName(program string) string {
	name := sanitize(program)
	if slices.Contains(reserved, name) {
		return name + "_"
	}
	return name
}

// sanitize makes a name fit for C: what is no letter, digit or underscore becomes an underscore.
func sanitize(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if clean == "" || clean[0] >= '0' && clean[0] <= '9' {
		return "_" + clean
	}
	return clean
}
