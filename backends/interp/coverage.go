package interp

import "sync"

// Coverage is an Observer that counts how often each BPF instruction is run. It is for sessions of one CPU; the zero
// value is ready for use.
type Coverage struct {
	mu     sync.Mutex
	place  place
	counts map[string][]uint64
}

// Step implements Observer.
func (c *Coverage) Step(s *State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.place.enters(s) {
		return nil
	}
	if c.counts == nil {
		c.counts = map[string][]uint64{}
	}
	name := s.Artifact.Entries[s.Program].Name
	counts := c.counts[name]
	for len(counts) <= c.place.slot {
		counts = append(counts, 0)
	}
	counts[c.place.slot]++
	c.counts[name] = counts
	return nil
}

// Count is how often the instruction at a slot of the program was run.
func (c *Coverage) Count(program string, slot int) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if counts := c.counts[program]; slot < len(counts) {
		return counts[slot]
	}
	return 0
}
