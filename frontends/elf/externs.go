package elf

import (
	stdelf "debug/elf"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf/btf"
)

// The sections by which BTF tells what an undefined symbol is (libbpf 1.6, bpf_helpers.h).
const (
	configSection = ".kconfig" // a kernel's configuration
	symbolSection = ".ksyms"   // a kernel's functions and variables
)

// DefaultConfig returns the values of .kconfig externs that need not be given:
// those that libbpf finds out by itself, for Linux 6.18 on x86-64.
func DefaultConfig() map[string]string {
	return map[string]string{
		"LINUX_KERNEL_VERSION":      "6.18.0",
		"LINUX_HAS_BPF_COOKIE":      "y",
		"LINUX_HAS_SYSCALL_WRAPPER": "y",
	}
}

// externKind tells a kernel's function from a helper that is called by name.
func (f *file) externKind(name string) obj.RefKind {
	if f.types != nil && f.types.kernelFunction(name) {
		return obj.RefKfunc
	}
	return obj.RefHelper
}

// kernelFunction reports whether .ksyms declares a function of this name.
func (t *types) kernelFunction(name string) bool {
	members, err := t.members(symbolSection)
	if err != nil {
		return false // there is no such section
	}
	_, ok := members[name].(*btf.Func)
	return ok
}

// extern links an lddw of a symbol that nothing here defines. Weak ones are 0, as in a
// kernel that does not have them; for others there is a reference by name.
func (l *linker) extern(u *unit, i, at int, addend int64, y *stdelf.Symbol) error {
	in := &l.out.Insns[at]
	switch {
	case l.file.missing[y.Name]:
		return l.fail(unsupported(CodeExtern, "this configuration value is not known; give it with --kconfig %s=VALUE", y.Name), u, i, y)
	case y.Name == "" || addend != 0:
		return l.fail(unsupported(CodeExtern, "nothing here defines this extern"), u, i, y)
	case stdelf.ST_BIND(y.Info) == stdelf.STB_WEAK:
		*in = isa.LoadImm64(in.Dst, 0)
		return nil
	}
	*in = isa.LoadImm64(in.Dst, 0)
	l.out.Refs = append(l.out.Refs, obj.Ref{Slot: at, Kind: obj.RefKfunc, Name: y.Name})
	return nil
}

// readConfig lays out the externs of .kconfig as read-only data. Weak ones without a
// value are 0; others are an error where they are used.
func (f *file) readConfig() error {
	if f.types == nil {
		return nil
	}
	members, err := f.types.members(configSection)
	if err != nil {
		return nil // there is no such section
	}
	d := obj.Data{Name: configSection, ReadOnly: true, Align: pointerSize}
	for i := range f.symbols {
		y := &f.symbols[i]
		t := typeOfVar(members, y.Name)
		if y.Section != stdelf.SHN_UNDEF || t == nil {
			continue
		}
		text, known := f.config(y.Name)
		if !known && stdelf.ST_BIND(y.Info) != stdelf.STB_WEAK {
			if f.missing == nil {
				f.missing = map[string]bool{}
			}
			f.missing[y.Name] = true
			continue
		}
		if err := f.addConfig(&d, i, t, text); err != nil {
			return err.in(configSection, -1).on(y.Name)
		}
	}
	if len(d.Symbols) > 0 {
		f.data = append(f.data, d)
	}
	return nil
}

// config returns the value that the caller or the default gives a name.
func (f *file) config(name string) (string, bool) {
	if text, ok := f.options.Config[name]; ok {
		return text, true
	}
	text, ok := DefaultConfig()[name]
	return text, ok
}

