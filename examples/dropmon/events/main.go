// Command events writes events for dropmon: calls of kfree_skb, as lines of JSON. The same number of
// events is always the same events.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
)

// places are how many places in the kernel drop packets.
const places = 40

// event is one dropped packet: its address, and that of the place that drops it.
type event struct{ Packet, Place uint64 }

func main() {
	n := flag.Int("n", 10_000, "write `N` events")
	flag.Parse()
	if err := write(os.Stdout, *n); err != nil {
		log.Fatal(err)
	}
}

// write writes n events. Some places drop many more packets than others.
func write(w io.Writer, n int) error {
	out := bufio.NewWriter(w)
	state := uint64(2014)
	for range n {
		state = state*6364136223846793005 + 1442695040888963407 // the generator of Knuth's MMIX
		first, second := state>>33%places, state>>48%places
		e := event{0xffff_8881_0000_0000 + state>>40<<8, 0xffff_ffff_8100_0000 + 0x310*min(first, second)}
		fmt.Fprintf(out, "{\"arg1\": %d, \"arg2\": %d}\n", e.Packet, e.Place)
	}
	return out.Flush()
}
