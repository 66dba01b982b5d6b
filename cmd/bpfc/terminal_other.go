//go:build !linux

package main

import "os"

// terminal reports whether a file is a terminal. Every character device but the
// null device is taken for one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
