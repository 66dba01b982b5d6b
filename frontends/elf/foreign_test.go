package elf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ciliumTestdata is the folder of the objects that come with cilium/ebpf, in the module cache.
func ciliumTestdata(t testing.TB) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if err != nil {
		t.Skipf("the module cache cannot be asked: %v", err)
	}
	return strings.TrimSpace(string(dir))
}

// TestForeignObjects reads every object of cilium/ebpf's tests. Those refused are in the table.
func TestForeignObjects(t *testing.T) {
	refused := map[string]Code{
		"relocs_read_tgt": CodeNoProgram, // types alone
		"struct_ops":      CodeSection,   // not supported
	}
	options := Options{Kernel: ciliumKernel(t), Config: map[string]string{
		"CONFIG_HZ": "250", "CONFIG_BPF_SYSCALL": "y", "CONFIG_DEFAULT_HOSTNAME": `"(none)"`,
	}}
	root := ciliumTestdata(t)
	for _, pattern := range []string{"testdata/*-el.elf", "btf/testdata/*-el.elf"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			name := strings.TrimSuffix(filepath.Base(path), "-el.elf")
			o, err := Parse(name, b, options)
			if err != nil {
				t.Log(err)
				var e *Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, refused[name], e.Code, name)
				continue
			}
			require.Empty(t, refused[name], name)
			for _, p := range o.Programs {
				requireSound(t, &p)
			}
		}
	}
}
