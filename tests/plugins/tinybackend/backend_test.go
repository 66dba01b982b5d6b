package main

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/sdktest"
)

// A back end's own tests: the suite of the SDK on the back end as it is linked.
func TestBackend(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("amd64 code runs on linux/amd64")
	}
	sdktest.TestBackend(t, Backend{}, sdktest.Options{Parts: sdktest.ALU64})
}

func TestRefuses(t *testing.T) {
	in := func(op sdk.Op) sdk.IRInsn { return sdk.IRInsn{Op: op, Width: 64} }
	for _, insns := range [][]sdk.IRInsn{
		{in(sdk.OpLoad), in(sdk.OpExit)},
		{in(sdk.OpCallHelper), in(sdk.OpExit)},
		{in(sdk.OpPoll), in(sdk.OpExit)},
		{{Op: sdk.OpMov, Width: 64, Dst: sdk.T0}, in(sdk.OpExit)},
	} {
		_, err := Backend{}.Compile(context.Background(), unit(insns), sdk.BackendOptions{})
		if refusal := new(sdk.UnsupportedError); !errors.As(err, &refusal) {
			t.Errorf("%v: %v", insns[0].Op, err)
		}
	}
	for _, o := range []sdk.BackendOptions{{Opt: 2}, {CPU: "x86-64-v3"}, {Object: true}} {
		_, err := Backend{}.Compile(context.Background(), unit([]sdk.IRInsn{in(sdk.OpExit)}), o)
		if refusal := new(sdk.UnsupportedError); !errors.As(err, &refusal) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func unit(insns []sdk.IRInsn) *sdk.Unit {
	f := &sdk.IRFunc{Name: "main", Blocks: []*sdk.IRBlock{{Insns: insns}}}
	return &sdk.Unit{Name: "unit", Programs: []*sdk.IRProgram{{Name: "main", Funcs: []*sdk.IRFunc{f}}}, Entries: make([]sdk.EntryInfo, 1)}
}
