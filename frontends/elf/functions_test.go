package elf

import (
	"maps"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

// TestGlobalFunctions: what BTF says of functions and their parameters.
func TestGlobalFunctions(t *testing.T) {
	const source = `
struct __sk_buff { u32 len; };
struct bpf_dynptr { u64 a[2]; };
struct unsized;
typedef struct unsized bpf_user_pt_regs_t;
struct pair { u64 a, b; };
enum e { A };
#define N __attribute__((noinline))
#define TAG(x) __attribute__((btf_decl_tag("arg:" #x)))
N int scalars(u64 a, enum e b, _Bool c) { asm volatile(""); return a + b + c; }
N int context(struct __sk_buff *a, void *b TAG(ctx), const bpf_user_pt_regs_t *r) { asm volatile(""); return a->len + (b != 0); }
N int memory(struct pair *a, const int *b TAG(nonnull), char (*c)[13], u64 **d) { asm volatile(""); return a && b && c && d; }
N int special(struct bpf_dynptr *d, void *v, struct unsized *u, struct pair *t TAG(trusted)) { asm volatile(""); return d && v && u && t; }
N static int local(struct pair *a) { asm volatile(""); return a != 0; }
N __attribute__((visibility("hidden"))) int hidden(u64 a) { asm volatile(""); return a; }
N __attribute__((weak)) int weak(u64 a) { asm volatile(""); return a; }
SEC("tc") int p(struct __sk_buff *s) {
	struct pair x = {};
	struct bpf_dynptr y = {};
	return scalars(1, A, 1) + context(s, s, 0) + memory(&x, (void *)s, 0, 0) + special(&y, s, 0, &x) + local(&x) + hidden(1) + weak(1);
}`
	scalar, other := obj.Param{}, obj.Param{Kind: obj.ParamOther}
	want := map[string][]obj.Param{
		"scalars": {scalar, scalar, scalar},
		"context": {{Kind: obj.ParamMem, Size: 4, Struct: "__sk_buff"}, {Kind: obj.ParamCtx}, {Kind: obj.ParamOther, Struct: "bpf_user_pt_regs_t"}},
		"memory":  {{Kind: obj.ParamMem, Size: 16, Struct: "pair"}, {Kind: obj.ParamMem, Size: 4, NonNull: true}, {Kind: obj.ParamMem, Size: 13}, {Kind: obj.ParamMem, Size: 8}},
		"special": {{Kind: obj.ParamDynptr, Struct: "bpf_dynptr"}, other, other, {Kind: obj.ParamOther, Struct: "pair"}},
		"weak":    {scalar},
	}
	o, err := parse(t, compiled(t, source))
	require.Nil(t, err)
	funcs := o.Programs[0].Funcs
	require.Len(t, funcs, 8)
	for _, f := range funcs {
		params, global := want[f.Name]
		require.Equal(t, global, f.Global, f.Name)
		require.Equal(t, params, f.Params, f.Name)
	}
	o, err = parse(t, compiled(t, source, "-g0"))
	require.Nil(t, err)
	for _, f := range o.Programs[0].Funcs {
		require.False(t, f.Global, "without BTF there are no global functions")
	}
}

// TestSpecialFields: locks, timers and the like in values and in data.
func TestSpecialFields(t *testing.T) {
	const source = `
#define KPTR __attribute__((btf_type_tag("kptr")))
struct bpf_spin_lock { u32 val; };
struct bpf_timer { u64 opaque[2]; };
struct bpf_list_head { u64 opaque[2]; };
struct bpf_list_node { u64 opaque[3]; };
struct object;
struct slot { u32 count; struct object KPTR *p; };
struct value {
	struct bpf_spin_lock lock;
	struct { u64 x; struct bpf_timer t; } nested;
	struct slot slots[2];
	struct object *plain;
	struct bpf_list_node node;
	union { u64 y; struct bpf_list_head head; };
};
struct { NUMBER(type, 1); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, struct value); } m SEC(".maps");
struct { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, struct bpf_spin_lock[3]); } three SEC(".maps");
struct { NUMBER(type, 12); NUMBER(max_entries, 1); TYPE(key, u32); VALUES(values, struct { NUMBER(type, 2); NUMBER(max_entries, 1); TYPE(key, u32); TYPE(value, struct bpf_timer); }); } nest SEC(".maps");
u64 before SEC(".data.A") = 1;
struct bpf_spin_lock glock SEC(".data.A") = {};
static void *(*lookup)(void *, void *) = (void *)1;
SEC("tc") int p(void *ctx) { return lookup(&m, ctx) + before + (u64)&glock != 0; }`
	o, err := parse(t, compiled(t, source))
	require.Nil(t, err)
	require.Equal(t, []abi.Special{
		{Kind: abi.SpecialLock, Offset: 0, Size: 4}, {Kind: abi.SpecialTimer, Offset: 16, Size: 16},
		{Kind: abi.SpecialOther, Offset: 40, Size: 8}, {Kind: abi.SpecialOther, Offset: 56, Size: 8}, {Kind: abi.SpecialOther, Offset: 96, Size: 16},
	}, o.Maps[0].Special)
	require.Equal(t, []abi.Special{{Kind: abi.SpecialLock, Size: 4}, {Kind: abi.SpecialLock, Offset: 4, Size: 4}, {Kind: abi.SpecialLock, Offset: 8, Size: 4}}, o.Maps[1].Special)
	require.Equal(t, []abi.Special{{Kind: abi.SpecialTimer, Size: 16}}, o.Maps[3].Special)
	require.Equal(t, "nest.inner", o.Maps[3].Name)
	for _, d := range o.Data {
		if d.Name == ".data.A" {
			require.Equal(t, []abi.Special{{Kind: abi.SpecialLock, Offset: 8, Size: 4}}, d.Special)
		}
	}
}

// TestSlots reads the initial elements of maps of maps and of programs.
func TestSlots(t *testing.T) {
	o := fixture(t, "slots")
	require.Equal(t, "nested", o.Maps[1].Name)
	require.Equal(t, []obj.Slot{{Map: 1, Key: 1, Inner: 0}}, o.Slots)

	const source = `
int tail(void *); 
struct { NUMBER(type, 3); NUMBER(max_entries, 4); NUMBER(key_size, 4); VALUES(values, int(void *)); } m SEC(".maps") = { .values = { [3] = &tail } };
static void (*call)(void *, void *, u32) = (void *)12;
SEC("tc/b") int tail(void *ctx) { return 1; }
SEC("tc/a") int p(void *ctx) { call(ctx, &m, 3); return 0; }`
	o, err := parse(t, compiled(t, source))
	require.Nil(t, err)
	require.Equal(t, []obj.Slot{{Map: 0, Key: 3, Program: "tail"}}, o.Slots)
}

// TestConfig: the values of .kconfig externs.
func TestConfig(t *testing.T) {
	const source = `
#define K __attribute__((section(".kconfig")))
enum libbpf_tristate { NO, YES, MODULE };
extern int LINUX_KERNEL_VERSION K;
extern _Bool CONFIG_A K;
extern enum libbpf_tristate CONFIG_B K;
extern char CONFIG_C[8] K;
extern u64 CONFIG_D K;
extern char CONFIG_E K;
extern u32 CONFIG_F __attribute__((weak)) K;
SEC("tc") int p(void) { return LINUX_KERNEL_VERSION + CONFIG_A + CONFIG_B + CONFIG_C[1] + CONFIG_D + CONFIG_E + CONFIG_F; }`
	b := compiled(t, source)
	values := map[string]string{"CONFIG_A": "y", "CONFIG_B": "m", "CONFIG_C": `"none-too-long"`, "CONFIG_D": "0xffffffffffffffff", "CONFIG_E": "y"}
	o, err := Parse("test.o", b, Options{Config: values})
	require.NoError(t, err)
	require.Len(t, o.Data, 1)
	d := o.Data[0]
	require.True(t, d.ReadOnly)
	require.Equal(t, ".kconfig", d.Name)
	want := map[string]string{
		"LINUX_KERNEL_VERSION": "\x00\x12\x06\x00", "CONFIG_A": "\x01", "CONFIG_B": "\x02\x00\x00\x00", "CONFIG_C": "none-to\x00",
		"CONFIG_D": "\xff\xff\xff\xff\xff\xff\xff\xff", "CONFIG_E": "y", "CONFIG_F": "\x00\x00\x00\x00",
	}
	require.Len(t, d.Symbols, len(want))
	for _, y := range d.Symbols {
		require.Equal(t, want[y.Name], string(d.Bytes[y.Offset:y.Offset+y.Size]), y.Name)
	}
	for name, bad := range map[string]string{"CONFIG_A": "m", "CONFIG_B": "3", "CONFIG_D": "y", "CONFIG_E": "300", "LINUX_KERNEL_VERSION": "6.x", "CONFIG_F": "4294967296"} {
		changed := maps.Clone(values)
		changed[name] = bad
		_, err := Parse("test.o", b, Options{Config: changed})
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, CodeExtern, e.Code)
		require.Equal(t, name, e.Symbol)
	}
	_, e := parse(t, b)
	require.Equal(t, CodeExtern, e.Code)
	require.Contains(t, e.Msg, "--kconfig")
}

// TestKernelSymbols: weak ones that nothing defines are 0, others are left by name.
func TestKernelSymbols(t *testing.T) {
	p := fixture(t, "ksym").Programs[0]
	require.Empty(t, p.Refs)
	require.Equal(t, isa.LoadImm64(isa.R0, 0), p.Insns[0])

	const source = `
#define K __attribute__((section(".ksyms")))
extern int kfunc(int) K;
extern int absent(int) __attribute__((weak)) K;
extern const int jiffies K;
int helper(int);
SEC("tc") int p(void *ctx) { return kfunc(1) + (absent ? absent(2) : 3) + (&jiffies == ctx) + helper(4); }`
	o, err := parse(t, compiled(t, source))
	require.Nil(t, err)
	kinds := map[string]obj.RefKind{}
	for _, r := range o.Programs[0].Refs {
		kinds[r.Name] = r.Kind
	}
	require.Equal(t, map[string]obj.RefKind{"kfunc": obj.RefKfunc, "absent": obj.RefKfunc, "jiffies": obj.RefKfunc, "helper": obj.RefHelper}, kinds)
}
