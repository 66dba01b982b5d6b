// Package diff compares engines on generated programs: interpreter and machine
// code, with optimisations and without.
package diff

import (
	"encoding/binary"
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/obj"
)

// compare runs the program made of bytes on every engine. It reports whether the program was accepted.
func compare(t testing.TB, a *arena, bytes []byte) bool { return compareObject(t, a, program(bytes)) }

func compareObject(t testing.TB, a *arena, o *obj.Object) bool {
	want := a.run(t, &engines[0], o)
	for i := range engines[1:] {
		e := &engines[1+i]
		if e.native && (goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64") {
			continue
		}
		got := a.run(t, e, o)
		require.Equal(t, want, got, "%s against %s\n%s", e.name, engines[0].name, listing(o))
	}
	return want != nil
}

// random makes bytes of a seed, by the generator of Java 8 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
func random(seed uint64, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		b = binary.LittleEndian.AppendUint64(b, z^z>>31)
	}
	return b[:n]
}

// TestEngines compares the engines on a fixed number of programs.
func TestEngines(t *testing.T) {
	const programs = 300
	a, accepted, inlined := newArena(t), 0, 0
	for seed := range uint64(programs) {
		before := a.inlined
		if compare(t, a, random(seed<<20, 1500)) {
			accepted++
		}
		if a.inlined > before {
			inlined++
		}
	}
	t.Logf("%d of %d programs accepted, calls inlined in %d", accepted, programs, inlined)
	require.Greater(t, inlined, programs/6, "calls are to be inlined in a good share of the programs, three in seven of which have no function")
	require.Greater(t, accepted, programs*3/4, "most generated programs are to be accepted")
}

// FuzzDiff: every program that is accepted has the same results on all engines.
func FuzzDiff(f *testing.F) {
	for seed := range uint64(32) {
		f.Add(random(seed<<40, 800))
	}
	a := newArena(f)
	f.Fuzz(func(t *testing.T, bytes []byte) { compare(t, a, bytes) })
}
