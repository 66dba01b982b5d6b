package maps

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// The stress tests: writers that own their keys, so that each knows what must be there, and readers that look up as
// machine code does. BPFC_LONG is how long each kind is stressed.
const (
	writers = 4
	readers = 3
)

// stress is a map under stress.
type stress struct {
	t    *testing.T
	w    *world
	m    Map
	x    *machine
	spec *abi.MapSpec
	ops  int
	end  time.Time
	stop atomic.Bool
}

func newStress(t *testing.T, s *abi.MapSpec) *stress {
	w := newWorld(writers + readers)
	return stressOf(t, w, w.mapOf(t, s, nil))
}

func stressOf(t *testing.T, w *world, m Map) *stress {
	ops := 20_000
	if testing.Short() {
		ops = 3_000
	}
	return &stress{t: t, w: w, m: m, x: w.machine(m), spec: m.Spec(), ops: ops, end: time.Now().Add(long(t))}
}

// run calls write in writers until they have done their operations, and read in readers until then. Both are in an epoch
// of their own during each call, as runs are.
func (s *stress) run(write, read func(id int, r *rand.Rand)) {
	var wg, rg sync.WaitGroup
	worker := func(g *sync.WaitGroup, id int, f func(int, *rand.Rand), more func(int) bool) {
		g.Go(func() {
			r := rand.New(rand.NewPCG(uint64(id), 3))
			for n := 0; more(n) && !s.t.Failed(); n++ {
				s.w.clock.enter(id)
				f(id, r)
				s.w.clock.leave(id)
			}
		})
	}
	for id := range writers {
		worker(&wg, id, write, func(n int) bool { return n < s.ops || time.Now().Before(s.end) })
	}
	for id := range readers {
		worker(&rg, writers+id, read, func(int) bool { return !s.stop.Load() })
	}
	wg.Wait()
	s.stop.Store(true)
	rg.Wait()
}

func (s *stress) fail(format string, args ...any) { s.t.Errorf(format, args...) }

// stamp is a value of n words that says whose it is: the key's number in each upper half.
func stamp(key uint32, version uint32, size uint32) []byte {
	v := make([]byte, size)
	for i := 0; i < len(v); i += 8 {
		binary.LittleEndian.PutUint64(v[i:], uint64(key)<<32|uint64(version))
	}
	return v
}

// check checks the words at an address that was found for a key. They are read twice, as a run would that holds the value.
func (s *stress) check(addr uint64, key uint32) {
	words := s.value(addr)
	for range 2 {
		for i := range words {
			if w := atomic.LoadUint64(&words[i]); w>>32 != uint64(key) {
				s.fail("word %d of the value of %d is %#x", i, key, w)
				return
			}
		}
	}
}

func (s *stress) value(addr uint64) []uint64 {
	base := s.x.head[3]
	return s.x.mem[base][(addr-base)/8:][:(s.spec.ValueSize+7)/8]
}

// keyFor makes a key of the map's size of a number.
func (s *stress) keyFor(n uint32) []byte {
	k := make([]byte, s.spec.KeySize)
	switch s.spec.Type {
	case typeLPMTrie:
		binary.LittleEndian.PutUint32(k, 32)
		binary.BigEndian.PutUint32(k[4:], n*0x01010101)
	default:
		binary.LittleEndian.PutUint32(k, n)
	}
	return k
}

// owner knows what the map has of its keys.
type owner struct{ there map[uint32]uint32 }

const owned = 16 // keys of each writer

func keyNumber(id, i int) uint32 { return uint32(1 + id*owned + i) }

