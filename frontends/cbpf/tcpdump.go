package cbpf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Tcpdump says how expressions of pcap-filter(7) are compiled.
type Tcpdump struct {
	// Path is the program to run; "" is the tcpdump of the search path.
	Path string
	// LinkType is the name of the packets' link type, as tcpdump -y takes it; "" is EN10MB, Ethernet.
	LinkType string
}

// NoTcpdumpError says that an expression cannot be compiled for want of tcpdump.
type NoTcpdumpError struct{ Err error }

// Error says what to do.
func (e *NoTcpdumpError) Error() string {
	return "an expression needs tcpdump, which is not installed; install it (apt install tcpdump, dnf install tcpdump, apk add tcpdump), " +
		"or compile elsewhere with `tcpdump -y EN10MB -ddd EXPR` and pass what it prints"
}

// Unwrap returns why it cannot be run.
func (e *NoTcpdumpError) Unwrap() error { return e.Err }

// Compile compiles an expression and returns the filter in the form Decimal, for Parse. It starts one process, which
// ends with ctx. Errors are a *NoTcpdumpError, and an *Error of RuleExpression with tcpdump's message.
func (t Tcpdump) Compile(ctx context.Context, expr string) ([]byte, error) {
	program, link := t.Path, t.LinkType
	if program == "" {
		program = "tcpdump"
	}
	if link == "" {
		link = "EN10MB"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, &NoTcpdumpError{err}
	}
	cmd := exec.CommandContext(ctx, path, "-y", link, "-ddd", "--", expr)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit):
		text := fmt.Sprintf("tcpdump refuses %q: %s", expr, strings.TrimPrefix(clip(messages.String()), "tcpdump: "))
		return nil, &Error{File: "expression", Insn: -1, Rule: RuleExpression, Text: text}
	}
	return nil, &NoTcpdumpError{err}
}
