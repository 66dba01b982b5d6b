package kernel

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
)

// Session is runs of programs (BPF_PROG_TEST_RUN) that share maps. They run on
// CPU 0, in a network namespace that holds nothing but a loopback interface:
// there are no routes, no neighbours and no other sockets.
type Session struct {
	Maps     []Map
	Programs []Code // Refs are to Maps; those of the programs are empty
	Puts     []Put  // before the first run, in order
	Steps    []Step
}

// Put sets an element of Maps[Map], or adds Value to a queue, a stack or a bloom filter if there is no key.
type Put struct {
	Map        int
	Key, Value []byte
	// Program and Inner, if they are not 0, are the index plus one in Programs and Maps of what the value stands for.
	Program, Inner int
}

// Step is a run of Programs[Program].
type Step struct {
	Program       int
	Data, Context []byte
}

// Element is a key of a map with its value; of a map per CPU the value of CPU 0. Queues, stacks and rings have no keys.
type Element struct{ Key, Value []byte }

// SessionAnswer is what became of a Session.
type SessionAnswer struct {
	Err      string   // why there was none: a map that cannot be created
	Verdicts []Answer // on Programs
	Puts     []string // names of their errors, "" for none
	Steps    []Ran
	// Maps are the elements of each map after the last run: those of arrays that are not all zero, the records of rings and of
	// perf event arrays. It is nil where they cannot be read.
	Maps    [][]Element
	Process Process
}

// Process is what programs can see of the process in which they run.
type Process struct {
	PID, TID, UID, GID uint32
	Comm               string
}

// NewSession makes a session of programs of an object, without puts and steps.
func NewSession(o *obj.Object, programs []*obj.Program, set *abi.Set) (*Session, error) {
	maps, err := MapsOf(o)
	if err != nil {
		return nil, err
	}
	s := &Session{Maps: maps}
	for _, p := range programs {
		c, err := codeOf(o, p, set)
		if err != nil {
			return nil, err
		}
		s.Programs = append(s.Programs, *c)
	}
	return s, nil
}
