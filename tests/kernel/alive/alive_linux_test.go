package alive

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A child that ends in time is an answer, and one that does not is none; nobody waits for that one.
func TestReturns(t *testing.T) {
	ok, err := returns(exec.Command("true"), time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = returns(exec.Command("sleep", "60"), 50*time.Millisecond)
	require.NoError(t, err)
	require.False(t, ok)
	_, err = returns(exec.Command("false"), time.Minute)
	require.Error(t, err)
	_, err = returns(exec.Command("/none"), time.Minute)
	require.Error(t, err)
}

// That the kernel does not answer is remembered for a while, and nothing else.
func TestRemembers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "silent")
	asked := 0
	says := func(ok bool, err error) func(time.Duration) (bool, error) {
		return func(limit time.Duration) (bool, error) { asked++; require.Equal(t, Limit, limit); return ok, err }
	}
	require.NoError(t, find(file, says(true, nil)))
	err := find(file, says(false, errors.New("no child")))
	require.ErrorContains(t, err, "no child")
	require.NotErrorIs(t, err, errSilent)
	require.NoFileExists(t, file)
	require.Equal(t, 2, asked)
	for range 2 {
		require.ErrorIs(t, find(file, says(false, nil)), errSilent)
		require.Equal(t, 3, asked)
	}
	old := time.Now().Add(-memory)
	require.NoError(t, os.Chtimes(file, old, old))
	require.NoError(t, find(file, says(true, nil)))
	require.Equal(t, 4, asked)
	require.Error(t, find("", says(false, nil)))
}

// The running kernel's answer comes, whatever it is, and is the same a second time.
func TestAnswerComes(t *testing.T) {
	require.Equal(t, Err(), Err())
	Check(t)
}
