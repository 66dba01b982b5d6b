//go:build !linux

package main

// tryBPF is not reached: only Linux has bpf().
func tryBPF() error { return nil }
