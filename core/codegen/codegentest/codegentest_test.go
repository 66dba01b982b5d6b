package codegentest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
)

// What tests rely on is what the interfaces say.
var (
	_ codegen.Home       = (*codegentest.Home)(nil)
	_ codegen.Call       = (*codegentest.Call)(nil)
	_ codegen.Map        = (*codegentest.Map)(nil)
	_ codegen.Ring       = (*codegentest.Ring)(nil)
	_ codegen.Packet     = (*codegentest.Packet)(nil)
	_ codegen.StackTrace = (*codegentest.StackTrace)(nil)
)

func TestMemoryEndsWhereItEnds(t *testing.T) {
	h := &codegentest.Home{}
	a, b := h.Put([]byte("abc")), h.Constant("d")
	require.Equal(t, []byte("bc"), h.Bytes(a+1, 2, true))
	require.Nil(t, h.Bytes(a+1, 3, false))
	require.Nil(t, h.Bytes(a-1, 1, false))
	require.Equal(t, []byte{'d', 0}, h.Bytes(b, 2, false))
	require.Nil(t, h.Bytes(b, 1, true))
	require.Nil(t, h.Bytes(0, 1, false))
}

func TestPacketMoves(t *testing.T) {
	p := codegentest.NewPacket([]byte("abcdef"), 4, 2)
	at := p.Address()
	require.True(t, p.MoveStart(-2))
	require.Equal(t, []byte("\x00\x00abcdef"), p.Bytes())
	require.Equal(t, at-2, p.Address())
	require.False(t, p.MoveStart(-3))
	require.True(t, p.MoveStart(3))
	require.True(t, p.MoveMeta(-1))
	require.Equal(t, []byte{0}, p.Meta())
	require.True(t, p.Insert(2, 2, false))
	require.Equal(t, []byte("bc\x00\x00def"), p.Bytes())
	require.True(t, p.Remove(2, 3, true))
	require.Equal(t, []byte("bcef"), p.Bytes())
	require.False(t, p.MoveEnd(1))
}

func TestMapKeepsItsKeysInOrder(t *testing.T) {
	h := &codegentest.Home{N: 2}
	m := h.NewMap(abi.MapSpec{Type: 5, KeySize: 1, ValueSize: 1, MaxEntries: 2})
	require.Equal(t, codegen.OK, m.Update([]byte{2}, []byte{20}, 0, 0))
	require.Equal(t, codegen.OK, m.Update([]byte{1}, []byte{10}, 0, codegen.AllCPUs))
	require.Equal(t, codegen.E2BIG, m.Update([]byte{3}, []byte{30}, 0, 0))
	first, _ := m.Next(nil)
	second, _ := m.Next(first)
	require.Equal(t, [][]byte{{1}, {2}}, [][]byte{first, second})
	v, _ := m.Get([]byte{2})
	require.Equal(t, []byte{20, 0}, v)
}
