package objfile

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteBPF(t *testing.T) {
	code := []byte{0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
	var out bytes.Buffer
	require.NoError(t, WriteBPF(&out, "pass", "xdp", "GPL", code))
	f, err := elf.NewFile(bytes.NewReader(out.Bytes()))
	require.NoError(t, err)
	require.Equal(t, elf.EM_BPF, f.Machine)
	require.Equal(t, elf.ET_REL, f.Type)
	for name, want := range map[string][]byte{"xdp": code, "license": []byte("GPL\x00")} {
		got, err := f.Section(name).Data()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	symbols, err := f.Symbols()
	require.NoError(t, err)
	require.Len(t, symbols, 1)
	s := symbols[0]
	require.Equal(t, "pass", s.Name)
	require.Equal(t, elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), s.Info)
	require.Equal(t, "xdp", f.Sections[s.Section].Name)
	require.EqualValues(t, len(code), s.Size)
}
