package host

import "fmt"

// Kind says how a plugin failed.
type Kind string

// The kinds of failure.
const (
	Crash     Kind = "crash"     // it ended, or panicked, where it should have answered
	Timeout   Kind = "timeout"   // it did not answer in time
	Handshake Kind = "handshake" // it is a plugin, but spoiled the handshake
	Version   Kind = "version"   // it speaks another version of the protocol
	NotPlugin Kind = "notplugin" // it cannot be started, or is no plugin of bpfc
	Missing   Kind = "missing"   // there is no such plugin
	Checksum  Kind = "checksum"  // it is not the file that was pinned
	Garbage   Kind = "garbage"   // its answer means nothing
	Protocol  Kind = "protocol"  // it broke the rules of the connection
)

// Error is a failure of a plugin, as opposed to an answer of it that is an
// error (such as a *codegen.UnsupportedError). The command line exits with 4.
type Error struct {
	Plugin string // "bpfc-backend-amd64"
	Op     string // what it was to do: "start", "compile prog.o", "run"
	Kind   Kind
	Msg    string // what happened and what to do, following the plugin's name: "crashed (…)"
	Err    error  // the cause, if there is one; context.DeadlineExceeded if the caller's deadline passed
}

// Error is one line, a sentence.
func (e *Error) Error() string { return fmt.Sprintf("plugin %s %s", e.Plugin, e.Msg) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
