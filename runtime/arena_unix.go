//go:build unix

package runtime

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve maps n bytes that hold no memory and allow no access. MAP_NORESERVE
// keeps them out of the commit accounting, and makes freed pages merge with
// pages that were never used into one mapping.
func reserve(n uintptr) (unsafe.Pointer, error) {
	return unix.MmapPtr(-1, 0, nil, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

func release(p unsafe.Pointer, n uintptr) error { return unix.MunmapPtr(p, n) }

// decommit replaces the pages by fresh reserved ones: their content is gone.
func decommit(p unsafe.Pointer, n uintptr) error {
	_, err := unix.MmapPtr(-1, 0, p, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}

func protectPages(p unsafe.Pointer, n uintptr, prot protection) error {
	flags := [...]int{
		protNone:  unix.PROT_NONE,
		protRead:  unix.PROT_READ,
		protWrite: unix.PROT_READ | unix.PROT_WRITE,
		protExec:  unix.PROT_READ | unix.PROT_EXEC,
	}
	return unix.Mprotect(unsafe.Slice((*byte)(p), n), flags[prot])
}
