package maps

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// prefixHeader is the size of the prefix length in a key.
const prefixHeader = 4

// trie is an LPM trie: a binary tree by bits of the data in which only prefixes and branches are nodes. Readers take no
// lock: what they see is changed by single stores of links, and a node that has left the tree stays as it was until
// its grace period is over.
type trie struct {
	base
	step   int // words from node to node
	data   int // bytes of data in a key
	root   *uint32
	meta   []uint64
	val    values
	nodes  pool
	vals   pool
	mu     sync.Mutex // of writers
	path   []*uint32  // for descend
	used   uint64     // prefixes with a value
	branch uint64     // nodes without one
}

func openTrie(b *base) (Map, error) {
	t := &trie{base: *b, data: int(b.spec.KeySize) - prefixHeader}
	t.step = 2 + int(round8(uint64(t.data))/8)
	n := uint64(b.spec.MaxEntries)
	extra := spares(n, b.env.CPUs, round8(uint64(b.spec.ValueSize))+8*uint64(t.step))
	values, nodes := n+extra, 2*n+2*extra
	t.val = t.layOut(values, b.spec.ValueSize, false)
	if err := t.allocate(nodes*uint64(8*t.step), t.val.bytes(values)); err != nil {
		return nil, err
	}
	t.meta = words64(t.private)
	t.val.place(&t.base, t.slab, t.slabAddr)
	t.nodes = pool{epochs: b.env.Epochs, limit: uint32(nodes)}
	t.vals = pool{epochs: b.env.Epochs, limit: uint32(values)}
	t.root = half(t.head[headOwn:], 0)
	*t.own(1), *t.own(2) = t.privateAddr(0), uint64(8*t.step)
	return t, nil
}

// node is what lies at a node, in words: see the package's layouts.
type node []uint64

func (t *trie) node(n uint32) node { return t.meta[int(n-1)*t.step:][:t.step] }

func (n node) link(i int) *uint32 { return half(n, uint32(4*i)) }

func (n node) child(i int) uint32 { return atomic.LoadUint32(n.link(i)) }

func (n node) length() int { return int(uint32(load(&n[1]))) }

// value is the value's number, 0 if the node only branches.
func (n node) value() uint32 { return uint32(load(&n[1]) >> 32) }

// prefix is a key: the bits that count, and its data in words as it lies in a node.
type prefix struct {
	length int
	data   []uint64
}

// prefix is a key's; false if its size is wrong. buf holds it if it is small.
func (t *trie) prefix(key []byte, buf *[smallKey]uint64) (p prefix, ok bool) {
	if len(key) != int(t.spec.KeySize) {
		return p, false
	}
	n := binary.LittleEndian.Uint32(key)
	return prefix{int(n), keyWords(key[prefixHeader:], buf)}, true
}

// longest reports whether there may be a prefix as long as p.
func (t *trie) legal(p prefix) bool { return p.length <= 8*t.data }

// bit is bit i of data in words, counted from the highest of the first byte.
func bit(data []uint64, i int) int { return int(bits.ReverseBytes64(data[i/64])>>(63-i%64)) & 1 }

// common is the number of bits at the start that a and b share, at most limit.
func common(a, b []uint64, limit int) int {
	for i := 0; 64*i < limit; i++ {
		if d := a[i] ^ b[i]; d != 0 {
			return min(limit, 64*i+bits.LeadingZeros64(bits.ReverseBytes64(d)))
		}
	}
	return limit
}

// match is how many bits node n shares with p.
func (n node) match(p prefix) int { return common(n[2:], p.data, min(n.length(), p.length)) }

// find is the node with the longest prefix of p that has a value, 0 if there is none. It takes no lock.
func (t *trie) find(p prefix) (value uint32) {
	for at := atomic.LoadUint32(t.root); at != 0; {
		n := t.node(at)
		length := n.length()
		if n.match(p) < length {
			break
		}
		if v := n.value(); v != 0 {
			value = v
		}
		if length == p.length || length == 8*t.data {
			break
		}
		at = n.child(bit(p.data, length))
	}
	return value
}

func (t *trie) Lookup(key []byte, cpu int) uint64 {
	var buf [smallKey]uint64
	p, ok := t.prefix(key, &buf)
	if !ok || !t.legal(p) {
		return 0
	}
	v := t.find(p)
	if v == 0 {
		return 0
	}
	return t.val.address(v-1, cpu)
}

