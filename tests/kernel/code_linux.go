package kernel

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/tests/kernel/alive"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// code prepares bytecode: maps and types exist when the loads begin.
func (l *loader) code(q Question) (load, func(), error) {
	c := *q.Code
	if err := Gate(c.Insns); err != nil {
		return nil, nil, err
	}
	var open []func() error
	closer := func() {
		for _, f := range slices.Backward(open) {
			_ = f()
		}
	}
	maps := make([]*ebpf.Map, len(c.Maps))
	for i := range c.Maps {
		m, err := create(c.Maps, i)
		if err != nil {
			closer()
			return nil, nil, err
		}
		maps[i], open = m, append(open, m.Close)
	}
	again, done, err := l.codeWith(&c, maps)
	if err != nil {
		closer()
		return nil, nil, err
	}
	open = append(open, done)
	return again, closer, nil
}

// codeWith prepares bytecode whose maps exist.
func (l *loader) codeWith(c *Code, maps []*ebpf.Map) (again load, done func() error, err error) {
	insns := slices.Clone(c.Insns)
	for _, r := range c.Refs {
		setImm(insns, r.Slot, int32(maps[r.Map].FD()))
	}
	if err := l.number(insns, c.Kfuncs); err != nil {
		return nil, nil, err
	}
	types, infos, err := functions(c.Funcs)
	if err != nil {
		return nil, nil, err
	}
	a := attr{
		ProgType: c.Type, ExpectedAttachType: c.Attach, ProgFlags: c.Flags,
		InsnCnt: uint32(len(insns) / 8),
	}
	done = func() error { return nil }
	if types != nil {
		done = types.Close
		a.ProgBTFFD, a.FuncInfoRecSize, a.FuncInfoCnt = uint32(types.FD()), funcInfoSize, uint32(len(infos)/funcInfoSize)
	}
	return func(level uint32) outcome { return a.load(insns, cmp.Or(c.License, "GPL"), infos, level) }, done, nil
}

// number gives calls of the kernel's functions their numbers, which are those of their types.
func (l *loader) number(insns []byte, calls []Kfunc) error {
	if len(calls) == 0 {
		return nil
	}
	kernel, err := l.types.Kernel()
	if err != nil {
		return err
	}
	for _, k := range calls {
		var f *btf.Func
		if err := kernel.TypeByName(k.Name, &f); err != nil {
			return fmt.Errorf("instruction %d: kernel function %q: %w", k.Slot, k.Name, err)
		}
		id, err := kernel.TypeID(f)
		if err != nil {
			return err
		}
		setImm(insns, k.Slot, int32(id))
	}
	return nil
}

// create creates a map and gives it its value.
func create(all []Map, i int) (*ebpf.Map, error) {
	spec, err := mapSpec(all, i, 0)
	if err != nil {
		return nil, err
	}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, fmt.Errorf("map %q: %w", all[i].Name, err)
	}
	if all[i].Value != nil {
		err = m.Put(uint32(0), all[i].Value)
	}
	if err == nil && all[i].ReadOnly {
		err = m.Freeze()
	}
	if err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("map %q: %w", all[i].Name, err)
	}
	return m, nil
}

