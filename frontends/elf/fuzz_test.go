package elf

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// objects returns the committed objects.
func objects(t testing.TB) [][]byte {
	var all [][]byte
	for _, pattern := range []string{"testdata/*.o", examples + "/*/*.o"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, p := range paths {
			b, err := os.ReadFile(p)
			require.NoError(t, err)
			all = append(all, b)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// check parses b, which may be anything: the answer is a sound object or an *Error
// that is not a library's panic.
func check(t testing.TB, b []byte) {
	t.Helper()
	checkWith(t, b, Options{MaxInsns: 10_000, Kernel: ownTypes(t), Config: map[string]string{"CONFIG_HZ": "250"}})
}

// ownTypes are the types of the object with CO-RE relocations.
var ownTypes = func() func(testing.TB) *Types {
	load := sync.OnceValues(func() (*Types, error) {
		f, err := os.Open("testdata/core.o")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return LoadTypes("core.o", f)
	})
	return func(t testing.TB) *Types {
		types, err := load()
		require.NoError(t, err)
		return types
	}
}()

func checkWith(t testing.TB, b []byte, options Options) {
	t.Helper()
	o, err := Parse("fuzz.o", b, options)
	if err == nil {
		for _, p := range o.Programs {
			requireSound(t, &p)
		}
		return
	}
	var e *Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.NotEmpty(t, e.Msg)
	require.NotEmpty(t, e.Code)
}

func FuzzELF(f *testing.F) {
	for _, b := range objects(f) {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

// FuzzTypes solves the relocations of an object for any types.
func FuzzTypes(f *testing.F) {
	object, err := os.ReadFile("testdata/core.o")
	require.NoError(f, err)
	for _, b := range objects(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		types, err := LoadTypes("fuzz.btf", bytes.NewReader(b))
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		checkWith(t, object, Options{Kernel: types})
	})
}

// TestMutated cuts the objects and changes bytes in them, the same way every time.
func TestMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, original := range objects(t) {
		for range 60 {
			b := append([]byte(nil), original...)
			for range 1 + r.IntN(8) {
				at := r.IntN(len(b))
				b[at] = byte(r.Uint32())
			}
			check(t, b)
			check(t, b[:r.IntN(len(b))])
		}
	}
}
