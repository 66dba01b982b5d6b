package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The limits that docs/SECURITY.md states, and where the code has them.
var limits = []struct{ row, file, code string }{
	{"| an input file | 64 MiB |", "cmd/bpfc/input.go", "maxInput = 64 << 20"},
	{"| 1,000,000 slots each, as in Linux; 4,000,000 together |", "frontends/elf/elf.go", "maxInsns = 1_000_000"},
	{"| 1,000,000 slots each, as in Linux; 4,000,000 together |", "frontends/elf/elf.go", "maxLinked = 4 * maxInsns"},
	{"| 1,000,000 slots each, as in Linux; 4,000,000 together |", "sdk/builtin/limit.go", "MaxInsns = 1_000_000"},
	{"| data sections together | 64 MiB |", "frontends/elf/elf.go", "maxData = 64 << 20"},
	{"| data sections together | 64 MiB |", "frontends/asm/data.go", "maxData = 64 << 20"},
	{"| BTF | 16 MiB, 100,000 types |", "frontends/elf/btf.go", "maxBTF = 16 << 20"},
	{"| BTF | 16 MiB, 100,000 types |", "frontends/elf/btf.go", "maxTypes = 100_000"},
	{"| 512 bytes, 8 frames |", "core/ir/ir.go", "MaxStack = 512"},
	{"| 512 bytes, 8 frames |", "core/ir/ir.go", "MaxFrames = 8"},
	{"| functions × calls through registers | 65,536 |", "core/verifier/verify.go", "maxArms = 1 << 16"},
	{"| data sections and maps in an object file | 60 |", "core/ir/ir.go", "MaxRegions = 64"},
	{"limited to 4 GiB of memory", "sdk/host/options.go", "DefaultMemory = int64(4) << 30"},
	{"4 hours of processor time", "sdk/host/options.go", "DefaultCPUTime = 4 * time.Hour"},
	{"messages are limited to 256 MiB", "sdk/internal/wire/wire.go", "MaxMessage = 256 << 20"},
	{"by default 2^32 turns", "core/codegen/session.go", "DefaultFuel = int64(1) << 32"},
}

var blanks = regexp.MustCompile(` +`)

func TestLimits(t *testing.T) {
	text := find(t, "docs/SECURITY.md").text
	for _, l := range limits {
		code, err := os.ReadFile(filepath.Join(root, l.file))
		require.NoError(t, err)
		require.Contains(t, blanks.ReplaceAllString(string(code), " "), l.code, "%s: the limit has changed: docs/SECURITY.md says %q", l.file, l.row)
		require.Contains(t, text, l.row)
	}
}