// mapSpec describes Maps[i] to the library, with the template of inner maps.
func mapSpec(all []Map, i, depth int) (*ebpf.MapSpec, error) {
	m := &all[i]
	spec := &ebpf.MapSpec{
		Type: ebpf.MapType(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags, MapExtra: m.Extra,
	}
	if m.ReadOnly {
		spec.Flags |= unix.BPF_F_RDONLY_PROG
	}
	switch {
	case spec.Type == ebpf.RingBuf || spec.Type == ebpf.UserRingbuf || spec.Type == ebpf.PerfEventArray:
		spec.KeySize, spec.ValueSize = 0, 0 // what the object says is for its own use
	case len(m.Special) > 0 || typed[spec.Type]:
		value, err := specialValue(&m.MapSpec)
		if err != nil {
			return nil, err
		}
		spec.Key, spec.Value = number(m.KeySize), value
	}
	if m.Inner > 0 {
		if int(m.Inner) > len(all) || depth > 0 {
			return nil, fmt.Errorf("map %q: its inner map %d does not exist or has one itself", m.Name, m.Inner)
		}
		inner, err := mapSpec(all, int(m.Inner)-1, depth+1)
		if err != nil {
			return nil, err
		}
		spec.InnerMap = inner
	}
	return spec, tame(spec)
}

// typed are the kinds that the kernel creates with types alone (bpf_local_storage_map_alloc_check, kernel/bpf/bpf_local_storage.c, Linux 6.18).
var typed = map[ebpf.MapType]bool{ebpf.SkStorage: true, ebpf.InodeStorage: true, ebpf.TaskStorage: true, ebpf.CgroupStorage: true}

// number is a type of n bytes.
func number(n uint32) btf.Type {
	if n == 4 || n == 8 {
		return &btf.Int{Name: fmt.Sprintf("u%d", n*8), Size: n}
	}
	byte1 := &btf.Int{Name: "u8", Size: 1}
	return &btf.Array{Index: &btf.Int{Name: "u32", Size: 4}, Type: byte1, Nelems: n}
}

// specialNames are the structures that the kernel recognises in values, by name (btf_get_field_type, kernel/bpf/btf.c, Linux 6.18).
var specialNames = map[abi.SpecialKind]string{abi.SpecialLock: "bpf_spin_lock", abi.SpecialTimer: "bpf_timer"}

// specialValue is the type of a value with locks and timers.
func specialValue(m *abi.MapSpec) (btf.Type, error) {
	value := &btf.Struct{Name: "value", Size: m.ValueSize}
	at := uint32(0)
	pad := func(to uint32) {
		if to > at {
			value.Members = append(value.Members, btf.Member{Name: fmt.Sprintf("pad%d", at), Type: number8(to - at), Offset: btf.Bits(at * 8)})
		}
		at = to
	}
	for _, s := range m.Special {
		name, ok := specialNames[s.Kind]
		if !ok {
			return nil, fmt.Errorf("map %q: the field at offset %d is of a kind that only its own types can describe", m.Name, s.Offset)
		}
		pad(s.Offset)
		content := []btf.Member{{Name: "content", Type: number(min(s.Size, 8))}}
		if s.Size > 8 {
			content = append(content, btf.Member{Name: "more", Type: number8(s.Size - 8), Offset: 64})
		}
		value.Members = append(value.Members, btf.Member{Name: fmt.Sprintf("special%d", at), Type: &btf.Struct{Name: name, Size: s.Size, Members: content}, Offset: btf.Bits(at * 8)})
		at += s.Size
	}
	pad(m.ValueSize)
	return value, nil
}

// number8 is an array of n bytes.
func number8(n uint32) btf.Type {
	return &btf.Array{Index: &btf.Int{Name: "u32", Size: 4}, Type: &btf.Int{Name: "u8", Size: 1}, Nelems: n}
}

// funcInfoSize is the size of struct bpf_func_info (include/uapi/linux/bpf.h): offset of the instruction, type.
const funcInfoSize = 8

// functions makes the types that the kernel wants where a program has several
// functions. Static ones are int f(void), whatever they take: their calls are
// verified by following them.
func functions(funcs []Func) (*btf.Handle, []byte, error) {
	if len(funcs) < 2 {
		return nil, nil, nil
	}
	var b btf.Builder
	var infos []byte
	for i := range funcs {
		f, err := function(&funcs[i], i)
		if err != nil {
			return nil, nil, err
		}
		id, err := b.Add(f)
		if err != nil {
			return nil, nil, err
		}
		infos = binary.NativeEndian.AppendUint32(infos, uint32(funcs[i].Slot))
		infos = binary.NativeEndian.AppendUint32(infos, uint32(id))
	}
	h, err := btf.NewHandle(&b)
	if err != nil {
		return nil, nil, fmt.Errorf("types of functions: %w", err)
	}
	return h, infos, nil
}

// function is the type of one function.
func function(f *Func, index int) (*btf.Func, error) {
	proto := &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}
	t := &btf.Func{Name: fmt.Sprintf("f%d_%s", index, identifier(f.Name)), Type: proto, Linkage: btf.StaticFunc}
	if !f.Global || index == 0 {
		return t, nil
	}
	t.Linkage = btf.GlobalFunc
	t.ParamTags = make([][]string, len(f.Params))
	for i, p := range f.Params {
		typ, tags, ok := paramType(p)
		if !ok {
			return nil, fmt.Errorf("function %q: parameter %d is of a type that only the object can describe", f.Name, i+1)
		}
		proto.Params = append(proto.Params, btf.FuncParam{Name: fmt.Sprintf("p%d", i), Type: typ})
		t.ParamTags[i] = tags
	}
	return t, nil
}

