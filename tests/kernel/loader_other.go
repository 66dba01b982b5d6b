//go:build !linux

package kernel

import "runtime"

type loader struct{}

func giveUp() error { return nil }

func newLoader() *loader { return &loader{} }

func (*loader) answer(Question) Answer {
	return Answer{Verdict: Environment, Message: "programs are loaded on Linux only, this is " + runtime.GOOS, Insn: -1}
}
