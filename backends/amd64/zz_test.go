package amd64

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

func TestZZ(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(os.Getenv("BPFC_CONFORMANCE"), "programs.json"))
	if err != nil {
		t.Skip(err)
	}
	var tests []struct{ Name, Prog, Mem, Result string }
	json.Unmarshal(b, &tests)
	body, _ := isa.Encode(isa.Prog(isa.Mov64Reg(isa.R0, isa.R1), isa.Return()))
	set := &abi.Set{Name: "c", Types: []abi.ProgType{{Name: "mem", Sections: []string{"mem"}, Context: abi.Context{Kind: abi.CtxMemory}, Helpers: []string{"*"}}},
		Helpers: []abi.Helper{{ID: 5, Name: "identity", Args: [5]abi.ArgKind{abi.ArgAny}, Impl: abi.ImplBody, Body: body}}}
	for _, cpu := range []string{"x86-64", "x86-64-v3"} {
		for _, tt := range tests {
			t.Run(cpu+"/"+tt.Name, func(t *testing.T) {
				bb, _ := hex.DecodeString(strings.ReplaceAll(tt.Prog, " ", ""))
				insns, err := isa.Decode(bb)
				if err != nil {
					t.Fatal(err)
				}
				o := &obj.Object{Name: tt.Name, Programs: []obj.Program{{Name: "main", Type: "mem", Insns: insns}}}
				be := &Backend{CheckAllocation: true}
				a, err := core.Compile(context.Background(), o, set, be, core.Options{Policy: verifier.Guard, CPU: cpu})
				if err != nil {
					t.Fatal(err)
				}
				s, err := be.Open(context.Background(), codegen.Spec{Set: set})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				ids, err := s.Load(context.Background(), a)
				if err != nil {
					t.Fatalf("%v\n%x", err, a.Code)
				}
				mem, _ := hex.DecodeString(tt.Mem)
				res, err := s.Run(context.Background(), ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: mem}}})
				if err != nil {
					t.Fatal(err)
				}
				want, _ := strconv.ParseUint(strings.TrimPrefix(tt.Result, "0x"), 16, 64)
				if res.Results[0].Fault != nil || res.Results[0].Ret != want {
					t.Fatalf("got %#x %v want %#x\n%x", res.Results[0].Ret, res.Results[0].Fault, want, a.Code)
				}
			})
		}
	}
}