// writeOwn changes a key of the writer and compares what the map has with what it must have.
func (s *stress) writeOwn(o *owner, id int, r *rand.Rand, forgets bool) {
	n := keyNumber(id, r.IntN(owned))
	k := s.keyFor(n)
	version, there := o.there[n]
	if addr := s.lookup(k); (addr != 0) != there && !forgets {
		s.fail("key %d: found %v, must be %v", n, addr != 0, there)
	}
	if v, errno := s.m.Get(k); errno == codegen.OK && binary.LittleEndian.Uint64(v) != uint64(n)<<32|uint64(version) {
		s.fail("key %d has %x, must have version %d", n, v, version)
	}
	if r.IntN(3) == 0 {
		if errno := s.m.Delete(k); errno != codegen.OK && (there || errno != codegen.ENOENT) && !forgets {
			s.fail("delete %d: %v", n, errno)
		}
		delete(o.there, n)
		return
	}
	next := r.Uint32()
	switch errno := s.m.Update(k, stamp(n, next, s.spec.ValueSize), 0, 0); {
	case errno == codegen.OK:
		o.there[n] = next
	case errno != codegen.ENOMEM:
		s.fail("update %d: %v", n, errno)
	case there && !forgets:
		s.fail("update of %d, which is there: no memory", n)
	}
}

func (s *stress) lookup(k []byte) uint64 {
	if s.spec.Type == typeLPMTrie {
		return s.x.trie(k)
	}
	return s.x.hash(k, 0)
}

func (s *stress) readAny(_ int, r *rand.Rand) {
	n := keyNumber(r.IntN(writers), r.IntN(owned))
	k := s.keyFor(n)
	addr := s.lookup(k)
	if r.IntN(2) == 0 {
		addr = s.m.Lookup(k, 0)
	}
	if addr != 0 {
		s.check(addr, n)
	}
}

func owners() (all [writers]owner) {
	for i := range all {
		all[i].there = map[uint32]uint32{}
	}
	return all
}

func TestStressElements(t *testing.T) {
	for _, s := range []*abi.MapSpec{
		spec(typeHash, 4, 24, writers*owned, 0),
		spec(typeHash, 12, 64, writers*owned, FlagNoPrealloc),
		spec(typeLPMTrie, 8, 24, writers*owned, FlagNoPrealloc),
		spec(typeCgroupStorage, 8, 24, 0, 0),
	} {
		t.Run(kindOf(s.Type).name, func(t *testing.T) {
			st := newStress(t, s)
			own := owners()
			st.run(func(id int, r *rand.Rand) { st.writeOwn(&own[id], id, r, false) }, st.readAny)
			want := map[string]string{}
			for i := range own {
				for n, version := range own[i].there {
					want[string(st.keyFor(n))] = string(stamp(n, version, s.ValueSize))
				}
			}
			got, _ := drain(st.m)
			require.Equal(t, want, got, "what is there in the end")
			whole(t, st.m)
		})
	}
}

// An LRU map may drop anything, but what it has is right. A reader that waits for its turn in an epoch holds up grace
// periods, so that updates find no memory while deletes go on: only after the run must every update find room.
func TestStressLRU(t *testing.T) {
	for _, flags := range []uint32{0, FlagNoCommonLRU} {
		s := spec(typeLRUHash, 4, 24, writers*owned/2, flags)
		st := newStress(t, s)
		own := owners()
		st.run(func(id int, r *rand.Rand) { st.writeOwn(&own[id], id, r, true) }, st.readAny)
		all, _ := drain(st.m)
		limit := (&base{spec: s, env: st.w.env}).entries()
		require.LessOrEqual(t, len(all), int(limit))
		for i := range uint32(limit) {
			n := 1000 + i
			require.Equal(t, codegen.OK, st.m.Update(st.keyFor(n), stamp(n, i, s.ValueSize), 0, 0))
			require.NotZero(t, st.lookup(st.keyFor(n)), "what was put last is there")
		}
		all, _ = drain(st.m)
		require.Len(t, all, int(limit), "it is full")
		whole(t, st.m)
	}
}

