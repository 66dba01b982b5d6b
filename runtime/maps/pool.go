package maps

import "sync"

// pool hands out elements by number, 1 to limit. One that is retired comes back after its grace period.
type pool struct {
	epochs Epochs
	limit  uint32

	mu      sync.Mutex
	used    uint32   // elements that were ever handed out: the memory of the others is untouched
	free    []uint32 // the last one is the next
	retired []retiree
	begin   int // of retired: what lies before is gone
}

// retiree is an element that some reader may still stand on.
type retiree struct {
	element uint32
	stamp   uint64
}

// take is a free element, 0 if there is none.
func (p *pool) take() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 && p.begin < len(p.retired) {
		p.collect()
	}
	if n := len(p.free); n > 0 {
		e := p.free[n-1]
		p.free = p.free[:n-1]
		return e
	}
	if p.used == p.limit {
		return 0
	}
	p.used++
	return p.used
}

// collect frees what is retired and out of everyone's reach.
func (p *pool) collect() {
	oldest := p.epochs.Oldest()
	for p.begin < len(p.retired) && p.retired[p.begin].stamp < oldest {
		p.free = append(p.free, p.retired[p.begin].element)
		p.begin++
	}
	if p.begin > len(p.retired)/2 {
		p.retired = p.retired[:copy(p.retired, p.retired[p.begin:])]
		p.begin = 0
	}
}

// retire takes back an element that nobody can reach any more who does not stand on it already.
func (p *pool) retire(e uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = append(p.retired, retiree{e, p.epochs.Retire()})
}

// giveBack takes back an element that nobody has ever reached.
func (p *pool) giveBack(e uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, e)
}

// spares is how many elements a map has beyond its n entries, for those that wait for the end of a grace period. Small
// maps have plenty: a program may replace elements very often in one run.
func spares(n uint64, cpus int, size uint64) uint64 {
	return max(64, 2*uint64(cpus), n/8, min(4096, (256<<10)/max(size, 1)))
}
