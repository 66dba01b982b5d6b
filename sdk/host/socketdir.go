package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// socketPrefix begins the names of our socket directories, before PID-RANDOM.
const socketPrefix = "bpfc-"

// makeSocketDir makes a directory that only this user can enter (0700).
func makeSocketDir(temp string) (string, error) {
	if len(temp) > maxTempDir {
		return "", fmt.Errorf("the temporary directory %s has a path of more than %d bytes, too long for sockets; set TMPDIR to a shorter one", temp, maxTempDir)
	}
	return os.MkdirTemp(temp, fmt.Sprintf("%s%d-", socketPrefix, os.Getpid()))
}

// staleAge is the age from which a directory may be swept: its host may live
// where its process number means nothing here, in a container that shares the
// temporary directory, and needs it only while its plugin starts.
const staleAge = time.Minute

// sweep removes the socket directories of this user's hosts that were killed
// while a plugin started.
func sweep(temp string) {
	dirs, _ := filepath.Glob(filepath.Join(temp, socketPrefix+"*-*")) // the pattern is well-formed
	for _, d := range dirs {
		if stale(d) {
			_ = os.RemoveAll(d)
		}
	}
}

func stale(dir string) bool {
	pid, err := strconv.Atoi(strings.SplitN(filepath.Base(dir), "-", 3)[1])
	if err != nil || pid <= 0 {
		return false
	}
	st, err := os.Lstat(dir)
	if err != nil || !st.IsDir() || time.Since(st.ModTime()) < staleAge {
		return false
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid() && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
