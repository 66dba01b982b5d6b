package amd64

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
)

const (
	tailCall = "r6 = mov64 1\ntailcall\nr0 = mov64 3\nexit"
	goHelper = "r1 = mov64 1\ncall.helper helper@1\nexit"
)

// hardened are listings of whole units: what the features change.
var hardened = []struct {
	name, ir string
	features []string
	want     string
}{
	{"tail call", tailCall, nil, `
		push rbx
		mov ebx, 0x1
		mov r11d, edx
		cmp r11d, dword ptr [rsi+0x10]
		jnb 44
		cmp qword ptr [r12+0x28], 0x21
		jnb 44
		mov rcx, qword ptr [rsi+0x20]
		mov rcx, qword ptr [rcx+8*r11]
		test rcx, rcx
		jz 44
		inc qword ptr [r12+0x28]
		pop rbx
		jmp rcx
		mov eax, 0x3
		pop rbx
		ret`},
	{"tail call", tailCall, []string{featureIBT}, `
		endbr64
		push rbx
		mov ebx, 0x1
		mov r11d, edx
		cmp r11d, dword ptr [rsi+0x10]
		jnb 48
		cmp qword ptr [r12+0x28], 0x21
		jnb 48
		mov rcx, qword ptr [rsi+0x20]
		mov rcx, qword ptr [rcx+8*r11]
		test rcx, rcx
		jz 48
		inc qword ptr [r12+0x28]
		pop rbx
		jmp rcx
		mov eax, 0x3
		pop rbx
		ret`},
	{"tail call", tailCall, []string{featureRetpoline}, `
		push rbx
		mov ebx, 0x1
		mov r11d, edx
		cmp r11d, dword ptr [rsi+0x10]
		jnb 44
		cmp qword ptr [r12+0x28], 0x21
		jnb 44
		mov rcx, qword ptr [rsi+0x20]
		mov rcx, qword ptr [rcx+8*r11]
		test rcx, rcx
		jz 44
		inc qword ptr [r12+0x28]
		pop rbx
		jmp 51
		mov eax, 0x3
		pop rbx
		ret
		call 63
		pause
		lfence
		jmp 56
		mov qword ptr [rsp], rcx
		ret`},
	{"tail call of a slot", "r6 = mov64 1\ntailslot map@1, 3\nr0 = mov64 3\nexit", []string{featureRetpoline}, `
		push rbx
		mov ebx, 0x1
		cmp qword ptr [r12+0x28], 0x21
		jnb 34
		mov rcx, qword ptr [rip]
		test rcx, rcx
		jz 34
		inc qword ptr [r12+0x28]
		pop rbx
		jmp 41
		mov eax, 0x3
		pop rbx
		ret
		call 53
		pause
		lfence
		jmp 46
		mov qword ptr [rsp], rcx
		ret`},
	{"exit", goHelper, nil, `
		sub rsp, 0x8
		mov edi, 0x1
		call qword ptr [r12+0x8]
		add rsp, 0x8
		ret`},
	{"exit", goHelper, []string{featureRetpoline, featureIBT}, `
		endbr64
		sub rsp, 0x8
		mov edi, 0x1
		call 23
		add rsp, 0x8
		ret
		call 35
		pause
		lfence
		jmp 28
		push qword ptr [r12+0x8]
		pop qword ptr [rsp]
		ret`},
	{"call of a function", "func@0 \"test\" pos 0 frame 0 {\nb0:\n  call func@1\n  exit\n}\nfunc@1 \"callee\" pos 2 frame 0 {\nb0:\n  r0 = mov64 1\n  exit\n}\n",
		[]string{featureRetpoline, featureIBT}, `
		endbr64
		sub rsp, 0x8
		call 32
		add rsp, 0x8
		ret
		nop word ptr [rax+rax], ax
		nop dword ptr [rax+rax], eax
		mov eax, 0x1
		ret`},
}

func TestFeatures(t *testing.T) {
	for _, c := range hardened {
		a := compile(t, parse(t, 0, c.ir), codegen.Options{Features: c.features})
		require.Equal(t, trim(c.want), listing(t, a, 0, uint32(len(a.Code))), "%s %v", c.name, c.features)
	}
}

func TestUnknownFeature(t *testing.T) {
	_, err := New().Compile(context.Background(), unit(parse(t, 0, "exit")), codegen.Options{Features: []string{"shstk"}})
	require.EqualError(t, err, (&codegen.UnsupportedError{What: `feature "shstk"`, Msg: "the amd64 back end has [ibt retpoline]"}).Error())
}
