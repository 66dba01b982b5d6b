package sdk_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

const sum = `
	r0 = 0
next:	if r2 == 0 goto done
	r3 = *(u8 *)(r1 + 0)
	r0 += r3
	r1 += 1
	r2 -= 1
	goto next
done:	exit
`

// A program is compiled and runs in this process.
func ExampleLoad() {
	ctx := context.Background()
	object, err := builtin.ReadObject(ctx, "sum.s", []byte(sum), builtin.ReadOptions{})
	if err != nil {
		panic(err)
	}
	p, err := sdk.Load(ctx, object, builtin.Interp(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"})
	if err != nil {
		panic(err)
	}
	defer p.Close()
	fmt.Println(p.Run([]byte{1, 2, 3, 4}))
	// Output: 10 <nil>
}

// A program that is not accepted: the error says which rule, and where.
func ExampleVerify() {
	ctx := context.Background()
	object, err := builtin.ReadObject(ctx, "loop.s", []byte("f: call f\nexit"), builtin.ReadOptions{})
	if err != nil {
		panic(err)
	}
	reports, err := sdk.Verify(object, sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"})
	if err != nil {
		panic(err)
	}
	fmt.Println(reports[0].Err.Code, reports[0].Err.Slot)
	// Output: BV013 0
}

// A broken rule ends the run with a fault, and nothing else.
func ExampleProgram_Run() {
	ctx := context.Background()
	object, err := builtin.ReadObject(ctx, "past.s", []byte("r1 += r2\nr0 = *(u8 *)(r1 + 0)\nexit"), builtin.ReadOptions{})
	if err != nil {
		panic(err)
	}
	p, err := sdk.Load(ctx, object, builtin.Interp(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"})
	if err != nil {
		panic(err)
	}
	defer p.Close()
	_, err = p.Run(make([]byte, 16))
	if fault, ok := errors.AsType[*sdk.Fault](err); ok {
		fmt.Println(fault.Rule, fault.Insn, fault.Size)
	}
	// Output: memory 1 1
}

// A worker spares a hot loop the look-up of a free one.
func ExampleProgram_Worker() {
	ctx := context.Background()
	object, err := builtin.ReadObject(ctx, "sum.s", []byte(sum), builtin.ReadOptions{})
	if err != nil {
		panic(err)
	}
	p, err := sdk.Load(ctx, object, builtin.Interp(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"})
	if err != nil {
		panic(err)
	}
	defer p.Close()
	w, err := p.Worker(ctx)
	if err != nil {
		panic(err)
	}
	defer w.Release()
	total := uint64(0)
	for i := range 100 {
		ret, err := w.Run([]byte{byte(i)})
		if err != nil {
			panic(err)
		}
		total += ret
	}
	fmt.Println(total)
	// Output: 4950
}

// An XDP program is tested without a kernel: its maps are set, a packet is dropped, the counters and records tell why.
func ExampleLoadCollection() {
	ctx := context.Background()
	object, err := builtin.ReadFile(ctx, "../examples/firewall/firewall.o", builtin.ReadOptions{})
	if err != nil {
		panic(err)
	}
	c, err := sdk.LoadCollection(ctx, object, builtin.Interp(), sdk.Options{Set: builtin.Linux()})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	type network struct {
		Bits uint32
		Addr [4]byte
	}
	if err := c.Maps["denied"].Put(network{8, [4]byte{10}}, uint32(1)); err != nil {
		panic(err)
	}
	packet := make([]byte, 60)
	copy(packet[12:], []byte{8, 0, 0x45}) // IPv4
	copy(packet[26:], []byte{10, 0, 0, 1})
	r, err := c.Programs["firewall"].Exec(ctx, sdk.Input{Mem: packet})
	if err != nil {
		panic(err)
	}
	records, err := c.Maps["events"].Records()
	fmt.Println(r.Ret, records, err)
	// Output: 1 [[10 0 0 1 0 0 1 0]] <nil>
}

// A service runs the programs that are attached to it: the first that does not return 0 decides.
func ExampleNewHook() {
	ctx := context.Background()
	memory, _ := builtin.Base().Type("mem/1")
	hook := sdk.NewHook(memory, sdk.StopUnless(0))
	for i, text := range []string{"r0 = *(u8 *)(r1 + 0)\nexit", "r0 = 9\nexit"} {
		object, err := builtin.ReadObject(ctx, "filter.s", []byte(text), builtin.ReadOptions{})
		if err != nil {
			panic(err)
		}
		p, err := sdk.Load(ctx, object, builtin.Interp(), sdk.Options{Set: builtin.Base(), Type: "mem/1"})
		if err != nil {
			panic(err)
		}
		defer p.Close()
		if err := hook.Attach(p, i); err != nil {
			panic(err)
		}
	}
	fmt.Println(hook.Fire(sdk.Input{Mem: []byte{5}}))
	fmt.Println(hook.Fire(sdk.Input{Mem: []byte{0}}))
	// Output:
	// 5 <nil>
	// 9 <nil>
}