// paramType is the type of a global function's parameter with its tags (btf_prepare_func_args, kernel/bpf/btf.c, Linux 6.18).
func paramType(p obj.Param) (t btf.Type, tags []string, ok bool) {
	switch p.Kind {
	case obj.ParamScalar:
		return number(8), nil, true
	case obj.ParamCtx:
		return &btf.Pointer{Target: &btf.Void{}}, []string{"arg:ctx"}, true
	case obj.ParamMem:
		if p.NonNull {
			tags = []string{"arg:nonnull"}
		}
		return &btf.Pointer{Target: memory(p)}, tags, true
	case obj.ParamDynptr:
		return &btf.Pointer{Target: memory(obj.Param{Struct: "bpf_dynptr", Size: 16})}, nil, true
	}
	return nil, nil, false
}

// memory is the structure that a parameter points to. By its name the kernel knows a context.
func memory(p obj.Param) btf.Type {
	content := []btf.Member{{Name: "content", Type: number8(p.Size)}}
	t := &btf.Struct{Name: cmp.Or(p.Struct, fmt.Sprintf("mem%d", p.Size)), Size: p.Size, Members: content}
	if t.Name == userRegs {
		t.Name = "user_pt_regs"
		return &btf.Typedef{Name: userRegs, Type: t}
	}
	return t
}

// userRegs is the name by which kprobes know their context (include/uapi/asm-generic/bpf_perf_event.h, Linux 6.18).
const userRegs = "bpf_user_pt_regs_t"

// identifier leaves of a name what BTF allows.
func identifier(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// attr is the part of union bpf_attr that BPF_PROG_LOAD reads (include/uapi/linux/bpf.h, Linux 6.18), up to line_info.
type attr struct {
	ProgType, InsnCnt            uint32
	Insns, License               uint64
	LogLevel, LogSize            uint32
	LogBuf                       uint64
	KernVersion, ProgFlags       uint32
	ProgName                     [16]byte
	ProgIfindex                  uint32
	ExpectedAttachType           uint32
	ProgBTFFD, FuncInfoRecSize   uint32
	FuncInfo                     uint64
	FuncInfoCnt, LineInfoRecSize uint32
}

// Attempts of a load that a signal to the Go runtime interrupted (bpf_check returns EAGAIN, kernel/bpf/verifier.c, Linux 6.18).
const loadAttempts = 30

// load loads the program once. The log holds the last logBytes of what the verifier prints;
// at level logStats that is all, so that ENOSPC (a log that did not fit) concerns steps alone.
func (a attr) load(insns []byte, license string, infos []byte, level uint32) outcome {
	const logBytes = 1 << 20
	text, lic := make([]byte, logBytes), append([]byte(license), 0)
	var pins runtime.Pinner
	defer pins.Unpin()
	address := func(b []byte) uint64 {
		if len(b) == 0 {
			return 0
		}
		pins.Pin(&b[0])
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	a.Insns, a.License, a.FuncInfo = address(insns), address(lic), address(infos)
	a.LogLevel, a.LogSize, a.LogBuf = level, logBytes, address(text)
	var fd uintptr
	errno := unix.EAGAIN
	for n := 0; n < loadAttempts && errno == unix.EAGAIN; n++ {
		alive.Pace()
		fd, _, errno = unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	}
	end, _, _ := bytes.Cut(text, []byte{0})
	o := outcome{log: lines(string(end))}
	if errno != 0 {
		o.err = fmt.Errorf("BPF_PROG_LOAD: %w", errno)
		return o
	}
	o.program, o.err = ebpf.NewProgramFromFD(int(fd))
	if o.err != nil {
		o.err = errors.Join(o.err, unix.Close(int(fd)))
	}
	return o
}

// lines splits a log.
func lines(log string) []string {
	return strings.Split(strings.TrimSpace(log), "\n")
}
