package fake

import "github.com/bpfc/bpfc/core/abi"

// Misbehave is the argument for which the helper of Calls does what the plugin was told to.
const Misbehave = 200

// Calls returns a set with one helper in Go: fake/call(x) is x + 1.
func Calls() *abi.Set {
	return &abi.Set{Name: "calls", Helpers: []abi.Helper{
		{ID: 0xfa4e_0001, Name: "fake/call", Args: [5]abi.ArgKind{abi.ArgAny}, Returns: abi.Range{Max: 1000}, Impl: abi.ImplGo},
	}}
}

// Nonsense are the ways in which a set can say what has no meaning.
var Nonsense = map[string]func(*abi.Set){
	"field": func(s *abi.Set) {
		s.Types = []abi.ProgType{{Name: "t", Context: abi.Context{Kind: abi.CtxStruct, Name: "c", Size: 8, Fields: []abi.Field{
			{Name: "start", Size: 8, Kind: abi.FieldPacketStart}, {Name: "number", Offset: 4, Size: 4}}}}}
	},
	"kind":   func(s *abi.Set) { s.Helpers[0].Args[0] = 200 },
	"number": func(s *abi.Set) { s.Helpers = append(s.Helpers, abi.Helper{ID: s.Helpers[0].ID, Name: "fake/other"}) },
	"name":   func(s *abi.Set) { s.Helpers = append(s.Helpers, abi.Helper{ID: 1, Name: s.Helpers[0].Name}) },
	"body": func(s *abi.Set) {
		s.Helpers[0].Impl, s.Helpers[0].Body = abi.ImplBody, []byte{0x79, 0x10, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = *(u64 *)(r1 + 0); exit
	},
	"bytes": func(s *abi.Set) { s.Helpers[0].Impl, s.Helpers[0].Body = abi.ImplBody, []byte{1, 2, 3} },
	"effects": func(s *abi.Set) {
		s.Helpers[0].Impl, s.Helpers[0].Returns, s.Helpers[0].Ret, s.Helpers[0].RetSize = abi.ImplRemote, abi.Range{}, abi.RetMem, 8
	},
	"flags": func(s *abi.Set) { s.Helpers[0].Impl, s.Helpers[0].Flags = abi.ImplRemote, abi.FlagInvalidatesPackets },
	"machine": func(s *abi.Set) {
		s.Helpers[0].Impl, s.Helpers[0].Native, s.Helpers[0].NativeTarget = abi.ImplNative, []byte{0xc0, 0x03, 0x5f, 0xd6}, "vax"
	},
}
