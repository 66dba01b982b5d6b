package builtin

import (
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

const latin1 = "Stra\xdfe"

func TestSourceLinesAreMadeText(t *testing.T) {
	o := &obj.Object{License: latin1, Programs: []obj.Program{{Name: "p", Lines: []obj.Line{{Text: latin1, File: latin1}}}}}
	require.NoError(t, checkText(o))
	require.Equal(t, obj.Line{Text: "Stra\ufffde", File: "Stra\ufffde"}, o.Programs[0].Lines[0])
	require.Equal(t, "Stra\ufffde", o.License)
}

func TestNamesMustBeText(t *testing.T) {
	for what, o := range map[string]*obj.Object{
		"program":  {Programs: []obj.Program{{Name: latin1}}},
		"section":  {Programs: []obj.Program{{Section: latin1}}},
		"symbol":   {Programs: []obj.Program{{Refs: []obj.Ref{{Name: latin1}}}}},
		"function": {Programs: []obj.Program{{Funcs: []obj.FuncInfo{{Name: latin1}}}}},
		"map":      {Maps: []abi.MapSpec{{Name: latin1}}},
		"variable": {Data: []obj.Data{{Symbols: []obj.DataSymbol{{Name: latin1}}}}},
	} {
		require.ErrorContains(t, checkText(o), what)
	}
}

// Assembly may have comments in any encoding.
func TestLatin1InAssembly(t *testing.T) {
	o, err := ReadObject(t.Context(), "x.s", []byte("r0 = 1 // "+latin1+"\nexit\n"), ReadOptions{})
	require.NoError(t, err)
	require.Contains(t, o.Programs[0].Lines[0].Text, "r0 = 1")
}
