package elf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReproducible builds the committed objects again and compares the bytes,
// where the clang that made them and make are installed.
func TestReproducible(t *testing.T) {
	compiler, err := Clang{}.Find()
	if err != nil || lookPath("make") == "" {
		t.Skip("needs clang and make")
	}
	version, err := exec.Command(compiler, "--version").Output()
	require.NoError(t, err)
	producer, _, _ := strings.Cut(string(version), "\n")
	for _, dir := range []string{examples, benchmark, "testdata"} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			copied := t.TempDir()
			require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
			committed := findObjects(t, dir)
			if !bytes.Contains(committed[0].bytes, []byte(producer)) {
				t.Skipf("the objects were made by another compiler than %q", producer)
			}
			out, err := exec.Command("make", "-B", "-C", copied, "CLANG="+compiler).CombinedOutput()
			require.NoError(t, err, "%s", out)
			again := findObjects(t, copied)
			require.Len(t, again, len(committed))
			for i, want := range committed {
				require.Equal(t, want.name, again[i].name)
				require.True(t, bytes.Equal(want.bytes, again[i].bytes), "%s differs; run make in %s", want.name, dir)
			}
		})
	}
}

type objectFile struct {
	name  string
	bytes []byte
}

// findObjects reads the objects in dir and its folders.
func findObjects(t *testing.T, dir string) []objectFile {
	var list []objectFile
	for _, pattern := range []string{"*.o", "*/*.o"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, p := range paths {
			b, err := os.ReadFile(p)
			require.NoError(t, err)
			list = append(list, objectFile{filepath.Base(p), b})
		}
	}
	require.NotEmpty(t, list)
	return list
}
