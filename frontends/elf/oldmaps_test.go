package elf

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

// compiled compiles C behind fixture.h; the test is skipped where there is no clang.
func compiled(t *testing.T, source string, flags ...string) []byte {
	t.Helper()
	c := Clang{Stderr: t.Output()}
	if _, err := c.Find(); err != nil {
		t.Skip("needs clang")
	}
	include, err := filepath.Abs("testdata")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "x.c")
	require.NoError(t, os.WriteFile(path, []byte("#include \"fixture.h\"\n"+source+"\n"), 0o600))
	object, err := c.Compile(t.Context(), path, append(flags, "-w", "-mcpu=v3", "-I", include))
	require.NoError(t, err)
	return object
}

// TestOldMaps reads maps in every layout that was in use.
func TestOldMaps(t *testing.T) {
	words := func(layout string) string { return "struct def { u32 " + layout + "; };" }
	five := "type, key, value, entries, flags"
	for _, c := range []struct {
		name, layout, maps string
		want               []abi.MapSpec
		slots              []obj.Slot
	}{
		{"four words", "type, key, value, entries", `struct def m SEC("maps") = { 1, 4, 8, 16 };`,
			[]abi.MapSpec{{Name: "m", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 16}}, nil},
		{"libbpf", five, `struct def a SEC("maps") = { 2, 4, 8, 1, 128 }, m SEC("maps") = { 1, 8, 24, 7, 1 };`,
			[]abi.MapSpec{{Name: "a", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: 128}, {Name: "m", Type: 1, KeySize: 8, ValueSize: 24, MaxEntries: 7, Flags: 1}}, nil},
		{"kernel samples", five + ", inner, node", `struct def in SEC("maps") = { 2, 4, 8, 1 }, m SEC("maps") = { 12, 4, 4, 16, 0, 0, 1 };`,
			[]abi.MapSpec{{Name: "in", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1}, {Name: "m", Type: 12, KeySize: 4, ValueSize: 4, MaxEntries: 16, Inner: 1}}, nil},
		{"iproute2 without inner maps", five + ", id, pinning", `struct def m SEC("maps") = { 2, 4, 8, 16, 0, 77, 2 };`,
			[]abi.MapSpec{{Name: "m", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 16}}, nil},
		{"iproute2", five + ", id, pinning, inner_id, inner_idx", `struct def m SEC("maps") = { 13, 4, 4, 9, 0, 1, 0, 5 },
			one SEC("maps") = { 2, 4, 8, 1, 0, 5, 0, 0, -1 }, two SEC("maps") = { 2, 4, 8, 1, 0, 5, 0, 0, 3 }, other SEC("maps") = { 2, 4, 8, 1, 0, 6 };`,
			[]abi.MapSpec{
				{Name: "m", Type: 13, KeySize: 4, ValueSize: 4, MaxEntries: 9, Inner: 2}, {Name: "one", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1},
				{Name: "two", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1}, {Name: "other", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1},
			}, []obj.Slot{{Map: 0, Key: 3, Inner: 2}}},
		{"gobpf", five + "; u32 pinning; char space[256]", `struct def m SEC("maps/m") = { 1, 4, 8, 16 }; struct def n SEC("maps/n") = { 2, 4, 16, 3 };`,
			[]abi.MapSpec{{Name: "m", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 16}, {Name: "n", Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 3}}, nil},
		{"map of maps without template", five, `struct def m SEC("maps") = { 12, 4, 4, 16 };`,
			[]abi.MapSpec{{Name: "m", Type: 12, KeySize: 4, ValueSize: 4, MaxEntries: 16}}, nil},
	} {
		source := words(c.layout) + c.maps + `int _v SEC("version") = 1; static void *(*lookup)(void *, void *) = (void *)1;
			SEC("kprobe/f") int p(void *ctx) { return lookup(&m, ctx) != 0; }`
		for _, flags := range [][]string{{"-g0"}, {"-g"}} {
			o, err := parse(t, compiled(t, source, flags...))
			require.Nil(t, err, c.name)
			require.Equal(t, c.want, o.Maps, c.name)
			require.Equal(t, c.slots, o.Slots, c.name)
			require.Len(t, o.Programs[0].Refs, 1, c.name)
			require.Equal(t, "m", o.Maps[o.Programs[0].Refs[0].Index].Name, c.name)
		}
	}
}

// TestTailSections: iproute2 puts programs into maps by the names of their sections.
func TestTailSections(t *testing.T) {
	o, err := parse(t, compiled(t, `struct { u32 type, key, value, entries, flags, id, pinning, inner_id, inner_idx; } m SEC("maps") = { 3, 4, 4, 9, 0, 0x77 };
		SEC("0x77/0") int zero(void *ctx) { return 0; } SEC("119/8") int eight(void *ctx) { return 8; } SEC("1/8") int other(void *ctx) { return 1; }
		SEC("classifier") int p(void *ctx) { return 0; }`))
	require.Nil(t, err)
	require.Equal(t, []obj.Slot{{Map: 0, Key: 0, Program: "zero"}, {Map: 0, Key: 8, Program: "eight"}}, o.Slots)
}

// TestOldMapsWithoutSizes: old compilers give symbols no size; then it is the section's over their number.
func TestOldMapsWithoutSizes(t *testing.T) {
	for size, want := range map[string]Code{"": "", "odd": CodeMap} {
		e := edit(t, "oldmaps")
		symbols := e.content(".symtab")
		for at := 0; at < len(symbols); at += 24 {
			binary.LittleEndian.PutUint64(symbols[at+16:], 0)
		}
		if size == "odd" {
			e.replace("maps", append(e.content("maps"), 1, 2, 3))
			binary.LittleEndian.PutUint32(e.content("maps"), 0)
		}
		o, err := parse(t, e.b)
		if want != "" {
			require.NotNil(t, err)
			require.Equal(t, want, err.Code)
			continue
		}
		require.Nil(t, err)
		require.Equal(t, []abi.MapSpec{{Name: "m", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1}}, o.Maps)
	}
}

// TestBadOldMaps: what cannot be a map in the old form is refused.
func TestBadOldMaps(t *testing.T) {
	for source, text := range map[string]string{
		`struct { u32 a, b, c; } m SEC("maps") = { 1, 2, 3 };`:                           "too small",
		`struct { u32 type, k, v, n; } m SEC("maps") = { 0, 4, 8, 1 };`:                  "no type",
		`struct { u32 type, k, v, n, f, inner; } m SEC("maps") = { 12, 4, 4, 1, 0, 7 };`: "inner map is number 7, of 1",
		`struct { u32 type, k, v, n, f, inner; } m SEC("maps") = { 12, 4, 4, 1, 0, 0 };`: "inner map is number 0, of 1",
	} {
		_, err := parse(t, compiled(t, source+`SEC("kprobe") int p(void) { return 0; }`))
		require.NotNil(t, err, source)
		require.Equal(t, CodeMap, err.Code)
		require.Contains(t, err.Error(), text)
	}
}