// addConfig appends the variable of symbol i to d.
func (f *file) addConfig(d *obj.Data, i int, t btf.Type, text string) *Error {
	size, ok := sizeOf(t)
	if !ok || size == 0 || size > maxConfig {
		return malformed(CodeExtern, "a configuration value is a number, a bool, a tristate or a text of up to %d bytes", maxConfig)
	}
	value := make([]byte, size)
	if text != "" {
		if err := setConfig(value, t, text); err != nil {
			return malformed(CodeExtern, "the value %q does not fit the variable: %v", clean(text), err)
		}
	}
	at := (len(d.Bytes) + pointerSize - 1) / pointerSize * pointerSize
	d.Bytes = append(d.Bytes, make([]byte, at-len(d.Bytes))...)
	d.Bytes = append(d.Bytes, value...)
	d.Symbols = append(d.Symbols, obj.DataSymbol{Name: f.symbols[i].Name, Offset: uint32(at), Size: size})
	f.put(i, place{len(f.data), uint64(at)})
	return nil
}

// maxConfig is the largest configuration value in bytes.
const maxConfig = 4096

// setConfig writes a value as the variable's type wants it (libbpf 1.6, set_kcfg_value_tri, _str and _num).
func setConfig(value []byte, t btf.Type, text string) error {
	if a, ok := btf.As[*btf.Array](t); ok {
		return setText(value, a, text)
	}
	switch text {
	case "y", "n", "m":
		return setLetter(value, t, text[0])
	}
	i, ok := btf.As[*btf.Int](t)
	if !ok || i.Encoding == btf.Bool {
		return fmt.Errorf("only y, n or m does")
	}
	n, err := configNumber(text)
	if err != nil {
		return err
	}
	return setNumber(value, n, i.Encoding == btf.Signed)
}

// setLetter writes y, n or m: to a bool, to enum libbpf_tristate (0 no, 1 yes, 2 module), or as a character.
func setLetter(value []byte, t btf.Type, letter byte) error {
	e, tristate := btf.As[*btf.Enum](t)
	i, _ := btf.As[*btf.Int](t)
	switch {
	case tristate && e.Name == "libbpf_tristate":
		value[0] = byte(strings.IndexByte("nym", letter))
	case i != nil && i.Encoding == btf.Bool && letter != 'm':
		value[0] = byte(strings.IndexByte("ny", letter))
	case i != nil && i.Encoding != btf.Bool && len(value) == 1:
		value[0] = letter
	default:
		return fmt.Errorf("a number does")
	}
	return nil
}

// setText writes a text, in quotes or not; what does not fit is cut off.
func setText(value []byte, a *btf.Array, text string) error {
	if i, ok := btf.As[*btf.Int](a.Type); !ok || i.Size != 1 {
		return fmt.Errorf("it is no array of characters")
	}
	copy(value[:len(value)-1], strings.Trim(text, `"`))
	return nil
}

// setNumber writes a number of 1, 2, 4 or 8 bytes.
func setNumber(value []byte, n int64, signed bool) error {
	bits := 8 * len(value)
	if len(value) < 8 {
		low, high := int64(0), int64(1)<<bits
		if signed {
			low, high = -high/2, high/2
		}
		if n < low || n >= high {
			return fmt.Errorf("it has %d bits", bits)
		}
	}
	var all [8]byte
	binary.LittleEndian.PutUint64(all[:], uint64(n))
	if copy(value, all[:]) != len(value) {
		return fmt.Errorf("it has %d bits", bits)
	}
	return nil
}

// configNumber reads a number, or a version "6.18.0", which is KERNEL_VERSION of its parts
// (include/uapi/linux/version.h: the last part is at most 255).
func configNumber(text string) (int64, error) {
	parts := strings.Split(text, ".")
	if len(parts) == 1 {
		n, err := strconv.ParseInt(text, 0, 64)
		if u, e := strconv.ParseUint(text, 0, 64); err != nil && e == nil {
			return int64(u), nil
		}
		if err != nil {
			return 0, fmt.Errorf("it is no number")
		}
		return n, nil
	}
	var version [3]uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || i == len(version) {
			return 0, fmt.Errorf("it is no version")
		}
		version[i] = n
	}
	return int64(version[0]<<16 | min(version[1], math.MaxUint8)<<8 | min(version[2], math.MaxUint8)), nil
}
