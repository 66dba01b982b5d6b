package codegen

import "fmt"

// UnsupportedError says that something is legal but not available here: a
// program feature, an option, a target. It is neither a rejection of the
// program nor a bug (command line: exit 3).
type UnsupportedError struct {
	// What is not supported, as the subject of the sentence: "optimisation level 2".
	What string
	// Msg says why, or what to do instead; it may be empty.
	Msg string
}

// Error is one line.
func (e *UnsupportedError) Error() string {
	if e.Msg == "" {
		return fmt.Sprintf("%s is not supported", e.What)
	}
	return fmt.Sprintf("%s is not supported: %s", e.What, e.Msg)
}