// Counters of a per-CPU map are added to by their CPU, as programs do, while elements come and go.
func TestStressPerCPU(t *testing.T) {
	for _, kind := range []uint32{typePerCPUHash, typeLRUPerCPUHash} {
		s := spec(kind, 4, 16, 64, 0)
		st := newStress(t, s)
		for i := range uint32(8) {
			require.Equal(t, codegen.OK, st.m.Update(st.keyFor(i), make([]byte, 16*(writers+readers)), 0, codegen.AllCPUs))
		}
		var sums [writers][8]uint64
		st.run(func(id int, r *rand.Rand) {
			i := r.IntN(8)
			st.add(i, id)
			sums[id][i]++
			churn := st.keyFor(uint32(1000 + id*100 + r.IntN(5)))
			if r.IntN(2) == 0 {
				st.m.Delete(churn)
			} else if errno := st.m.Update(churn, make([]byte, 16), 0, id); errno != codegen.OK && errno != codegen.ENOMEM {
				st.fail("update: %v", errno)
			}
		}, func(id int, r *rand.Rand) { st.m.Get(st.keyFor(uint32(r.IntN(8)))) })
		for i := range 8 {
			v, errno := st.m.Get(st.keyFor(uint32(i)))
			require.Equal(t, codegen.OK, errno)
			for id := range writers {
				require.Equal(t, sums[id][i], binary.LittleEndian.Uint64(v[16*id:]), "counter %d of CPU %d", i, id)
			}
		}
		whole(t, st.m)
	}
}

// add counts in the value of a key on a CPU.
func (s *stress) add(key, cpu int) {
	addr := s.x.hash(s.keyFor(uint32(key)), uint64(cpu))
	if addr == 0 {
		s.fail("counter %d has gone", key)
		return
	}
	atomic.AddUint64(&s.value(addr)[0], 1)
}

// Words of an array are never torn, and updates under a lock are seen whole under it.
func TestStressArray(t *testing.T) {
	s := spec(typeArray, 4, 32, 4, 0)
	s.Special = []abi.Special{{Kind: abi.SpecialLock, Offset: 4, Size: 4}}
	st := newStress(t, s)
	st.run(func(id int, r *rand.Rand) {
		v := r.Uint32()
		st.m.Update(le(uint32(r.IntN(4))), stamp(v, v, 32), updateLock, 0)
	}, func(id int, r *rand.Rand) {
		w := st.value(st.x.array(uint32(r.IntN(4)), 0))
		lock := half(w, 4)
		if !atomic.CompareAndSwapUint32(lock, 0, 1) {
			return
		}
		a, b, c := load(&w[1]), load(&w[2]), load(&w[3])
		if a != b || b != c || uint32(a) != atomic.LoadUint32(half(w, 0)) {
			st.fail("under the lock: %#x %#x %#x", a, b, c)
		}
		atomic.StoreUint32(lock, 0)
	})
}

// Nothing is lost or doubled in a queue or stack, and a queue keeps the order of each writer.
func TestStressQueue(t *testing.T) {
	for _, kind := range []uint32{typeQueue, typeStack} {
		st := newStress(t, spec(kind, 0, 8, 64, 0))
		var pushed [writers]uint32
		var last, count [readers + 1][writers]uint32
		pop := func(reader int) bool {
			v := make([]byte, 8)
			if st.m.Pop(v) != codegen.OK {
				return false
			}
			w := binary.LittleEndian.Uint64(v)
			id, n := w>>32, uint32(w)
			if kind == typeQueue && n <= last[reader][id] {
				st.fail("writer %d: %d after %d", id, n, last[reader][id])
			}
			last[reader][id] = n
			count[reader][id]++
			return true
		}
		st.run(func(id int, r *rand.Rand) {
			if st.m.Push(le64(uint64(id)<<32|uint64(pushed[id]+1)), 0) == codegen.OK {
				pushed[id]++
			}
		}, func(id int, r *rand.Rand) { pop(id - writers) })
		clear(last[readers][:])
		for pop(readers) {
		}
		for id := range writers {
			sum := uint32(0)
			for r := range count {
				sum += count[r][id]
			}
			require.Equal(t, pushed[id], sum, "of writer %d", id)
		}
	}
}

