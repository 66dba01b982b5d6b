package opt

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// inWords reports whether n bytes are words of 8 and at most one piece behind them that one load reads.
func inWords(n uint32) bool {
	pieces := piecesOf(n)
	return len(pieces) > 0 && int(n+7)/8 == len(pieces)
}

// trieText is the lookup in an LPM trie of which the sizes are known, in the layout of runtime/maps (trie_lookup_elem,
// kernel/bpf/lpm_trie.c, Linux 6.18). A node is tried a word at a time, in one block for each:
//
//	at the node: if its length > that of the key: done
//	word i:      if length ≥ 64 * (i+1): the words must be equal, go on to word i+1
//	             else: the bits before length must be equal; the key's bit number length says which child is next
//	its value, if it has one, is the best so far; done if length is that of the key
//
// R1 is the map, R2 the key, R3 the node (the address behind it), R4 its number, then its length, R5 a word of the key, R0
// the number of the best value. Each child's length is greater than its parent's, so that the loop ends without a poll.
func trieText(m *abi.MapSpec) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	block := func(n int) { fmt.Fprintf(&b, "b%d:\n", n) }
	data := m.KeySize - 4
	pieces := piecesOf(data)
	node := int32(codegen.TrieData + (data+7)&^7)
	const loop, this = 1, 2 // then three blocks for each word
	word := func(i int) int { return this + 1 + 3*i }
	value := word(len(pieces))
	better, next, child, done, found, none := value+1, value+2, value+3, value+4, value+5, value+6

	b.WriteString("func@0 \"trie\" pos 0 frame 0 {\nb0:\n")
	line("r0 = mov64 0")
	line("t1 = load.u32 [r2+0]")
	line("r4 = load.u32 [r1+%d]", codegen.TrieRoot)
	line("br64 ugt t1, %d -> b%d, b%d", 8*data, none, loop)
	block(loop)
	line("br64 eq r4, 0 -> b%d, b%d", done, this)
	block(this)
	line("r5 = load.u64 [r1+%d]", codegen.TrieNodes)
	line("r3 = mul64 r4, %d", node)
	line("r3 = add64 r3, r5")
	line("r4 = load.u32 [r3%+d]", codegen.TrieLength-node)
	line("t1 = load.u32 [r2+0]")
	line("br64 ugt r4, t1 -> b%d, b%d", done, word(0))
	for i, p := range pieces {
		block(word(i))
		line("r5 = load.u%d [r2+%d]", 8*p.size, 4+p.at)
		line("t0 = load.u64 [r3%+d]", codegen.TrieData+int32(p.at)-node)
		line("t0 = xor64 t0, r5")
		line("br64 uge r4, %d -> b%d, b%d", 64*(i+1), word(i)+1, word(i)+2)
		block(word(i) + 1)
		line("br64 eq t0, 0 -> b%d, b%d", word(i+1), done)
		block(word(i) + 2) // shifts count modulo 64: ~length is 63 - length
		line("r4 = xor64 r4, -1")
		line("t0 = bswap.u64 t0")
		line("t0 = rsh64 t0, 1")
		line("t0 = rsh64 t0, r4")
		line("r5 = bswap.u64 r5")
		line("r5 = rsh64 r5, r4")
		line("r5 = and64 r5, 1")
		line("r4 = xor64 r4, -1")
		line("br64 eq t0, 0 -> b%d, b%d", value, done)
	}
	block(value) // behind the last word: all bits are equal, and the key has no more
	line("t1 = load.u32 [r3%+d]", codegen.TrieValue-node)
	line("br64 eq t1, 0 -> b%d, b%d", next, better)
	block(better)
	line("r0 = mov64 t1")
	line("jmp -> b%d", next)
	block(next)
	line("t1 = load.u32 [r2+0]")
	line("br64 eq r4, t1 -> b%d, b%d", done, child)
	block(child)
	line("r4 = load.u32 [r3+r5*4%+d]", -node)
	line("jmp -> b%d", loop)
	block(done)
	line("br64 eq r0, 0 -> b%d, b%d", none, found)
	block(found)
	line("r3 = load.u64 [r1+%d]", codegen.MapValues)
	line("r0 = mul64 r0, %d", m.Stride())
	line("r0 = add64 r0, r3")
	line("r0 = add64 r0, %d", -int64(m.Stride()))
	line("exit")
	block(none)
	line("r0 = mov64 0")
	line("exit")
	b.WriteString("}\n")
	return b.String()
}
