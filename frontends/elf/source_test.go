package elf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSources compiles short sources and looks at what Parse says of them:
// nothing, or a code and a part of the message.
func TestSources(t *testing.T) {
	c := clang(t)
	include, err := filepath.Abs("testdata")
	require.NoError(t, err)
	const (
		use = "static void *(*f)(void *) = (void *)1; SEC(\"mem\") u64 p(void) { return (u64)f(&m); }"
		key = "NUMBER(type, 1); TYPE(key, u32); TYPE(value, u64); "
	)
	for _, s := range []struct {
		name, source string
		flags        []string
		code         Code
		unsupported  bool
		text         string
	}{
		{"plain map", "struct { " + key + "} m SEC(\".maps\");" + use, nil, "", false, ""},
		{"sizes and types agree", "struct { " + key + "NUMBER(key_size, 4); } m SEC(\".maps\");" + use, nil, "", false, ""},
		{"sizes and types differ", "struct { " + key + "NUMBER(key_size, 8); } m SEC(\".maps\");" + use, nil, CodeMap, false, "key_size gives 8, another member 4"},
		{"no type", "struct { TYPE(key, u32); } m SEC(\".maps\");" + use, nil, CodeMap, false, "has no type"},
		{"unknown member", "struct { " + key + "NUMBER(colour, 3); } m SEC(\".maps\");" + use, nil, CodeMap, true, `"colour"`},
		{"key is no type", "struct { NUMBER(type, 1); int key; } m SEC(\".maps\");" + use, nil, CodeMap, false, "__type(key, T)"},
		{"key without size", "struct s; struct { NUMBER(type, 1); struct s *key; } m SEC(\".maps\");" + use, nil, CodeMap, false, ""},
		{"type is no number", "struct { TYPE(type, int); } m SEC(\".maps\");" + use, nil, CodeMap, false, "__uint(type, N)"},
		{"values of numbers", "struct { " + key + "int values[1]; } m SEC(\".maps\");" + use, nil, CodeMap, false, "__array(values, T)"},
		{"no structure", "int m SEC(\".maps\");" + use, nil, CodeMap, false, "no structure"},
		{"map_extra", "struct { " + key + "enum { X = 3 } map_extra; } m SEC(\".maps\");" + use, nil, "", false, ""},
		{"map_extra of 64 bits", "struct { " + key + "enum { X = 1ull << 44 } map_extra; } m SEC(\".maps\");" + use, nil, "", false, ""},
		{"nested twice", "struct a { " + key + "}; struct b { NUMBER(type, 13); VALUES(values, struct a); };" +
			"struct { NUMBER(type, 13); VALUES(values, struct b); } m SEC(\".maps\");" + use, nil, CodeMap, false, "more than twice"},
		{"map without BTF", "struct { " + key + "} m SEC(\".maps\");" + use, []string{"-g0"}, CodeMap, true, "compile with -g"},
		{"static map", "static struct { " + key + "} x SEC(\".maps\"), m SEC(\".maps\");" + use, nil, "", false, ""},
		{"enum of the kernel", "enum e { A, B }; SEC(\"mem\") u64 p(void) { return __builtin_preserve_enum_value(*(enum e *)B, 1); }",
			nil, CodeCORE, true, "CO-RE relocation of e.B: it needs"},
		{"size of the kernel's type", "struct s { int a; }; SEC(\"mem\") u64 p(void) { return __builtin_preserve_type_info(*(struct s *)0, 1); }",
			nil, CodeCORE, true, "CO-RE relocation of s: it needs"},
		{"number of a local type", "struct s { int a; }; SEC(\"mem\") u64 p(void) { return __builtin_btf_type_id(*(struct s *)0, 0); }", nil, "", false, ""},
		{"CO-RE in a function nobody calls", "struct s { int a; } __attribute__((preserve_access_index)); int unused(struct s *s) { return s->a; } SEC(\"mem\") u64 p(void) { return 0; }",
			nil, "", false, ""},
		{"address of an extern", "u64 f(void); SEC(\"mem\") u64 p(void) { return (u64)f; }", nil, "", false, ""},
		{"arena", "int __attribute__((address_space(1))) x; SEC(\"mem\") u64 p(void) { return (u64)&x; }", nil, CodeSection, true, ".addr_space.1"},
		{"struct_ops", "struct { int x; } o SEC(\".struct_ops\"); SEC(\"mem\") u64 p(void) { return 0; }", nil, CodeSection, true, "struct_ops"},
		{"address of a map in data", "struct { " + key + "} m SEC(\".maps\"); void *at = &m; SEC(\"mem\") u64 q(void) { return (u64)&at; }" + use, nil, CodeFuncData, true, "address of a map"},
		{"address of a map in data that nobody uses", "struct { " + key + "} m SEC(\".maps\"); void *at = &m;" + use, nil, "", false, ""},
		{"behind two other addresses", "struct { " + key + "} m SEC(\".maps\"); void *at SEC(\".data.a\") = &m; void **b SEC(\".data.b\") = &at; void ***c SEC(\".data.c\") = &b; SEC(\"mem\") u64 q(void) { return (u64)&c; }" + use, nil, CodeFuncData, true, "address of a map"},
		{"no program", "int x;", nil, CodeNoProgram, false, ""},
		{"compressed debug information", "SEC(\"mem\") u64 p(void) { return 0; }", []string{"-gz"}, "", false, ""},
	} {
		path := filepath.Join(t.TempDir(), "x.c")
		require.NoError(t, os.WriteFile(path, []byte("#include \"fixture.h\"\n"+s.source+"\n"), 0o600))
		c.Stderr = t.Output()
		object, err := c.Compile(t.Context(), path, append(s.flags, "-w", "-mcpu=v3", "-I", include))
		require.NoError(t, err, s.name)
		o, e := parse(t, object)
		if s.code == "" {
			require.Nil(t, e, s.name)
			requireSound(t, &o.Programs[0])
			continue
		}
		require.NotNil(t, e, s.name)
		require.Equal(t, s.code, e.Code, "%s: %v", s.name, e)
		require.Equal(t, s.unsupported, e.Unsupported, "%s: %v", s.name, e)
		require.Contains(t, e.Error(), s.text, s.name)
	}
}

// TestLibraryPanic: the panic of a library becomes an error that names it,
// one of our own goes on.
func TestLibraryPanic(t *testing.T) {
	err := panicked("index out of range", []byte("goroutine 1\ndebug/elf.(*File).Symbols(…)\n"))
	require.ErrorContains(t, err, "debug/elf cannot read this object: index out of range")
	require.Panics(t, func() { _ = panicked("ours", []byte("frontends/elf.Parse(…)\n")) })
}
