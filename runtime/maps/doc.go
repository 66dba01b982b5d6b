// Package maps is every kind of map that a program and its host share: machine
// code, the interpreter and Go work on the same memory, in the layouts below.
// Semantics are those of Linux 6.18 (kernel/bpf/*map*.c, hashtab.c, lpm_trie.c,
// ringbuf.c); tests compare them with the running kernel.
//
// A map is two spans of an Arena. Programs may touch the slab, which holds values
// and nothing else; keys, links and tables lie where they cannot write:
//
//	private: │ header, 128 bytes │ index …                │ elements (hash, LPM) … │
//	         └ Map.Address()      └ heads, words, nodes    └ link, hash, key
//	slab:    │ value 0 │ value 1 │ …   of CPU 0 │ value 0 │ value 1 │ …   of CPU 1 │ …
//
// The header, little-endian:
//
//	 0 u32 id            4 u32 type           8 u32 key size      12 u32 value size
//	16 u32 max entries  20 u32 flags         24 u64 address of the values
//	32 u64 address of the index              40 u64 bytes from value to value
//	48 u64 mask: buckets, bits or bytes − 1  56 u64 bytes from CPU to CPU, 0 if not per CPU
//	64 … 127 of the kind
//
// Values lie at multiples of 8 bytes. They are written in whole aligned words of
// 8 bytes, each atomically; a value that is written in place may be seen partly
// old and partly new, as in the kernel, unless it has a lock. A struct
// bpf_spin_lock is a word that is 0 when free and 1 when held.
//
// Elements are numbered from 1; 0 is none. Everything of element e lies at place e−1.
//
// # Hash (also LRU, per-CPU, of maps, of devices, of sockets, storages)
//
//	index:     u32 head of each bucket; bucket = hash & mask
//	element:   u32 next │ u32 hash │ key, zero-padded to 8 │ LRU: u64, 1 when used lately
//	header 64: u64 seed │ 72: u64 address of the elements │ 80: u64 bytes from element to element
//
// The hash is made over the words k of the zero-padded key, in order:
//
//	h = seed; for each k: h = (h ^ k) * M1; h ^= h >> 32
//	hash = u32((h * M2) >> 32)             with M1, M2 as in hash.go
//
// A lookup takes no lock: load the head; while it is not 0, compare hash and key, or go to next. It may run
// beside writers because an element is complete before a link leads to it, because an update puts a
// whole new element in the place of the old one, and because an element that has left its chain
// keeps its content, its next included, until the grace period of everyone who may stand
// on it is over (Epochs). Values per CPU are written in place. An LRU lookup stores
// 1 in the element's last word.
//
// Of a hash of maps the value is private: u64 address of the inner map │ u64 its number.
//
// # Tables (prog array, array of maps, perf event array, cgroup array, xskmap, sockmap)
//
//	index: u64 for each entry: the address or number that Env.Object gives, 0 if the entry is empty
//
// # LPM trie
//
//	header 64: u32 root node │ 72: u64 address of the nodes │ 80: u64 bytes from node to node
//	node:      u32 child 0 │ u32 child 1 │ u32 prefix length │ u32 value, 0 if the node only branches │ data, zero-padded to 8
//
// A lookup goes down from the root: while the node's prefix (all of its length) is that of the key, it is the best
// so far if it has a value; the key's bit number [prefix length], counted from the highest bit of the
// first byte, says which child is next.
//
// # Ring buffer
//
//	slab:      2 × size bytes: a record at position p begins at p & mask and is in one piece; 8 bytes of header, then data
//	index:     u32 for each 8 bytes of size: at (p & mask) / 8 of the record at p its length, bit 30 if it is discarded,
//	           bit 31 when it is complete; 0 where no record is complete or under way
//	header 64: u64 producer's position │ 72: u64 consumer's position
//
// To reserve is to load the consumer's position, then to compare-and-swap the producer's, then to store the length; to
// commit is to set bit 31, and 30. A consumer clears the word before it moves on. The 8 bytes of header in the slab are
// not used: programs could write them.
//
// # Queue and stack, bloom filter, stack trace
//
//	queue:  max entries + 1 values in a ring; header 64: u64 head (next to write) │ 72: u64 tail (oldest)
//	bloom:  index: bits; header 64: u64 seed │ 72: u64 number of hashes
//	stack trace: in Go memory
package maps
