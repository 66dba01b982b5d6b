package helpers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/tests/kernel"
)

// call is a step whose whole result is compared.
func call(helper string, args ...arg) step { return step{helper: helper, args: args} }

// as is the step with another part of the result compared.
func (s step) as(r result) step {
	s.result = r
	return s
}

// offsets is offsets and lengths around those of the memory in use.
func offset(r *rand.Rand) arg {
	return num(pick[int64](r, 0, 0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 1<<24-1, 1<<24, 1<<31, 1<<32-1, 1<<32, 1<<32+8, -1))
}

// dynptrStep draws something that a program can do to a dynptr of memory; buffers of 64 bytes lie at 100, in the middle of the data.
func dynptrStep(r *rand.Rand, at arg) step {
	small := num(int64(r.IntN(65)))
	switch r.IntN(9) {
	case 0, 1:
		return call("bpf_dynptr_read", data(100), small, at, offset(r), num(pick[int64](r, 0, 0, 0, 0, 1)))
	case 2, 3:
		return call("bpf_dynptr_write", at, offset(r), data(100), small, num(pick[int64](r, 0, 0, 0, 0, 1, 2)))
	case 4:
		return call("bpf_dynptr_data", at, offset(r), num(int64(1+r.IntN(70)))).as(pointed)
	case 5:
		name := pick(r, "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr")
		return call(name, at, num(int64(r.IntN(70))), null(), num(int64(1+r.IntN(40)))).as(pointed)
	case 6, 7:
		from := r.IntN(70)
		return call("bpf_dynptr_adjust", at, num(int64(from)), num(int64(from+r.IntN(70)-10))).as(half)
	}
	if r.IntN(3) == 0 {
		return call("bpf_dynptr_size", at).as(half)
	}
	return call(pick(r, "bpf_dynptr_is_null", "bpf_dynptr_is_rdonly"), at).as(octet)
}

// different is n bytes that are all different.
func different(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

func TestDynptrsAreTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	ran := 0
	for i := range draws {
		s := script{data: different(200)}
		s.steps = append(s.steps, call("bpf_dynptr_from_mem", data(r.IntN(64)), num(int64(r.IntN(100))), num(pick[int64](r, 0, 0, 0, 0, 0, 0, 1)), object(0)))
		for range 1 + r.IntN(8) {
			s.steps = append(s.steps, dynptrStep(r, object(0)))
		}
		s.alsoCompiled = i%compiledEach == 0
		if s.compare(t, o, set) {
			ran++
		}
	}
	require.Greater(t, ran, draws*9/10)
}

// Records of a ring buffer by dynptr, and whole ones, and what a ring says of itself.
func TestRingsAreTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	ran := 0
	for i := range draws {
		s := script{data: different(200)}
		for i := range 1 + r.IntN(6) {
			switch r.IntN(3) {
			case 0:
				s.steps = append(s.steps, call("bpf_ringbuf_output", ring(), data(0), num(pick[int64](r, 0, 1, 8, 100, 200)), num(pick[int64](r, 0, 0, 1, 2, 3, 4))))
			case 1:
				s.steps = append(s.steps, call("bpf_ringbuf_query", ring(), num(pick[int64](r, 0, 1, 2, 3, 4, 1<<32))))
			default:
				size, flags := pick[int64](r, 0, 1, 8, 63, 100, 2000, 5000, 1<<24, 1<<32+16), pick[int64](r, 0, 0, 0, 0, 1)
				s.steps = append(s.steps, call("bpf_ringbuf_reserve_dynptr", ring(), num(size), num(flags), object(i)))
				for range r.IntN(4) {
					s.steps = append(s.steps, dynptrStep(r, object(i)))
				}
				s.steps = append(s.steps, call(pick(r, "bpf_ringbuf_submit_dynptr", "bpf_ringbuf_discard_dynptr"), object(i), null()).as(nothing))
			}
		}
		s.alsoCompiled = i%compiledEach == 0
		if s.compare(t, o, set) {
			ran++
		}
	}
	require.Greater(t, ran, draws*9/10)
}

func TestIteratorsAreTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	const smallest, largest = -1 << 31, 1<<31 - 1
	for i := range draws / 3 {
		start := pick[int64](r, 0, 1, -2, smallest, largest, 1000)
		end := pick[int64](r, start, start+1, start+3, start-1, 0, smallest, largest, start+1<<23, start+1<<23+1)
		s := script{steps: []step{call("bpf_iter_num_new", object(0), num(start), num(end)).as(half)}}
		for range r.IntN(6) {
			s.steps = append(s.steps, call("bpf_iter_num_next", object(0)).as(pointed))
		}
		s.steps = append(s.steps, call("bpf_iter_num_destroy", object(0)).as(nothing))
		s.alsoCompiled = i%compiledEach == 0
		require.True(t, s.compare(t, o, set), "the verifier refuses\n%s", &s)
	}
}

// Memory that can be read, and addresses at which nothing lies on either side.
func TestProbesAreTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	for i := range draws {
		s := script{data: different(120)}
		for i := range s.data[60:] {
			s.data[60+i] = pick[byte](r, 'a', 'b', 'c', 0xff, 'd', 'e', 0)
		}
		from := pick(r, data(60), data(r.IntN(100)), data(r.IntN(100)), null(), num(8), num(1<<46), num(1<<47-4096), num(1<<47-1), num(1<<48), num(1<<62))
		helper := pick(r, "bpf_probe_read_kernel", "bpf_probe_read_kernel_str", "bpf_probe_read_user", "bpf_probe_read_user_str")
		s.steps = []step{call(helper, data(0), num(int64(r.IntN(50))), from)}
		s.alsoCompiled = i%compiledEach == 0
		require.True(t, s.compare(t, o, set), "the verifier refuses\n%s", &s)
	}
}