// Get copies under the writers' lock, so that the value is not reused meanwhile: callers need no epoch.
func (t *trie) Get(key []byte) ([]byte, codegen.Errno) {
	var buf [smallKey]uint64
	p, ok := t.prefix(key, &buf)
	switch {
	case !ok:
		return nil, codegen.EINVAL
	case !t.legal(p):
		return nil, codegen.ENOENT
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.find(p)
	if v == 0 {
		return nil, codegen.ENOENT
	}
	return t.val.get(v - 1), codegen.OK
}

// spot is a link of the tree, with the number of the node that it leads to and the links above it, from the root. It is
// valid until the next one is looked for.
type spot struct {
	link  *uint32
	at    uint32
	above []*uint32
	match int // bits that the node there shares with the key
}

// descend goes down as far as the nodes' prefixes are shorter than p and agree with it. It is for writers.
func (t *trie) descend(p prefix) spot {
	s := spot{link: t.root, at: *t.root, above: t.path[:0]}
	for s.at != 0 {
		n := t.node(s.at)
		s.match = n.match(p)
		if l := n.length(); s.match < l || l == p.length {
			break
		}
		s.above = append(s.above, s.link)
		s.link = n.link(bit(p.data, n.length()))
		s.at = *s.link
	}
	t.path = s.above
	return s
}

// is reports whether node n is that of exactly p.
func (n node) is(p prefix, match int) bool { return match == p.length && n.length() == p.length }

func (t *trie) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	var buf [smallKey]uint64
	p, ok := t.prefix(key, &buf)
	if !ok || !t.legal(p) || flags > updateExist || len(value) != t.val.size {
		return codegen.EINVAL
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.descend(p)
	if s.at != 0 && t.node(s.at).is(p, s.match) {
		return t.replace(s, p, value, flags)
	}
	if errno := t.room(flags); errno != codegen.OK {
		return errno
	}
	return t.insert(s, p, value)
}

// room says whether one more prefix may have a value.
func (t *trie) room(flags uint64) codegen.Errno {
	switch {
	case flags&updateExist != 0:
		return codegen.ENOENT
	case t.used == uint64(t.spec.MaxEntries):
		return codegen.ENOSPC
	}
	return codegen.OK
}

// replace gives the node at s, whose prefix is p, a new value: it becomes a new node, as the bits of the data behind
// the prefix are the new key's. Without memory for that the value is changed in place.
func (t *trie) replace(s spot, p prefix, value []byte, flags uint64) codegen.Errno {
	old := t.node(s.at)
	v := old.value()
	switch {
	case v != 0 && flags&updateNoExist != 0:
		return codegen.EEXIST
	case v == 0:
		if errno := t.room(flags); errno != codegen.OK {
			return errno
		}
	}
	at := t.make(p, value)
	switch {
	case at == 0 && v == 0:
		return codegen.ENOMEM
	case at == 0:
		t.val.overwrite(v-1, value, 0)
		return codegen.OK
	}
	t.node(at)[0] = load(&old[0])
	atomic.StoreUint32(s.link, at)
	t.nodes.retire(s.at)
	if v != 0 {
		t.vals.retire(v)
	} else {
		t.branch--
		t.used++
	}
	return codegen.OK
}

// make is a new node for p with a value, without children; 0 if there is no memory.
func (t *trie) make(p prefix, value []byte) uint32 {
	at := t.nodes.take()
	if at == 0 {
		return 0
	}
	v := t.vals.take()
	if v == 0 {
		t.nodes.giveBack(at)
		return 0
	}
	t.val.fill(v-1, value, 0)
	t.set(at, p, v)
	return at
}

// set writes a node that nobody sees yet.
func (t *trie) set(at uint32, p prefix, value uint32) {
	n := t.node(at)
	store(&n[0], 0)
	store(&n[1], uint64(p.length)|uint64(value)<<32)
	copy(n[2:], p.data)
}

// insert puts p where s is: at the end of a branch, above the node there, or beside it below a new branch.
func (t *trie) insert(s spot, p prefix, value []byte) codegen.Errno {
	at := t.make(p, value)
	if at == 0 {
		return codegen.ENOMEM
	}
	top := at
	switch {
	case s.at == 0:
	case s.match == p.length:
		t.adopt(at, s.at, s.match)
	default:
		if top = t.nodes.take(); top == 0 {
			t.vals.giveBack(t.node(at).value())
			t.nodes.giveBack(at)
			return codegen.ENOMEM
		}
		t.set(top, prefix{s.match, p.data}, 0)
		t.adopt(top, s.at, s.match)
		t.adopt(top, at, s.match)
		t.branch++
	}
	t.used++
	atomic.StoreUint32(s.link, top)
	return codegen.OK
}

// adopt makes child one of the node at, which nobody sees yet: the bit behind the prefix of n bits says which.
func (t *trie) adopt(at, child uint32, n int) {
	*t.node(at).link(bit(t.node(child)[2:], n)) = child
}

func (t *trie) Delete(key []byte) codegen.Errno {
	var buf [smallKey]uint64
	p, ok := t.prefix(key, &buf)
	if !ok || !t.legal(p) {
		return codegen.EINVAL
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.descend(p)
	if s.at == 0 || !t.node(s.at).is(p, s.match) || t.node(s.at).value() == 0 {
		return codegen.ENOENT
	}
	t.remove(s)
	return codegen.OK
}

// remove takes the value of the node at s away, and the node unless it branches. A node above that only branched goes
// too, if nothing is left to branch to.
func (t *trie) remove(s spot) {
	n := t.node(s.at)
	v, left, right := n.value(), n.child(0), n.child(1)
	t.used--
	switch {
	case left != 0 && right != 0:
		store(&n[1], uint64(uint32(n[1])))
		t.branch++
	case left == 0 && right == 0 && t.branches(s):
		t.collapse(s)
	default:
		atomic.StoreUint32(s.link, left|right)
		t.nodes.retire(s.at)
	}
	t.vals.retire(v)
}

// branches reports whether the node above s only branches.
func (t *trie) branches(s spot) bool {
	return len(s.above) > 0 && t.node(*s.above[len(s.above)-1]).value() == 0
}

// collapse takes away the leaf at s and the branch above it, which the other child replaces.
func (t *trie) collapse(s spot) {
	link := s.above[len(s.above)-1]
	parent := *link
	n := t.node(parent)
	atomic.StoreUint32(link, n.child(0)^n.child(1)^s.at)
	t.nodes.retire(s.at)
	t.nodes.retire(parent)
	t.branch--
}

// Next goes from the longest prefixes to the shorter ones that contain them (trie_get_next_key, Linux 6.18).
func (t *trie) Next(key []byte) ([]byte, codegen.Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, errno := uint32(0), codegen.OK
	if key != nil {
		at, errno = t.after(key)
	} else {
		at = t.lowest(*t.root)
	}
	if errno != codegen.OK {
		return nil, errno
	}
	if at == 0 {
		return nil, codegen.ENOENT
	}
	return t.keyAt(at), codegen.OK
}

// after is the node behind key's, the first one if it has none, 0 if it is the last.
func (t *trie) after(key []byte) (uint32, codegen.Errno) {
	var buf [smallKey]uint64
	p, ok := t.prefix(key, &buf)
	if !ok {
		return 0, codegen.EINVAL
	}
	if !t.legal(p) {
		return t.lowest(*t.root), codegen.OK
	}
	s := t.descend(p)
	if s.at == 0 || !t.node(s.at).is(p, s.match) || t.node(s.at).value() == 0 {
		return t.lowest(*t.root), codegen.OK
	}
	return t.up(s), codegen.OK
}

// up is the node behind that at s in order.
func (t *trie) up(s spot) uint32 {
	below := s.at
	for i := len(s.above) - 1; i >= 0; i-- {
		at := *s.above[i]
		n := t.node(at)
		if right := n.child(1); n.child(0) == below && right != 0 {
			return t.lowest(right)
		}
		if n.value() != 0 {
			return at
		}
		below = at
	}
	return 0
}

// lowest is the first node below at in order, 0 if at is.
func (t *trie) lowest(at uint32) uint32 {
	for at != 0 {
		n := t.node(at)
		next := n.child(0)
		if next == 0 {
			next = n.child(1)
		}
		if next == 0 {
			break
		}
		at = next
	}
	return at
}

// keyAt is the key of a node.
func (t *trie) keyAt(at uint32) []byte {
	n := t.node(at)
	key := binary.LittleEndian.AppendUint32(make([]byte, 0, t.spec.KeySize), uint32(n.length()))
	return append(key, keyBytes(n[2:], uint32(t.data))...)
}

// Each copies all prefixes at once.
func (t *trie) Each(f func(key, value []byte) bool) {
	for _, p := range t.all() {
		if !f(p.key, p.value) {
			return
		}
	}
}

func (t *trie) all() (all []pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var walk func(at uint32)
	walk = func(at uint32) {
		if at == 0 {
			return
		}
		n := t.node(at)
		walk(n.child(0))
		walk(n.child(1))
		if v := n.value(); v != 0 {
			all = append(all, pair{t.keyAt(at), t.val.get(v - 1)})
		}
	}
	walk(*t.root)
	return all
}
