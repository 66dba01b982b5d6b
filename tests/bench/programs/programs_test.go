package programs

import (
	"encoding/binary"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write input.bin")

// input builds the memory: eight frames of 64 bytes and a text, twice; the
// second text differs in its last byte.
func input() []byte {
	mem := make([]byte, 2048)
	for i := range mem {
		mem[i] = byte(i*131>>3 | 1)
	}
	for i := range 8 {
		frame(mem[i*64:(i+1)*64], i)
	}
	copy(mem[1024:], mem[:1024])
	mem[1536+499] ^= 2
	mem[512+500], mem[1536+500] = 0, 0
	return mem
}

// frame writes the headers of frame i: VLAN tags, IP versions and protocols vary.
func frame(p []byte, i int) {
	types := [4]uint16{0x0800, 0x86dd, 0x0800, 0x0806}
	at := 12
	if i&4 != 0 {
		binary.BigEndian.PutUint16(p[at:], 0x8100)
		at += 4
	}
	binary.BigEndian.PutUint16(p[at:], types[i&3])
	at += 2
	switch types[i&3] {
	case 0x0800:
		p[at], p[at+9] = 0x45, 6
	case 0x86dd:
		p[at], p[at+6] = 0x60, 17
	}
}

func TestInput(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile("c/input.bin", input(), 0o644))
	}
	got, err := Input()
	require.NoError(t, err)
	require.Equal(t, input(), got)
}

func TestAll(t *testing.T) {
	all, err := All()
	require.NoError(t, err)
	require.Len(t, all, 12)
	names := map[string]bool{}
	for _, p := range all {
		names[p.Name] = true
		require.Equal(t, "\x7fELF", string(p.Object[:4]), p.Name)
	}
	require.Len(t, names, 12)
}
