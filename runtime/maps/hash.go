package maps

import (
	"sync"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// The multipliers of the hash: odd, with well-mixed bits.
const (
	M1 = 0x9e3779b97f4a7c15
	M2 = 0xd6e8feb86659fd93
)

// mix adds a word to a hash.
func mix(h, k uint64) uint64 {
	h = (h ^ k) * M1
	return h ^ h>>32
}

// hashOf is the hash of a key: see the package's layouts. Two rounds make every bit of the key count in the low bits,
// which choose the bucket.
func hashOf(seed uint64, key []uint64) uint32 {
	h := seed
	for _, k := range key {
		h = mix(h, k)
	}
	return uint32((h * M2) >> 32)
}

// maxStripes bounds the locks of a hash: writers in different stripes of buckets do not wait for one another.
const maxStripes = 64

type stripe struct {
	sync.Mutex
	_ [56]byte // a cache line each
}

// hash is a hash, per-CPU hash, LRU hash or LRU per-CPU hash, and the core of the other kinds that have arbitrary keys.
// See the package's layouts for what readers rely on.
type hash struct {
	base
	seedWord uint64
	mask     uint32
	heads    []uint32
	meta     []uint64
	step     int // words from element to element
	val      values
	pool     pool
	lru      *lru // nil if not LRU
	capacity int64
	count    atomic.Int64
	locks    []stripe
}

// hashShape is what the kinds that are built on a hash choose.
type hashShape struct {
	keySize, valueSize uint32
	entries            uint64
	private            bool // programs must not see the values
}

func openHash(b *base) (Map, error) {
	return newHash(b, hashShape{b.spec.KeySize, b.spec.ValueSize, b.entries(), false})
}

// entries is max_entries, for LRU lists per CPU rounded up to their number (htab_map_alloc, Linux 6.18).
func (b *base) entries() uint64 {
	n := uint64(b.spec.MaxEntries)
	if b.spec.Flags&FlagNoCommonLRU != 0 {
		c := uint64(b.env.CPUs)
		n = (n + c - 1) / c * c
	}
	return n
}

func newHash(b *base, s hashShape) (*hash, error) {
	h := &hash{base: *b, seedWord: b.seed(), capacity: int64(s.entries)}
	h.step = 1 + int(round8(uint64(s.keySize))/8)
	if b.kind.lru {
		h.step++
	}
	buckets := roundPower(s.entries)
	h.mask = uint32(buckets - 1)
	n := s.entries + spares(s.entries, b.env.CPUs, round8(uint64(s.valueSize))+8*uint64(h.step))
	h.val = h.layOut(n, s.valueSize, b.kind.perCPU)
	if err := h.allocateHash(buckets, n, s.private); err != nil {
		return nil, err
	}
	h.pool = pool{epochs: b.env.Epochs, limit: uint32(n)}
	h.locks = make([]stripe, min(buckets, maxStripes))
	if b.kind.lru {
		h.lru = newLRU(uint32(n))
	}
	return h, nil
}

func (h *hash) allocateHash(buckets, n uint64, private bool) error {
	heads := round8(4 * buckets)
	meta := n * uint64(8*h.step)
	val := h.val.bytes(n)
	slab, hidden := val, uint64(0)
	if private {
		slab, hidden = 0, val
	}
	if err := h.allocate(heads+meta+hidden, slab); err != nil {
		return err
	}
	h.heads = words32(h.private[:4*buckets])
	h.meta = words64(h.private[heads:][:meta])
	if private {
		h.val.place(&h.base, h.private[heads+meta:], h.privateAddr(heads+meta))
	} else {
		h.val.place(&h.base, h.slab, h.slabAddr)
	}
	h.head[headMask] = uint64(h.mask)
	*h.own(0), *h.own(1), *h.own(2) = h.seedWord, h.privateAddr(heads), uint64(8*h.step)
	return nil
}

// element is the private part of element e.
func (h *hash) element(e uint32) []uint64 { return h.meta[int(e-1)*h.step:][:h.step] }

// keyOf is the key of element e, in words.
func (h *hash) keyOf(e uint32) []uint64 {
	m := h.element(e)
	if h.lru != nil {
		return m[1 : len(m)-1]
	}
	return m[1:]
}

// isAt reports whether the element at m, with the link that was loaded from it, is the key's.
func isAt(m []uint64, link uint64, hv uint32, k []uint64) bool {
	if uint32(link>>32) != hv {
		return false
	}
	for i, w := range k {
		if m[1+i] != w {
			return false
		}
	}
	return true
}

// find is the element with the key, 0 if there is none. It takes no lock.
func (h *hash) find(k []uint64, hv uint32) uint32 {
	e := atomic.LoadUint32(&h.heads[hv&h.mask])
	for e != 0 {
		m := h.element(e)
		link := load(&m[0])
		if isAt(m, link, hv, k) {
			return e
		}
		e = uint32(link)
	}
	return 0
}

// place is where an element hangs in its chain: behind prev, or at the bucket's head if prev is 0. It is valid while
// the bucket is locked.
type place struct {
	bucket, prev, e uint32
}

// locate is find in a locked bucket, with the place. e is 0 if the key is not there.
func (h *hash) locate(k []uint64, hv uint32) place {
	p := place{bucket: hv & h.mask}
	for p.e = h.heads[p.bucket]; p.e != 0; {
		m := h.element(p.e)
		link := m[0]
		if isAt(m, link, hv, k) {
			break
		}
		p.prev, p.e = p.e, uint32(link)
	}
	return p
}

// relink makes e follow where p.e was.
func (h *hash) relink(p place, e uint32) {
	if p.prev == 0 {
		atomic.StoreUint32(&h.heads[p.bucket], e)
		return
	}
	link := &h.element(p.prev)[0]
	store(link, *link&^0xffffffff|uint64(e))
}

// next is the element after p.e in its bucket.
func (h *hash) next(e uint32) uint32 { return uint32(h.element(e)[0]) }

func (h *hash) lock(bucket uint32) *stripe {
	s := &h.locks[int(bucket)&(len(h.locks)-1)]
	s.Lock()
	return s
}

// key is the key in words and its hash; false if the size is wrong.
func (h *hash) key(key []byte, buf *[smallKey]uint64) (k []uint64, hv uint32, ok bool) {
	if len(key) != h.keyBytes() {
		return nil, 0, false
	}
	k = keyWords(key, buf)
	return k, hashOf(h.seedWord, k), true
}

// keyBytes is the size of a key. Local storages have the address of an object for a key.
func (h *hash) keyBytes() int {
	if h.kind.objectKey {
		return 8
	}
	return int(h.spec.KeySize)
}

// lookup is the element of a key, or 0, also for a key that the map cannot have.
func (h *hash) lookup(key []byte) uint32 {
	var buf [smallKey]uint64
	k, hv, ok := h.key(key, &buf)
	if !ok {
		return 0
	}
	return h.find(k, hv)
}

// Lookup leaves a mark in an LRU map.
func (h *hash) Lookup(key []byte, cpu int) uint64 {
	e := h.lookup(key)
	if e == 0 {
		return 0
	}
	if h.lru != nil {
		h.touch(e)
	}
	return h.val.address(e-1, cpu)
}

// touch marks an element as used lately.
func (h *hash) touch(e uint32) {
	if p := h.mark(e); load(p) == 0 {
		store(p, 1)
	}
}

func (h *hash) mark(e uint32) *uint64 { return &h.element(e)[h.step-1] }

// Get copies under the bucket's lock, so that the element is not reused meanwhile: callers need no epoch.
func (h *hash) Get(key []byte) ([]byte, codegen.Errno) {
	var buf [smallKey]uint64
	k, hv, ok := h.key(key, &buf)
	if !ok {
		return nil, codegen.EINVAL
	}
	defer h.lock(hv & h.mask).Unlock()
	e := h.locate(k, hv).e
	if e == 0 {
		return nil, codegen.ENOENT
	}
	return h.val.get(e - 1), codegen.OK
}

// Update changes values per CPU, and those updated under their lock, in place; all others are replaced by a new element.
func (h *hash) Update(key, value []byte, flags uint64, cpu int) codegen.Errno {
	if errno := h.updateFlags(flags); errno != codegen.OK {
		return errno
	}
	var buf [smallKey]uint64
	k, hv, ok := h.key(key, &buf)
	if !ok {
		return codegen.EINVAL
	}
	if errno := h.val.fits(value, cpu); errno != codegen.OK {
		return errno
	}
	u := update{k, hv, value, flags, cpu}
	if h.lru != nil {
		return h.updateLRU(&u)
	}
	defer h.lock(hv & h.mask).Unlock()
	return h.put(&u)
}

// updateFlags: only values that are not per CPU and not of an LRU map may be updated under their lock.
func (h *hash) updateFlags(flags uint64) codegen.Errno {
	if flags&updateLock != 0 && (h.val.perCPU || h.lru != nil) {
		return codegen.EINVAL
	}
	return h.val.checkFlags(flags)
}

// update is what Update is to do.
type update struct {
	key   []uint64
	hash  uint32
	value []byte
	flags uint64
	cpu   int
}

// put updates in a locked bucket.
func (h *hash) put(u *update) codegen.Errno {
	p := h.locate(u.key, u.hash)
	switch {
	case p.e == 0 && u.flags&updateExist != 0:
		return codegen.ENOENT
	case p.e == 0:
		if !h.reserve() {
			return codegen.E2BIG
		}
		return h.add(u)
	case u.flags&updateNoExist != 0:
		return codegen.EEXIST
	case u.flags&updateLock != 0:
		h.val.overwriteLocked(p.e-1, u.value)
	case h.val.perCPU || !h.replace(p, u):
		h.val.overwrite(p.e-1, u.value, u.cpu)
	}
	if h.lru != nil && h.val.perCPU {
		h.touch(p.e)
	}
	return codegen.OK
}

// reserve counts one more element, if the map is not full.
func (h *hash) reserve() bool {
	for {
		n := h.count.Load()
		if n >= h.capacity {
			return false
		}
		if h.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// add puts a new element, which is counted already, into its locked bucket.
func (h *hash) add(u *update) codegen.Errno {
	e := h.pool.take()
	if e == 0 {
		h.count.Add(-1)
		return codegen.ENOMEM
	}
	h.insert(e, u)
	return codegen.OK
}

// insert puts element e at the head of its locked bucket.
func (h *hash) insert(e uint32, u *update) {
	head := &h.heads[u.hash&h.mask]
	h.fill(e, *head, u)
	if h.lru != nil {
		*h.mark(e) = 0
		h.lru.push(e)
	}
	atomic.StoreUint32(head, e)
}

// fill makes an element that nobody sees yet.
func (h *hash) fill(e, next uint32, u *update) {
	store(&h.element(e)[0], uint64(next)|uint64(u.hash)<<32)
	copy(h.keyOf(e), u.key)
	h.val.fill(e-1, u.value, u.cpu)
}

// replace puts a new element in the place of p.e; false if there is none to be had.
func (h *hash) replace(p place, u *update) bool {
	e := h.pool.take()
	if e == 0 {
		return false
	}
	h.fill(e, h.next(p.e), u)
	if h.lru != nil {
		*h.mark(e) = 1
		h.lru.remove(p.e)
		h.lru.push(e)
	}
	h.relink(p, e)
	h.pool.retire(p.e)
	return true
}

// remove takes p.e out of its locked bucket.
func (h *hash) remove(p place) {
	h.relink(p, h.next(p.e))
	if h.lru != nil {
		h.lru.remove(p.e)
	}
	h.pool.retire(p.e)
}

func (h *hash) Delete(key []byte) codegen.Errno {
	_, errno := h.delete(key, false)
	return errno
}

func (h *hash) Take(key []byte) ([]byte, codegen.Errno) { return h.delete(key, true) }

func (h *hash) delete(key []byte, want bool) (value []byte, errno codegen.Errno) {
	var buf [smallKey]uint64
	k, hv, ok := h.key(key, &buf)
	if !ok {
		return nil, codegen.EINVAL
	}
	defer h.lock(hv & h.mask).Unlock()
	p := h.locate(k, hv)
	if p.e == 0 {
		return nil, codegen.ENOENT
	}
	if want {
		value = h.val.get(p.e - 1)
	}
	h.remove(p)
	h.count.Add(-1)
	return value, codegen.OK
}

// Next goes through the buckets in order, and through each from its head.
func (h *hash) Next(key []byte) ([]byte, codegen.Errno) {
	bucket := uint32(0)
	if key != nil {
		var buf [smallKey]uint64
		k, hv, ok := h.key(key, &buf)
		if !ok {
			return nil, codegen.EINVAL
		}
		next, found := h.after(k, hv)
		switch {
		case next != nil:
			return next, codegen.OK
		case found && hv&h.mask == h.mask:
			return nil, codegen.ENOENT
		case found:
			bucket = hv&h.mask + 1
		}
	}
	return h.first(bucket)
}

// after is the key behind k in its bucket, nil if it is the last one or was not found.
func (h *hash) after(k []uint64, hv uint32) (next []byte, found bool) {
	defer h.lock(hv & h.mask).Unlock()
	e := h.locate(k, hv).e
	if e == 0 {
		return nil, false
	}
	if n := h.next(e); n != 0 {
		next = keyBytes(h.keyOf(n), uint32(h.keyBytes()))
	}
	return next, true
}

// first is the first key in bucket or those behind it.
func (h *hash) first(bucket uint32) ([]byte, codegen.Errno) {
	for b := uint64(bucket); b <= uint64(h.mask); b++ {
		if atomic.LoadUint32(&h.heads[b]) == 0 {
			continue
		}
		if k := h.headKey(uint32(b)); k != nil {
			return k, codegen.OK
		}
	}
	return nil, codegen.ENOENT
}

func (h *hash) headKey(bucket uint32) []byte {
	defer h.lock(bucket).Unlock()
	e := h.heads[bucket]
	if e == 0 {
		return nil
	}
	return keyBytes(h.keyOf(e), uint32(h.keyBytes()))
}

// pair is an element that Each has copied.
type pair struct{ key, value []byte }

// Each copies a bucket at a time, under its lock, and calls f without.
func (h *hash) Each(f func(key, value []byte) bool) {
	for b := uint64(0); b <= uint64(h.mask); b++ {
		if atomic.LoadUint32(&h.heads[b]) == 0 {
			continue
		}
		for _, p := range h.bucket(uint32(b)) {
			if !f(p.key, p.value) {
				return
			}
		}
	}
}

func (h *hash) bucket(b uint32) (all []pair) {
	defer h.lock(b).Unlock()
	for e := h.heads[b]; e != 0; e = h.next(e) {
		all = append(all, pair{keyBytes(h.keyOf(e), uint32(h.keyBytes())), h.val.get(e - 1)})
	}
	return all
}
