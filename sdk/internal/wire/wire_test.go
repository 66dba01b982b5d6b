package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

func TestErrorsCross(t *testing.T) {
	fault := &codegen.Fault{Rule: ir.RuleCall, Program: "p", Insn: 3, Address: 9, Source: &obj.Line{File: "f.c", Line: 2}}
	for _, want := range []error{
		errors.New("plain"),
		&codegen.UnsupportedError{What: "x", Msg: "y"},
		fault,
	} {
		require.Equal(t, want, fromStatus(toStatus(want)))
		wrapped := fromStatus(toStatus(fmt.Errorf("stage: %w", want)))
		require.ErrorContains(t, wrapped, want.Error())
	}
	require.NoError(t, fromStatus(toStatus(nil)))
}

func TestWhatIsNoAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
	}{
		{toStatus(context.Canceled), codes.Canceled},
		{toStatus(fmt.Errorf("run: %w", context.DeadlineExceeded)), codes.DeadlineExceeded},
		{status.Error(codes.Unavailable, "gone"), codes.Unavailable},
		{errors.New("of no status"), codes.Unknown},
	} {
		var transport *TransportError
		require.ErrorAs(t, fromStatus(c.err), &transport)
		require.Equal(t, c.code, transport.Code)
	}
}

func TestLongTextIsCut(t *testing.T) {
	err := fromStatus(toStatus(errors.New(strings.Repeat("x", 1<<20))))
	require.Len(t, err.Error(), maxText+len(" …"))
}

func TestChunks(t *testing.T) {
	inputs := make([]codegen.Input, 10)
	inputs[4].Mem = make([]byte, maxChunkBytes+1)
	require.Equal(t, 1, prefix(inputs, 1))
	require.Equal(t, 4, prefix(inputs, 10))
	require.Equal(t, 1, prefix(inputs[4:], 10), "a big one goes alone, but goes")
	require.Equal(t, 5, prefix(inputs[5:], 10))

	require.Equal(t, 2, nextChunk(1, 0))
	require.Equal(t, maxChunk, nextChunk(maxChunk, 0))
	require.Equal(t, 8, nextChunk(8, chunkTime))
	require.Equal(t, 4, nextChunk(8, time.Second))
	require.Equal(t, 1, nextChunk(1, time.Second))
}

func TestReattachText(t *testing.T) {
	want := &goplugin.ReattachConfig{Protocol: goplugin.ProtocolGRPC, ProtocolVersion: 1, Pid: 7, Test: true,
		Addr: &net.UnixAddr{Name: "/tmp/x", Net: "unix"}}
	text, err := FormatReattach("bpfc-backend-x", want)
	require.NoError(t, err)
	got, err := ParseReattach(text, "bpfc-backend-x")
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, other := range []string{"", text} {
		got, err = ParseReattach(other, "bpfc-backend-y")
		require.NoError(t, err)
		require.Nil(t, got)
	}
	_, err = ParseReattach("1", "bpfc-backend-x")
	require.ErrorContains(t, err, "BPFC_REATTACH is not what a plugin prints with --debug")
	_, err = ParseReattach(`{"a":{"Addr":{"Network":"tcp","String":"nowhere:port"}}}`, "a")
	require.ErrorContains(t, err, "BPFC_REATTACH: address of a")
}
