// Package verifier decides whether a program may run, and proves what the
// lowering needs to know. Only Verify makes a Verified.
package verifier

import "fmt"

// Policy says what happens to what is not proved.
type Policy uint8

// The policies.
const (
	// Strict rejects a program that is not proved safe, as Linux does.
	Strict Policy = iota
	// Guard checks at run time what is not proved: a check that fails ends the run with a fault.
	Guard
)

// String is the policy's name on the command line.
func (p Policy) String() string { return [...]string{"strict", "guard"}[p] }

// ParsePolicy is the inverse of String.
func ParsePolicy(s string) (Policy, error) {
	for _, p := range []Policy{Strict, Guard} {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown policy %q: it is strict or guard", s)
}
