package elf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Clang says how C is compiled.
type Clang struct {
	// Path is the program to run; "" is the first of clang, clang-22 … clang-14 in the search path.
	Path string
	// Stderr gets clang's messages; nil drops them.
	Stderr io.Writer
}

// The versions looked for, newest first. clang 14 is the oldest that
// writes BTF for everything that this package reads.
const newestClang, oldestClang = 22, 14

// Compile compiles the C file for BPF with -O2 -g and the caller's flags, which
// may override these, and returns the object, for Parse. It starts one process,
// which ends with ctx. An error is an *Error: CodeNoClang if there is no clang,
// CodeClang if it refuses the source.
func (c Clang) Compile(ctx context.Context, path string, flags []string) ([]byte, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, &Error{Code: CodeClangFile, File: path, Insn: -1, Msg: "cannot be read", Err: err}
	}
	program, err := c.Find()
	if err != nil {
		return nil, &Error{Code: CodeNoClang, File: path, Insn: -1, Err: err,
			Msg: "needs clang, which is not installed; install it (apt install clang, dnf install clang, apk add clang), or compile elsewhere and pass the object"}
	}
	args := append([]string{"-target", "bpf", "-O2", "-g", "-c", "-o", "-", path}, flags...)
	cmd := exec.CommandContext(ctx, program, args...)
	var object bytes.Buffer
	cmd.Stdout, cmd.Stderr = &object, c.Stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &Error{Code: CodeClang, File: path, Insn: -1, Msg: fmt.Sprintf("%s failed (%v); its messages say why", program, err), Err: err}
	}
	return object.Bytes(), nil
}

// Find returns the path of the clang that Compile runs.
func (c Clang) Find() (string, error) {
	if c.Path != "" {
		return exec.LookPath(c.Path)
	}
	path, err := exec.LookPath("clang")
	for v := newestClang; v >= oldestClang && err != nil; v-- {
		var e error
		if path, e = exec.LookPath(fmt.Sprintf("clang-%d", v)); e == nil || errors.Is(e, exec.ErrDot) {
			err = e
		}
	}
	return path, err
}