// Records of a ring buffer come whole, each once, and those of one writer in order.
func TestStressRing(t *testing.T) {
	st := newStress(t, spec(typeRingBuf, 0, 0, 4096, 0))
	records := st.m.(codegen.Ring)
	var sent, seen [writers]uint32
	take := func() {
		for _, rec := range records.Consume() {
			id, n := binary.LittleEndian.Uint32(rec), binary.LittleEndian.Uint32(rec[4:])
			if n != seen[id]+1 {
				st.fail("writer %d: %d after %d", id, n, seen[id])
			}
			seen[id] = n
			for i := 8; i < len(rec); i++ {
				if rec[i] != byte(n) {
					st.fail("record %d of writer %d is torn: %x", n, id, rec)
					return
				}
			}
		}
	}
	var mu sync.Mutex
	st.run(func(id int, r *rand.Rand) {
		rec := make([]byte, 8+r.IntN(300))
		binary.LittleEndian.PutUint32(rec, uint32(id))
		binary.LittleEndian.PutUint32(rec[4:], sent[id]+1)
		for i := 8; i < len(rec); i++ {
			rec[i] = byte(sent[id] + 1)
		}
		if r.IntN(8) == 0 {
			if a := records.Reserve(uint64(len(rec))); a != 0 {
				records.Commit(a, true)
			}
			return
		}
		if records.Output(rec) == codegen.OK {
			sent[id]++
		}
	}, func(int, *rand.Rand) {
		mu.Lock()
		defer mu.Unlock()
		take()
	})
	take()
	require.Equal(t, sent, seen)
	require.Zero(t, records.Query(ringAvailable))
	st.m.(*ring).whole(t)
}

// Entries of tables, devices and hashes of objects are what somebody put there, or nothing.
func TestStressObjects(t *testing.T) {
	in := spec(typeHash, 4, 8, 4, 0)
	for _, s := range []*abi.MapSpec{
		spec(typeProgArray, 4, 4, 8, 0), spec(typeArrayOfMaps, 4, 4, 8, 0), spec(typeSockMap, 4, 8, 8, 0), spec(typeDevMap, 4, 8, 8, 0), spec(typeCPUMap, 4, 4, 8, 0),
		spec(typeHashOfMaps, 4, 4, 8, 0), spec(typeSockHash, 4, 8, 8, 0), spec(typeDevMapHash, 4, 8, 8, 0),
	} {
		t.Run(kindOf(s.Type).name, func(t *testing.T) {
			w := newWorld(16)
			inner := map[uint32]Map{}
			for i := range uint32(4) {
				inner[i+1] = w.mapOf(t, in, nil)
			}
			w.env.Map = func(id uint32) codegen.Map { return inner[id] }
			st := stressOf(t, w, w.mapOf(t, s, in))
			words := map[uint64]bool{}
			for i := range uint64(4) {
				words[i+1] = true
				words[inner[uint32(i+1)].Address()] = true
			}
			memory, _ := st.m.Slab()
			st.run(func(id int, r *rand.Rand) {
				key := le(uint32(r.IntN(8)))
				if r.IntN(3) == 0 {
					st.m.Delete(key)
				} else if errno := st.m.Update(key, number(uint64(1+r.IntN(4)), s.ValueSize), 0, 0); errno != codegen.OK && errno != codegen.ENOMEM {
					st.fail("update: %v", errno)
				}
			}, func(id int, r *rand.Rand) {
				key := le(uint32(r.IntN(8)))
				at := st.m.Lookup(key, 0)
				if at != 0 && len(memory) > 0 {
					at = uint64(uint32(load(&st.value(at)[0])))
				}
				if at != 0 && !words[at] {
					st.fail("found %#x", at)
				}
				if v, errno := st.m.Get(key); errno == codegen.OK && (word(v, 0) < 1 || word(v, 0) > 4) {
					st.fail("got %x", v)
				}
			})
			st.m.Each(func(_, v []byte) bool { return words[word(v, 0)] || st.failed("left %x", v) })
		})
	}
}

