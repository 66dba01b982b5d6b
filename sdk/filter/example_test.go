package filter_test

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/bpfc/bpfc/sdk/filter"
)

// arp accepts ARP in Ethernet frames: `tcpdump -ddd arp`.
var arp = []filter.Insn{{Code: 0x28, K: 12}, {Code: 0x15, Jf: 1, K: 0x806}, {Code: 6, K: 262144}, {Code: 6}}

func Example() {
	f, err := filter.Compile(arp, filter.Pcap)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	packet := make([]byte, 42)
	fmt.Println(f.Match(packet))
	packet[12], packet[13] = 8, 6
	fmt.Println(f.Match(packet))
	// Output:
	// 0
	// 262144
}

func ExampleFilter_MatchBatch() {
	f, err := filter.Compile(arp, filter.Pcap)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	packets := [][]byte{make([]byte, 60), {12: 8, 13: 6}, nil}
	verdicts := make([]uint32, len(packets))
	f.MatchBatch(packets, verdicts)
	fmt.Println(verdicts)
	// Output: [0 262144 0]
}

func ExampleNewVM() {
	vm, err := filter.NewVM([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 7, SkipFalse: 1},
		bpf.RetConstant{Val: 10},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := vm.Run([]byte{7})
	fmt.Println(n, err)
	// Output: 10 <nil>
}
