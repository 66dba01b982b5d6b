package helpers

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/tests/kernel"
)

// Where things lie in the data of a script for snprintf: the buffer, what addresses lead to, numbers.
const (
	bufferBytes = 600
	textsAt     = bufferBytes
	numbersAt   = textsAt + len(texts)
	texts       = "hello\x00\xe9t\xe9\x00\x7f\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\xff\x0f\x00\x00\x00\x00\x00\x00\xab\xcd a rather long text, longer than what is read in one piece, with 100%% of its bytes in use\x00...."
)

// conversion is one of a format, with the numbers that may be its argument, or addresses if reads is set.
type conversion struct {
	text    string
	numbers []uint64
	reads   bool
}

// unreadable is addresses that no side can read, and that the kernel writes as they are.
var unreadable = []uint64{0, 8}

// drawConversion draws one that the kernel takes. It writes a hash of what %p and %pK lead to, but not of null.
func drawConversion(r *rand.Rand) conversion {
	flags := pick(r, "", "", "0", "-", "+", " ", "0-", "+0", " -", "+ ")
	width := pick(r, "", "", "1", "5", "12", "30")
	c := conversion{text: "%" + flags + width}
	switch r.IntN(4) {
	case 0, 1:
		c.text += pick(r, "d", "i", "u", "x", "X", "ld", "li", "lu", "lx", "lX", "lld", "lli", "llu", "llx", "llX", "c")
		c.numbers = []uint64{0, 1, 'a', 0xff, 1 << 31, 1<<31 - 1, 1 << 32, 1 << 63, ^uint64(0), r.Uint64()}
	case 2:
		c.text += pick(r, "p", "pK")
		c.numbers = []uint64{0}
	default:
		c.text += pick(r, "s", "s", "pks", "pus", "pi4", "pI4", "pi6", "pI6")
		c.numbers, c.reads = unreadable, !strings.HasSuffix(c.text, "us")
	}
	return c
}

// malformed is what the kernel does not take, or takes for something else than one thinks.
var malformed = []string{"%", "%o", "%lc", "%ls", "%lp", "%lllx", "%hd", "%5", "%-", "%#x", "%*d", "%.3d", "%05-d", "%pi5", "%pI", "%pk",
	"%pub", "%pE", "%p%d", "%p%", "%llp", "%sx", "%pksx", "%pa", "\x01", "\x80", "\xa0", "%d\xe4", "%s\xa0", "%px%", "%ps", "%pSx", "%pB", "%20pS", "%20pB", "%px"}

// drawFormat draws a few conversions with text between them. Where one is malformed all numbers are 0, as others may
// become the arguments of %p.
func drawFormat(r *rand.Rand) (text string, list []conversion) {
	var b strings.Builder
	wrong := false
	for range pick(r, 0, 1, 2, 3, 4, 12) {
		b.WriteString(pick(r, "", "a", " b ", "%%", "1", ".", "-", "f", "s", "x%%y"))
		c := drawConversion(r)
		if r.IntN(12) == 0 {
			c, wrong = conversion{text: pick(r, malformed...)}, true
		}
		b.WriteString(c.text)
		list = append(list, c)
	}
	for i := range list {
		if wrong {
			list[i] = conversion{numbers: []uint64{0}}
		}
	}
	return b.String() + pick(r, "", "", "!", " end", "0x"), list
}

// drawSnprintf draws a call of snprintf, with one argument too few or too many now and then.
func drawSnprintf(r *rand.Rand) script {
	text, list := drawFormat(r)
	if n := r.IntN(12); n == 0 && len(list) > 0 {
		list = list[:len(list)-1]
	} else if n == 1 {
		list = append(list, conversion{numbers: []uint64{0}})
	}
	s := script{data: append(bytes.Repeat([]byte{0xcc}, bufferBytes), texts...), strings: []string{text}, compared: bufferBytes}
	for i, c := range list {
		s.data = binary.LittleEndian.AppendUint64(s.data, pick(r, c.numbers...))
		if c.reads && r.IntN(4) > 0 {
			s.steps = append(s.steps, step{helper: storeAddress, args: all(data(numbersAt+8*i), data(textsAt+r.IntN(len(texts)-16))), result: nothing})
		}
	}
	numbers, str, size := data(numbersAt), data(0), pick(r, 0, 1, 2, 10, 40, bufferBytes)
	if len(list) == 0 {
		numbers = null()
	}
	if strings.Contains(text, "p") {
		size = bufferBytes // where text is cut off, the kernel takes what lies between arguments for those of %p
	}
	if size == 0 {
		str = null()
	}
	s.steps = append(s.steps, step{helper: "bpf_snprintf", args: all(str, num(int64(size)), constant(0), numbers, num(int64(8*len(list))))})
	return s
}

func TestSnprintfIsTheKernels(t *testing.T) {
	o, set, r := kernel.Need(t), allSets(t), drawn()
	ran, refused := 0, 0
	for i := range 3 * draws {
		s := drawSnprintf(r)
		s.alsoCompiled = i%compiledEach == 0
		if s.compare(t, o, set) {
			ran++
			continue
		}
		refused++
		results := signed(s.inGo(t).results)
		require.Equal(t, int64(codegen.EINVAL.Ret()), results[len(results)-1], "the kernel refuses the format of\n%s", &s)
	}
	require.Greater(t, ran, draws)
	require.Greater(t, refused, draws/10)
}

// Text of %pI4 and its like that begins beyond the buffer's end does not count.
func TestTextBeyondTheEnd(t *testing.T) {
	o, set := kernel.Need(t), allSets(t)
	for size := range 12 {
		s := script{data: make([]byte, 24), strings: []string{"abc%d%pI4"}, steps: []step{
			{helper: "bpf_snprintf", args: all(data(0), num(int64(size)+1), constant(0), data(8), num(16))},
		}}
		s.alsoCompiled = true
		require.True(t, s.compare(t, o, set))
	}
}
