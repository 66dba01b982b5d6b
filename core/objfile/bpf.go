package objfile

import (
	"debug/elf"
	"io"
)

// WriteBPF writes a BPF program as an object that loaders of the kernel take (libbpf, and with it bpftool, tc and ip): an ELF64
// relocatable file for BPF (RFC 9669; machine EM_BPF) with the bytecode in a section whose name tells the program's type, the
// license, and a global function called name. The code must need no relocation. Errors are those of w.
func WriteBPF(w io.Writer, name, place, license string, code []byte) error {
	o := object{machine: elf.EM_BPF}
	o.sections = append(o.sections, &section{name: place, typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, align: 8, data: code})
	o.global(symbol{name: name, typ: elf.STT_FUNC, bind: elf.STB_GLOBAL, section: o.last(), size: uint64(len(code))})
	o.sections = append(o.sections, &section{name: "license", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_WRITE, align: 1, data: append([]byte(license), 0)})
	_, err := w.Write(o.bytes())
	return err
}
