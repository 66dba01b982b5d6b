package maps

import (
	"sync"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// Ring buffer records (include/uapi/linux/bpf.h, kernel/bpf/ringbuf.c, Linux 6.18).
const (
	ringHeader  = 8
	ringReady   = 1 << 31   // the kernel has the inverse, BPF_RINGBUF_BUSY_BIT
	ringDiscard = 1 << 30   // BPF_RINGBUF_DISCARD_BIT
	ringRecord  = 1<<30 - 1 // RINGBUF_MAX_RECORD_SZ
)

// What Query tells of.
const (
	ringAvailable = iota
	ringSizeOf
	ringConsumer
	ringProducer
)

// ring is a ring buffer: see the package's layouts. Positions count bytes and never wrap. Producers take no lock; those
// who consume take turns.
type ring struct {
	base
	size     uint64
	data     []uint64
	states   []uint32 // by position
	producer *uint64
	consumer *uint64
	mu       sync.Mutex // of consumers
}

func openRing(b *base) (Map, error) {
	r := &ring{base: *b, size: uint64(b.spec.MaxEntries)}
	if err := r.allocate(r.size/2, 2*r.size); err != nil {
		return nil, err
	}
	r.data, r.states = words64(r.slab), words32(r.private)
	r.producer, r.consumer = r.own(0), r.own(1)
	r.head[headMask] = r.size - 1
	return r, nil
}

// state is the header of the record at a position.
func (r *ring) state(pos uint64) *uint32 { return &r.states[pos&(r.size-1)/8] }

// Reserve leaves one byte of the ring free at least, as the kernel does.
func (r *ring) Reserve(n uint64) uint64 {
	if n > ringRecord {
		return 0
	}
	length := round8(n + ringHeader)
	for {
		consumer := load(r.consumer) // first: it never gets ahead of the producer
		pos := load(r.producer)
		if pos+length-consumer > r.size-1 {
			return 0
		}
		if atomic.CompareAndSwapUint64(r.producer, pos, pos+length) {
			return r.begin(pos, n)
		}
	}
}

func (r *ring) begin(pos, n uint64) uint64 {
	atomic.StoreUint32(r.state(pos), uint32(n))
	return r.slabAddr + pos&(r.size-1) + ringHeader
}

// Commit of what lies in no record under way does nothing.
func (r *ring) Commit(addr uint64, discard bool) {
	off := addr - ringHeader - r.slabAddr
	consumer := load(r.consumer)
	ahead := (off - consumer) & (r.size - 1)
	if off >= r.size || off%8 != 0 || ahead >= load(r.producer)-consumer {
		return
	}
	s := r.state(off)
	w := atomic.LoadUint32(s)
	if w&ringReady != 0 {
		return
	}
	if discard {
		w |= ringDiscard
	}
	atomic.StoreUint32(s, w|ringReady)
}

func (r *ring) Output(data []byte) codegen.Errno {
	addr := r.Reserve(uint64(len(data)))
	if addr == 0 {
		return codegen.EAGAIN
	}
	w := r.data[(addr-r.slabAddr)/8:]
	for i := range (len(data) + 7) / 8 {
		w[i] = word(data, i)
	}
	r.Commit(addr, false)
	return codegen.OK
}

// Consume stops at a record that is not complete: records keep the order of their reservations.
func (r *ring) Consume() (records [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		pos := load(r.consumer)
		if pos == load(r.producer) {
			return records
		}
		s := r.state(pos)
		w := atomic.LoadUint32(s)
		if w&ringReady == 0 {
			return records
		}
		n := uint64(w & ringRecord)
		if w&ringDiscard == 0 {
			records = append(records, r.record(pos, n))
		}
		atomic.StoreUint32(s, 0)
		store(r.consumer, pos+round8(n+ringHeader))
	}
}

func (r *ring) record(pos, n uint64) []byte {
	return keyBytes(r.data[(pos&(r.size-1)+ringHeader)/8:][:(n+7)/8], uint32(n))
}

func (r *ring) Query(what uint64) uint64 {
	switch what {
	case ringAvailable:
		consumer := load(r.consumer)
		return load(r.producer) - consumer
	case ringSizeOf:
		return r.size
	case ringConsumer:
		return load(r.consumer)
	case ringProducer:
		return load(r.producer)
	}
	return 0
}
