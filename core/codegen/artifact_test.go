package codegen

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// fill sets every part of v to something that is not its zero value; lists get two elements.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	default:
		change(v)
	}
}

// change alters a scalar.
func change(v reflect.Value) {
	switch {
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "x")
	default:
		panic("Artifact has a field of kind " + v.Kind().String())
	}
}

// mutate calls probe once for every way to change one part of v, with v so
// changed, and restores v afterwards.
func mutate(path string, v reflect.Value, probe func(path string)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; path != "" || name != "Digest" {
				mutate(path+"."+name, v.Field(i), probe)
			}
		}
	case reflect.Slice:
		whole := reflect.ValueOf(v.Interface())
		v.Set(whole.Slice(0, 1))
		probe(path + " shorter")
		v.Set(reflect.Append(whole, whole.Index(0)))
		probe(path + " longer")
		v.Set(whole)
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			mutate(fmt.Sprintf("%s[%d]", path, i), v.Index(i), probe)
		}
	case reflect.Pointer:
		whole := reflect.ValueOf(v.Interface())
		v.SetZero()
		probe(path + " nil")
		v.Set(whole)
		mutate(path, v.Elem(), probe)
	case reflect.Map:
		mutateMap(path, v, probe)
	default:
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		change(v)
		probe(path)
		v.Set(old)
	}
}

// mutateMap is mutate for a map of one key.
func mutateMap(path string, v reflect.Value, probe func(path string)) {
	whole, key := reflect.ValueOf(v.Interface()), v.MapKeys()[0]
	v.SetZero()
	probe(path + " nil")
	for _, what := range []string{"key", "value"} {
		v.Set(reflect.MakeMap(v.Type()))
		parts := map[string]reflect.Value{"key": reflect.New(v.Type().Key()).Elem(), "value": reflect.New(v.Type().Elem()).Elem()}
		parts["key"].Set(key)
		parts["value"].Set(whole.MapIndex(key))
		change(parts[what])
		v.SetMapIndex(parts["key"], parts["value"])
		probe(path + " " + what)
	}
	v.Set(whole)
}

func full() *Artifact {
	a := &Artifact{}
	fill(reflect.ValueOf(a).Elem())
	a.Seal()
	return a
}

func TestDigestCoversEveryField(t *testing.T) {
	a := full()
	require.NoError(t, a.CheckDigest())
	seen := map[[32]byte]string{a.Digest: "unchanged"}
	mutate("", reflect.ValueOf(a).Elem(), func(path string) {
		sum := a.sum()
		require.Empty(t, seen[sum], "%s gives the digest of this", path)
		seen[sum] = path
		var e *DigestError
		require.ErrorAs(t, a.CheckDigest(), &e, path)
		require.Equal(t, a.Digest, e.Want)
	})
	require.Greater(t, len(seen), 300)
	require.NoError(t, a.CheckDigest(), "restored")
}

func TestDigestIsDeterministic(t *testing.T) {
	require.Equal(t, full().Digest, full().Digest)
}

func TestDigestSeparatesNeighbours(t *testing.T) {
	a, b := &Artifact{Target: "ab", Version: "c"}, &Artifact{Target: "a", Version: "bc"}
	require.NotEqual(t, a.sum(), b.sum())
}

func TestDigestErrorIsOneSentence(t *testing.T) {
	a := full()
	a.Name = "prog.o"
	require.Regexp(t, `^artifact of prog\.o is damaged: .*digest [0-9a-f]{12}…, it says [0-9a-f]{12}…; compile`, a.CheckDigest())
}

func TestExitIsFoundByOffset(t *testing.T) {
	a := &Artifact{Exits: []Exit{{Offset: 4, Code: ExitPoll}, {Offset: 9, Code: ExitFault}}}
	require.Equal(t, ExitPoll, a.Exit(4).Code)
	require.Equal(t, ExitFault, a.Exit(9).Code)
	for _, off := range []uint32{0, 5, 10} {
		require.Nil(t, a.Exit(off))
	}
}

func TestLineCoversUpToTheNext(t *testing.T) {
	a := &Artifact{Lines: []LineEntry{{Offset: 3, Pos: 0}, {Offset: 7, Pos: 1}}}
	require.Nil(t, a.Line(2))
	require.EqualValues(t, 0, a.Line(3).Pos)
	require.EqualValues(t, 0, a.Line(6).Pos)
	require.EqualValues(t, 1, a.Line(7).Pos)
	require.EqualValues(t, 1, a.Line(1000).Pos)
}

func TestSourceCoversUpToTheNext(t *testing.T) {
	e := &EntryInfo{Lines: []obj.Line{{Slot: 1, Line: 10}, {Slot: 4, Line: 11}}}
	require.Nil(t, e.Source(0))
	require.Nil(t, e.Source(int(ir.NoPos)))
	require.Equal(t, 10, e.Source(3).Line)
	require.Equal(t, 11, e.Source(4).Line)
}

func TestFaultErrors(t *testing.T) {
	src := &obj.Line{File: "prog.c", Line: 12}
	for _, c := range []struct {
		f    Fault
		want string
	}{
		{Fault{Rule: ir.RuleMemory, Program: "filter", Insn: 17, Address: 0x1000, Size: 8, Write: true, Source: src},
			"filter: insn 17: memory: write of 8 bytes at 0x1000 is outside what the run may write (prog.c:12)"},
		{Fault{Rule: ir.RuleMemory, Program: "filter", Insn: 3, Address: 0, Size: 1},
			"filter: insn 3: memory: read of 1 byte at 0x0 is outside what the run may read"},
		{Fault{Rule: ir.RuleCall, Program: "filter", Insn: 2, Address: 9},
			"filter: insn 2: call: the called value 0x9 is no function of the program"},
		{Fault{Rule: ir.RuleFuel, Program: "filter", Insn: int(ir.NoPos)},
			"filter: fuel: the run used up its budget of loop turns"},
		{Fault{Rule: 200, Program: "filter"}, "filter: insn 0: rule 200 is not known to this version"},
	} {
		require.EqualError(t, &c.f, c.want)
	}
}

func TestExitCodeNames(t *testing.T) {
	require.Equal(t, "ok", ExitOK.String())
	require.Equal(t, "abort", ExitAbort.String())
	require.Equal(t, "exit(77)", ExitCode(77).String())
}