// failed is fail in an expression.
func (s *stress) failed(format string, args ...any) bool {
	s.fail(format, args...)
	return false
}

// A bloom filter forgets nothing, and a stack keeps its number while it is there.
func TestStressFilters(t *testing.T) {
	st := newStress(t, spec(typeBloomFilter, 0, 8, 1000, 0))
	var last [writers]atomic.Uint64
	st.run(func(id int, r *rand.Rand) {
		n := last[id].Load() + 1
		if errno := st.m.Push(le64(uint64(id)<<32|n), 0); errno != codegen.OK {
			st.fail("push: %v", errno)
		}
		last[id].Store(n)
	}, func(_ int, r *rand.Rand) {
		id := r.IntN(writers)
		if n := last[id].Load(); n > 0 && st.m.Peek(le64(uint64(id)<<32|(1+r.Uint64N(n)))) != codegen.OK {
			st.fail("one of %d values of %d is lost", n, id)
		}
	})

	st = newStress(t, spec(typeStackTrace, 4, 24, 16, 0))
	traces := st.m.(StackTrace)
	st.run(func(id int, r *rand.Rand) {
		stack := []uint64{uint64(id), r.Uint64N(3)}
		n, errno := traces.Store(stack, uint64(r.IntN(2)*stackReuse))
		if errno == codegen.OK && n != stackHash(stack)&15 {
			st.fail("stack %v is number %d", stack, n)
		}
		if r.IntN(4) == 0 {
			st.m.Delete(le(n))
		}
	}, func(_ int, r *rand.Rand) {
		n := r.Uint32N(16)
		if v, errno := st.m.Get(le(n)); errno == codegen.OK && stackHash([]uint64{word(v, 0), word(v, 1)})&15 != n {
			st.fail("number %d is %x", n, v)
		}
	})
}

// whole checks a map's structure when nobody uses it: every element is in a chain, free or retired, and once.
func whole(t *testing.T, m Map) {
	t.Helper()
	switch m := m.(type) {
	case *hash:
		m.whole(t)
	case *trie:
		m.whole(t)
	default:
		t.Fatalf("no check for %T", m)
	}
}

func (h *hash) whole(t *testing.T) {
	seen := map[uint32]string{}
	for b := range h.heads {
		for e := h.heads[b]; e != 0; e = h.next(e) {
			once(t, seen, e, "a chain")
			require.Equal(t, uint32(b), uint32(h.element(e)[0]>>32)&h.mask, "element %d is in another bucket's chain", e)
			require.Equal(t, hashOf(h.seedWord, h.keyOf(e)), uint32(h.element(e)[0]>>32))
			if h.lru != nil {
				require.True(t, h.lru.in[e], "element %d is in no LRU list", e)
			}
		}
	}
	require.Equal(t, int64(len(seen)), h.count.Load(), "the count")
	if h.lru != nil {
		queued := 0
		for e := h.lru.next[0]; e != 0; e = h.lru.next[e] {
			require.Contains(t, seen, e)
			queued++
		}
		require.Equal(t, len(seen), queued)
	}
	h.pool.whole(t, seen)
}

func once(t *testing.T, seen map[uint32]string, e uint32, where string) {
	require.Empty(t, seen[e], "element %d is in %s as well", e, where)
	seen[e] = where
}

func (p *pool) whole(t *testing.T, seen map[uint32]string) {
	for _, e := range p.free {
		once(t, seen, e, "the free list")
	}
	for _, r := range p.retired[p.begin:] {
		once(t, seen, r.element, "the retired")
	}
	require.Len(t, seen, int(p.used), "elements that are nowhere")
}

