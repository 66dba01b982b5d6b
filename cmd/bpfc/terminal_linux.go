package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal reports whether a file is a terminal: what has terminal attributes is one.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
