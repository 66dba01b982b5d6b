package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/tests/kernel"
)

// Kinds of maps (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
const (
	mapHash          = 1
	mapArray         = 2
	mapProgArray     = 3
	mapPerfEvents    = 4
	mapPerCPUHash    = 5
	mapPerCPUArray   = 6
	mapLRUHash       = 9
	mapLRUPerCPUHash = 10
	mapLPMTrie       = 11
	mapArrayOfMaps   = 12
	mapHashOfMaps    = 13
	mapDevMap        = 14
	mapCPUMap        = 16
	mapQueue         = 22
	mapStack         = 23
	mapDevMapHash    = 25
	mapRingBuf       = 27
	mapBloomFilter   = 30
)

// subject is an object with the programs of it that run, and the sets that they are compiled with.
type subject struct {
	name     string
	object   *obj.Object
	set      *abi.Set
	programs []*obj.Program
}

// typeOf is a program's type.
func (s *subject) typeOf(p *obj.Program) abi.ProgType {
	if t, ok := s.set.Type(p.Type); ok {
		return t
	}
	t, _ := s.set.SectionType(p.Section)
	return t
}

// calls is the names of the helpers that a program calls, by slot.
func (s *subject) calls(p *obj.Program) map[int]string {
	names := map[int]string{}
	for slot, in := range p.Insns {
		if in.Op != isa.Call {
			continue
		}
		if h := s.set.HelperByID(uint32(in.Imm)); h != nil {
			names[slot] = h.Name
		}
	}
	for i := range p.Refs {
		if r := &p.Refs[i]; r.Kind == obj.RefHelper || r.Kind == obj.RefKfunc {
			names[r.Slot] = r.Name
		}
	}
	return names
}

// skipped is why a program is not run in the kernel, "" if it is.
func (s *subject) skipped(p *obj.Program) string {
	t := s.typeOf(p)
	if inputs[t.Kernel] == nil {
		return "BPF_PROG_TEST_RUN does not run programs of type " + t.Name
	}
	for _, name := range s.calls(p) {
		if why := helpersSkipped[name]; why != "" {
			return name + ": " + why
		}
	}
	return ""
}

// fixed is the program with constants in place of some calls: those of one side.
func (s *subject) fixed(p *obj.Program, kernel bool) *obj.Program {
	out := *p
	out.Insns = slices.Clone(p.Insns)
	for slot, name := range s.calls(p) {
		if c, ok := constants[name]; ok && (c.both || kernel) {
			out.Insns[slot] = c.insn()
			out.Refs = slices.DeleteFunc(slices.Clone(out.Refs), func(r obj.Ref) bool { return r.Slot == slot })
		}
	}
	return &out
}

// limits of maps: more would only take time.
const (
	maxEntries = 512
	ringBytes  = 1 << 16
)

// tame makes the maps as large on our side as the kernel's: small. Those that forget the least used have room for all.
func (s *subject) tame() {
	for i := range s.object.Maps {
		m := &s.object.Maps[i]
		most := uint32(maxEntries)
		switch m.Type {
		case mapRingBuf:
			most = 4096
		case mapLRUHash, mapLRUPerCPUHash:
			m.MaxEntries, most = 4096, 4096
		case mapPerfEvents, mapCPUMap:
			m.MaxEntries = 2
		}
		m.MaxEntries, m.Pinning = max(1, min(m.MaxEntries, most)), 0
	}
}

// kernelSession is the subject's programs for the kernel, without maps that none uses.
func (s *subject) kernelSession(programs []*obj.Program) (*kernel.Session, error) {
	var fixed []*obj.Program
	for _, p := range programs {
		fixed = append(fixed, s.fixed(p, true))
	}
	return kernel.NewSession(s.object, fixed, s.set)
}

// oneLine is text in one line, not too long.
func oneLine(format string, args ...any) string {
	t := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	return t[:min(len(t), 400)]
}