func (t *trie) whole(tt *testing.T) {
	nodes, vals := map[uint32]string{}, map[uint32]string{}
	branches := uint64(0)
	var walk func(at uint32, above prefix)
	walk = func(at uint32, above prefix) {
		if at == 0 {
			return
		}
		once(tt, nodes, at, "the tree")
		n := t.node(at)
		p := prefix{n.length(), n[2:]}
		require.GreaterOrEqual(tt, p.length, above.length)
		require.Equal(tt, above.length, common(p.data, above.data, above.length), "node %d does not belong where it is", at)
		if v := n.value(); v != 0 {
			once(tt, vals, v, "a node")
		} else {
			branches++
			require.NotZero(tt, n.child(0), "a branch to nothing")
			require.NotZero(tt, n.child(1), "a branch to nothing")
		}
		for i := range 2 {
			if c := n.child(i); c != 0 {
				require.Greater(tt, t.node(c).length(), p.length)
				require.Equal(tt, i, bit(t.node(c)[2:], p.length), "child %d of node %d", i, at)
			}
			walk(n.child(i), p)
		}
	}
	walk(*t.root, prefix{0, make([]uint64, t.step-2)})
	require.Equal(tt, t.used, uint64(len(vals)))
	require.Equal(tt, t.branch, branches)
	t.nodes.whole(tt, nodes)
	t.vals.whole(tt, vals)
}

// A value that was found stays as it is while the run that found it lasts, whatever happens to its key meanwhile.
func TestGracePeriod(t *testing.T) {
	for _, s := range []*abi.MapSpec{
		spec(typeHash, 4, 16, 8, 0), spec(typeLRUHash, 4, 16, 8, 0), spec(typeLPMTrie, 8, 16, 8, FlagNoPrealloc),
	} {
		t.Run(kindOf(s.Type).name, func(t *testing.T) { gracePeriod(t, s) })
	}
}

func gracePeriod(t *testing.T, s *abi.MapSpec) {
	st := newStress(t, s)
	put := func(n, version uint32) codegen.Errno {
		return st.m.Update(st.keyFor(n), stamp(n, version, 16), 0, 0)
	}
	require.Equal(t, codegen.OK, put(1, 5))
	require.Equal(t, codegen.OK, put(2, 5))
	st.w.clock.enter(0)
	changed, deleted := st.value(st.m.Lookup(st.keyFor(1), 0)), st.value(st.m.Lookup(st.keyFor(2), 0))
	require.Equal(t, codegen.OK, st.m.Delete(st.keyFor(2)))
	unchanged := func() {
		require.Equal(t, []uint64{2<<32 | 5, 2<<32 | 5}, deleted)
	}
	// The spare elements run out: new keys get ENOMEM, what is there is changed in place.
	errno, n := codegen.OK, 0
	for ; errno == codegen.OK; n++ {
		require.Less(t, n, 100_000)
		if errno = put(3, uint32(n)); errno == codegen.OK {
			require.Equal(t, []uint64{1<<32 | 5, 1<<32 | 5}, changed)
			errno = st.m.Delete(st.keyFor(3))
		}
		unchanged()
	}
	require.Equal(t, codegen.ENOMEM, errno)
	require.Greater(t, n, 64, "there are spare elements")
	require.Equal(t, codegen.OK, put(1, 6))
	require.Equal(t, []uint64{1<<32 | 6, 1<<32 | 6}, changed, "in place, for want of memory")
	unchanged()
	st.w.clock.leave(0)
	require.Equal(t, codegen.OK, put(3, 0), "the run is over: its elements are free")
	whole(t, st.m)
}

// long is how long the tests that can run for ever do.
func long(t testing.TB) time.Duration {
	if s := os.Getenv("BPFC_LONG"); s != "" {
		d, err := time.ParseDuration(s)
		require.NoError(t, err, "BPFC_LONG is a duration, as 2h")
		return d
	}
	return 0
}
