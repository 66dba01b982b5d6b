package hello_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"

	"example.org/hello"
)

// A program that links the set runs its helpers in its own process: the same two functions, and no plugin.
func Example() {
	ctx := context.Background()
	set, err := sdk.MergeSets(builtin.Base(), hello.Set())
	if err != nil {
		log.Fatal(err)
	}
	text := []byte(`
		r6 = r1
		r2 = r10
		r2 += -32
		r3 = 32
		call hello/greet
		r1 = r0
		call hello/twice
		*(u32 *)(r6 + 4) = r0
		r0 = 1
		exit`)
	object, err := builtin.ReadObject(ctx, "greet.s", text, builtin.ReadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	program, err := sdk.Load(ctx, object, builtin.Interp(), sdk.Options{Set: set, Type: "hello", Sets: []sdk.OpenSet{hello.Implement}})
	if err != nil {
		log.Fatal(err)
	}
	defer program.Close()
	result, err := program.Exec(ctx, sdk.Input{Ctx: []byte{7, 0, 0, 0}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Ret, result.Ctx)
	// Output: 1 [7 0 0 0 26 0 0 0]
}
