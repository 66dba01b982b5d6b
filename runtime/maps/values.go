package maps

import (
	"runtime"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// values is the value memory of a map: see the package's layouts. Special fields, such as locks, belong to programs:
// they are zero in a new value and in copies, and an update leaves them as they are.
type values struct {
	words     []uint64
	addr      uint64
	size      int  // bytes of one value
	stride    int  // words
	perCPU    bool // size and stride are those of one CPU
	cpus      int
	cpuStride int      // words
	keep      []uint64 // the bits of the special fields, by word; nil without
	lock      int64    // offset of the lock in bytes, -1 without
}

// layOut describes n values of a map in memory that is not there yet.
func (b *base) layOut(n uint64, size uint32, perCPU bool) values {
	v := values{size: int(size), stride: int(round8(uint64(size)) / 8), cpus: 1, lock: -1, perCPU: perCPU}
	if perCPU {
		v.cpus = b.env.CPUs
		v.cpuStride = int(n) * v.stride
	}
	v.special(b.spec.Special)
	return v
}

func (v *values) special(fields []abi.Special) {
	for _, f := range fields {
		if v.keep == nil {
			v.keep = make([]uint64, v.stride)
		}
		for i := f.Offset; i < f.Offset+f.Size && int(i) < v.size; i++ {
			v.keep[i/8] |= 0xff << (8 * (i % 8))
		}
		if f.Kind == abi.SpecialLock {
			v.lock = int64(f.Offset)
		}
	}
}

// bytes is the memory that n values take.
func (v *values) bytes(n uint64) uint64 { return 8 * n * uint64(v.stride) * uint64(v.cpus) }

// place puts the values into memory and describes them in the header.
func (v *values) place(b *base, mem []byte, addr uint64) {
	v.words, v.addr = words64(mem), addr
	b.head[3], b.head[headStride], b.head[headCPU] = addr, uint64(8*v.stride), uint64(8*v.cpuStride)
}

func (v *values) at(i uint32, cpu int) []uint64 {
	return v.words[cpu*v.cpuStride+int(i)*v.stride:][:v.stride]
}

func (v *values) address(i uint32, cpu int) uint64 {
	if uint(cpu) >= uint(v.cpus) {
		if v.perCPU {
			return 0
		}
		cpu = 0
	}
	return v.addr + 8*uint64(cpu*v.cpuStride+int(i)*v.stride)
}

// all is the size of a value with those of all CPUs.
func (v *values) all() int {
	if v.perCPU {
		return 8 * v.stride * v.cpus
	}
	return v.size
}

// fits checks the size of what Update gets.
func (v *values) fits(value []byte, cpu int) codegen.Errno {
	want := v.size
	if v.perCPU && cpu == codegen.AllCPUs {
		want = v.all()
	}
	if len(value) != want || v.perCPU && cpu != codegen.AllCPUs && uint(cpu) >= uint(v.cpus) {
		return codegen.EINVAL
	}
	return codegen.OK
}

// part is what of an update is for a CPU, and whether anything is.
func (v *values) part(value []byte, cpu, of int) ([]byte, bool) {
	switch {
	case !v.perCPU:
		return value, true
	case cpu == codegen.AllCPUs:
		return value[8*v.stride*of:][:8*v.stride], true
	}
	return value, cpu == of
}

// fill writes value i before anyone can see it. CPUs that the update is not for get zeros.
func (v *values) fill(i uint32, value []byte, cpu int) {
	for c := range v.cpus {
		dst := v.at(i, c)
		p, ok := v.part(value, cpu, c)
		if !ok {
			clear(dst)
			continue
		}
		for j := range dst {
			dst[j] = word(p, j)
			if v.keep != nil {
				dst[j] &^= v.keep[j]
			}
		}
	}
}

// overwrite changes value i while programs may use it.
func (v *values) overwrite(i uint32, value []byte, cpu int) {
	for c := range v.cpus {
		if p, ok := v.part(value, cpu, c); ok {
			v.put(v.at(i, c), p)
		}
	}
}

func (v *values) put(dst []uint64, value []byte) {
	for j := range dst {
		switch w := word(value, j); {
		case v.keep == nil || v.keep[j] == 0:
			store(&dst[j], w)
		default:
			merge(&dst[j], w, v.keep[j])
		}
	}
}

// overwriteLocked is overwrite while the value's lock is held.
func (v *values) overwriteLocked(i uint32, value []byte) {
	p := half(v.at(i, 0), uint32(v.lock))
	for !atomic.CompareAndSwapUint32(p, 0, 1) {
		runtime.Gosched()
	}
	v.overwrite(i, value, 0)
	atomic.StoreUint32(p, 0)
}

// get copies value i, with those of all CPUs.
func (v *values) get(i uint32) []byte {
	out := make([]byte, v.all())
	for c := range v.cpus {
		v.copy(out[8*v.stride*c:], v.at(i, c))
	}
	return out
}

func (v *values) copy(dst []byte, src []uint64) {
	for j := range src {
		w := load(&src[j])
		if v.keep != nil {
			w &^= v.keep[j]
		}
		putWord(dst, j, w)
	}
}

// checkFlags checks the flags of an update of an existing kind of element.
func (v *values) checkFlags(flags uint64) codegen.Errno {
	if flags&^updateLock > updateExist || flags&updateLock != 0 && v.lock < 0 {
		return codegen.EINVAL
	}
	return codegen.OK
}
