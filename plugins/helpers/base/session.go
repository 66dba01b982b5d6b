package base

import (
	"maps"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/env"
)

// session is what the helpers of the set keep in one session. Names in the files that implement them: s is the
// session, c the run that calls.
type session struct {
	clock  clock
	nodes  []int // of each CPU, by number; those beyond the end are on node 0
	memory env.Memory
	cpus   []cpu
}

// cpu is what belongs to one virtual CPU. One run has it at a time, so that nothing in it needs a lock.
type cpu struct {
	random  *uint64 // of the session's home, for code that is expanded moves it on, too
	task    env.Task
	held    uint64              // address of the lock that the run has
	records map[uint64]uint64   // reserved in ring buffers: the ring's address, by the record's
	walks   map[uint64][][]byte // keys of the maps that are walked, by the address of the cursor
	retval  int32
	_       [64]byte // keeps CPUs out of one another's cache lines
}

// table is helpers by name.
type table = map[string]codegen.GoHelper

// tables is every helper that runs, and internal ones, whose names have no prefix "bpf_".
func (s *session) tables() table {
	all := table{}
	for _, t := range []table{
		s.mapTable(), s.walkTable(), s.clockTable(), s.textTable(), s.numberTable(), s.lockTable(), s.ringTable(), s.dynptrTable(),
		s.iterTable(), s.taskTable(), s.probeTable(),
	} {
		maps.Copy(all, t)
	}
	return all
}

// Implement makes the set run in a session. Of the environment it reads the parts "clock", "seed", "numa", "tasks"
// and "memory", whose values package env describes.
func Implement(h codegen.Home) (codegen.Implementation, error) {
	s := &session{cpus: make([]cpu, h.CPUs())}
	for _, read := range []func(codegen.Home) error{s.readClock, s.readSeed, s.readNodes, s.readTasks, s.readMemory} {
		if err := read(h); err != nil {
			return codegen.Implementation{}, err
		}
	}
	return codegen.Implementation{Helpers: s.tables(), Done: s.done, Hooks: hooks()}, nil
}

// cpu is the CPU of the run.
func (s *session) cpu(c codegen.Call) *cpu { return &s.cpus[c.CPU()] }

// done gives back what the run holds, if it ended by a fault, and forgets what was the run's.
func (s *session) done(c codegen.Call) {
	u := s.cpu(c)
	s.unlock(c)
	for record, ring := range u.records {
		commit(c, ring, record, true)
	}
	clear(u.records)
	clear(u.walks)
	u.retval = 0
}
