package run

import (
	"fmt"
	"maps"
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
	mapUserRingBuf   = 31
)

// subject is an object with the programs of it that run, and the sets that they are compiled with.
type subject struct {
	name     string
	object   *obj.Object
	set      *abi.Set
	programs []*obj.Program
	kernel   bool // the kernel runs them
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
	base, _, _ := strings.Cut(s.name, ".")
	if why := programsSkipped[base+" "+p.Name]; why != "" {
		return base + " " + p.Name + ": " + why
	}
	if inputs[t.Kernel] == nil {
		return "BPF_PROG_TEST_RUN does not run programs of type " + t.Name
	}
	names := s.calls(p)
	for _, slot := range slices.Sorted(maps.Keys(names)) {
		if why := helpersSkipped[names[slot]]; why != "" {
			return names[slot] + ": " + why
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

// maxEntries is the size of maps: more would only take time. Those that forget the least used have room for all.
const (
	maxEntries = 512
	maxLRU     = 4096
	ringBytes  = 4096
)

// tame makes the maps as large on our side as the kernel's: small.
func (s *subject) tame() {
	for i := range s.object.Maps {
		m := &s.object.Maps[i]
		switch m.Pinning = 0; m.Type {
		case mapRingBuf, mapUserRingBuf:
			m.MaxEntries = ringBytes
		case mapLRUHash, mapLRUPerCPUHash:
			m.MaxEntries = maxLRU
		case mapPerfEvents, mapCPUMap:
			m.MaxEntries = uint32(cpus)
		default:
			m.MaxEntries = min(m.MaxEntries, maxEntries)
		}
	}
}

// session is the sequence for the kernel.
func (q *sequence) session() (*kernel.Session, error) {
	var fixed []*obj.Program
	for _, p := range q.programs {
		fixed = append(fixed, q.fixed(p, true))
	}
	s, err := kernel.NewSession(q.object, fixed, q.set)
	if err == nil {
		s.Puts, s.Steps = q.puts, q.steps
	}
	return s, err
}

// oneLine is text in one line, not too long.
func oneLine(format string, args ...any) string {
	t := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	return t[:min(len(t), 400)]
}

// draws are runs of all programs, in an order that is drawn.
func (s *subject) draws(d draw, each int) (steps []kernel.Step) {
	for range each {
		for i, p := range s.programs {
			t := s.typeOf(p)
			input := inputs[t.Kernel]
			if input == nil {
				input = draw.anything
			}
			st := kernel.Step{Program: i}
			st.Data, st.Context = input(d)
			if n := int(t.Context.Size); n < len(st.Context) {
				st.Context = st.Context[:n]
			}
			steps = append(steps, st)
		}
	}
	d.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return steps
}

// choose keeps of each program's runs a number of those that lead to new instructions, and others if there are not enough.
func (s *subject) choose(steps []kernel.Step, reached [][]int, each int) (chosen []kernel.Step) {
	keep, kept, seen := make([]bool, len(steps)), make([]int, len(s.programs)), map[[2]int]bool{}
	for i, st := range steps {
		fresh := false
		for _, slot := range reached[i] {
			fresh = fresh || !seen[[2]int{st.Program, slot}]
		}
		if !fresh || kept[st.Program] == each {
			continue
		}
		for _, slot := range reached[i] {
			seen[[2]int{st.Program, slot}] = true
		}
		keep[i] = true
		kept[st.Program]++
	}
	for i, st := range steps {
		if !keep[i] && kept[st.Program] < each {
			keep[i] = true
			kept[st.Program]++
		}
		if keep[i] {
			chosen = append(chosen, st)
		}
	}
	return chosen
}
