package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/frontends/raw"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
)

// exitCode is what the process ends with.
type exitCode int

// The exit codes.
const (
	exitOK          exitCode = 0
	exitRejected    exitCode = 1  // a program was rejected, or an expectation failed
	exitUsage       exitCode = 2  // wrong usage, or input that cannot be read
	exitUnsupported exitCode = 3  // not supported: cannot decide
	exitPlugin      exitCode = 4  // a plugin failed
	exitFault       exitCode = 5  // a run-time fault, or a limit
	exitInternal    exitCode = 70 // a bug of bpfc
)

// priority orders the codes: of several, the first here is the answer.
var priority = []exitCode{exitInternal, exitPlugin, exitUsage, exitRejected, exitUnsupported, exitFault, exitOK}

// worse returns the one of two codes that has priority.
func worse(a, b exitCode) exitCode {
	for _, c := range priority {
		if a == c || b == c {
			return c
		}
	}
	return exitInternal
}

// failure is an error of the command line itself.
type failure struct {
	code exitCode
	msg  string
}

func (f *failure) Error() string { return f.msg }

func fail(code exitCode, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

func usage(format string, args ...any) error { return fail(exitUsage, format, args...) }

// notYet refuses a flag whose meaning this version does not have.
func notYet(what, instead string) error {
	return &codegen.UnsupportedError{What: what, Msg: "not in this version; " + instead}
}

// silent is a code without a message: the command has said all there is to say.
type silent exitCode

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// bugError is a panic, by where it happened.
type bugError struct {
	value any
	stage string // package below the module, and function
	stack string
}

func (e *bugError) Error() string {
	return fmt.Sprintf("internal error in %s: %v; this is a bug of bpfc: please report it with the input", e.stage, e.value)
}

// Format adds the stack to %+v.
func (e *bugError) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, e.Error())
	if verb == 'v' && f.Flag('+') {
		fmt.Fprint(f, "\n"+e.stack)
	}
}

const module = "github.com/bpfc/bpfc/"

// bug describes a recovered panic; it must be called from the function that
// recovers. A panic that was described already stays as it is.
func bug(value any) error {
	if e, ok := value.(*bugError); ok {
		return e
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	e := &bugError{value: value, stage: "bpfc"}
	panicked := false
	for {
		f, more := frames.Next()
		panicked = panicked || f.Function == "runtime.gopanic"
		if name, ours := strings.CutPrefix(f.Function, module); panicked && ours && e.stage == "bpfc" {
			e.stage = name
		}
		e.stack += fmt.Sprintf("  %s\n    %s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return e
		}
	}
}

// codeOf returns the exit code of an error; of several that are joined, the one that has priority.
func codeOf(err error) exitCode {
	if err == nil {
		return exitOK
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		code := exitOK
		for _, e := range many.Unwrap() {
			code = worse(code, codeOf(e))
		}
		return code
	}
	for _, classify := range classes {
		if code, ok := classify(err); ok {
			return code
		}
	}
	return exitUsage
}

// classes decide the code of an error by its type, the first that knows it.
var classes = []func(error) (exitCode, bool){
	class(func(e *failure) exitCode { return e.code }),
	class(func(e silent) exitCode { return exitCode(e) }),
	class(func(*bugError) exitCode { return exitInternal }),
	class(func(*ir.CheckError) exitCode { return exitInternal }),
	class(func(*host.Error) exitCode { return exitPlugin }),
	class(func(*codegen.Fault) exitCode { return exitFault }),
	class(verdictCode),
	class(func(*codegen.UnsupportedError) exitCode { return exitUnsupported }),
	class(func(*objfile.UnsupportedError) exitCode { return exitUnsupported }),
	class(func(*objfile.MalformedError) exitCode { return exitPlugin }), // the back end's fault
	class(elfCode),
	class(asmCode),
	class(func(*raw.Error) exitCode { return exitRejected }),
	class(func(*cbpf.Error) exitCode { return exitRejected }),
	class(func(*cbpf.NoTcpdumpError) exitCode { return exitUsage }),
	class(func(*builtin.NameError) exitCode { return exitRejected }),
	class(func(*codegen.DigestError) exitCode { return exitRejected }),
	class(func(*fs.PathError) exitCode { return exitUsage }),
	func(err error) (exitCode, bool) {
		return exitFault, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	},
}

// class is a row of classes for errors that hold an E.
func class[E error](code func(E) exitCode) func(error) (exitCode, bool) {
	return func(err error) (exitCode, bool) {
		if e, ok := errors.AsType[E](err); ok {
			return code(e), true
		}
		return 0, false
	}
}

func verdictCode(e *verifier.Error) exitCode {
	if e.Code == verifier.CodeStopped {
		return exitFault
	}
	if e.Verdict == verifier.Unsupported {
		return exitUnsupported
	}
	return exitRejected
}

func elfCode(e *elf.Error) exitCode {
	switch {
	case e.Unsupported:
		return exitUnsupported
	case e.Code == elf.CodeNoClang || e.Code == elf.CodeClangFile:
		return exitUsage
	}
	return exitRejected
}

func asmCode(e *asm.Error) exitCode {
	if e.Unsupported {
		return exitUnsupported
	}
	return exitRejected
}
