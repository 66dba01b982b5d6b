package wire

import (
	"context"
	"errors"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/codegen/codegentest"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// copier is a helper (in, n, out, n): it reverses bytes and returns how many they are.
var copier = &abi.Helper{Name: "copy", Args: [5]abi.ArgKind{abi.ArgMem, abi.ArgSize, abi.ArgMemWrite, abi.ArgSize},
	Flags: abi.FlagReturnsLength, Returns: abi.Range{Max: 6}}

func reverse(c codegen.Call, in, n, out, room, _ uint64) uint64 {
	from, to := c.Bytes(in, n, false), c.Bytes(out, room, true)
	for i := range from {
		to[len(from)-1-i] = from[i]
	}
	c.Record(codegen.Record{Helper: "copy", Data: []byte{1}})
	return n
}

// arrange makes a run with memory "abcd" and 6 bytes to write to.
func arrange(t *testing.T) (c *codegentest.Call, in, out uint64) {
	home := &codegentest.Home{}
	c = home.Call(0)
	mem, in, err := home.Alloc(4)
	require.NoError(t, err)
	copy(mem, "abcd")
	_, out, err = home.Alloc(6)
	require.NoError(t, err)
	return c, in, out
}

func unchanged(err error) error { return err }

func TestRemoteCopiesWhatThePrototypeDescribes(t *testing.T) {
	c, in, out := arrange(t)
	var sent *pb.HelperCall
	f := Remote(copier, func(m *pb.HelperCall) (*pb.HelperReturn, error) {
		sent = m
		return serveCall(reverse, m)
	}, unchanged)
	require.Equal(t, uint64(4), f(c, in, 4, out, 6, 99))
	require.NoError(t, c.Err)
	require.Equal(t, []byte("dcba\x00\x00"), c.Bytes(out, 6, false))
	require.Equal(t, []uint64{in, 4, out, 6}, sent.GetArgs(), "the fifth is none of its arguments")
	require.Len(t, sent.GetMemory(), 2)
	require.False(t, sent.GetMemory()[0].GetWrite())
	require.True(t, sent.GetMemory()[1].GetWrite())
	require.Len(t, c.Records, 1)
}

func TestServedCallSeesNoMore(t *testing.T) {
	m := &pb.HelperCall{Args: []uint64{100, 4}, Memory: []*pb.Memory{{Address: 100, Bytes: []byte("abcd")}}}
	_, err := serveCall(func(c codegen.Call, p, n, _, _, _ uint64) uint64 {
		require.Equal(t, []byte("bc"), c.Bytes(p+1, 2, false))
		for _, at := range []uint64{p - 1, p + 1, 0, ^uint64(0)} {
			require.Nil(t, c.Bytes(at, 4, false))
		}
		require.Nil(t, c.Bytes(p, n, true), "it is not to be written")
		require.Nil(t, c.Bytes(p, ^uint64(0), false))
		require.Nil(t, c.Packet())
		require.Nil(t, c.Map(p))
		require.Nil(t, c.Word(p))
		return 0
	}, m)
	require.NoError(t, err)
}

// What an answer must not say ends the run, and nothing of it reaches the program.
func TestAnswersThatAreRefused(t *testing.T) {
	good := func() *pb.HelperReturn { return &pb.HelperReturn{Ret: 4, Written: [][]byte{[]byte("zzzzzz")}} }
	for reason, spoil := range map[string]func(*pb.HelperReturn){
		"the result 7, which is not from 0 to 6":  func(r *pb.HelperReturn) { r.Ret = 7 },
		"the result -1, which is not from 0 to 6": func(r *pb.HelperReturn) { r.Ret = 1<<64 - 1 },
		"the length 5, of 4 bytes":                func(r *pb.HelperReturn) { r.Ret = 5 },
		"5 bytes of written memory instead of 6":  func(r *pb.HelperReturn) { r.Written[0] = []byte("zzzzz") },
		"0 pieces of written memory instead of 1": func(r *pb.HelperReturn) { r.Written = nil },
		"2 pieces of written memory instead of 1": func(r *pb.HelperReturn) { r.Written = append(r.Written, nil) },
		"helper copy: out of ideas":               func(r *pb.HelperReturn) { r.Failure = "out of ideas" },
	} {
		c, in, out := arrange(t)
		f := Remote(copier, func(*pb.HelperCall) (*pb.HelperReturn, error) { r := good(); spoil(r); return r, nil }, unchanged)
		require.Zero(t, f(c, in, 4, out, 6, 0))
		require.ErrorContains(t, c.Err, reason)
		require.Equal(t, make([]byte, 6), c.Bytes(out, 6, false))
	}
	c, in, out := arrange(t)
	f := Remote(copier, func(*pb.HelperCall) (*pb.HelperReturn, error) { return good(), nil }, unchanged)
	require.Equal(t, uint64(4), f(c, in, 4, out, 6, 0))
	require.Equal(t, []byte("zzzzzz"), c.Bytes(out, 6, false))
}

func TestMemoryThatIsNotTheRunsIsNotSent(t *testing.T) {
	c, in, out := arrange(t)
	f := Remote(copier, func(*pb.HelperCall) (*pb.HelperReturn, error) { return nil, errors.New("sent") }, unchanged)
	f(c, in+1, 4, out, 6, 0)
	require.ErrorContains(t, c.Err, "argument 1 does not lead to 4 bytes of the run")
	f(c, in, maxRemote+1, out, 6, 0)
	require.ErrorContains(t, c.Err, "a remote helper takes at most")
}

// oldServer is a plugin that was built before helpers could be remote.
type oldServer struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (oldServer) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "bpfc.plugin.v1.HelperSet", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Describe",
		Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
			return &pb.DescribeResponse{Set: topb.Set(&abi.Set{Name: "old", Helpers: []abi.Helper{{ID: 1, Name: "old/f", Impl: abi.ImplGo}}})}, nil
		}}}}, struct{}{})
	return nil
}

func (oldServer) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func TestAnOlderPluginStillDescribesItself(t *testing.T) {
	conn, _ := goplugin.TestPluginGRPCConn(t, false, map[string]goplugin.Plugin{"old": oldServer{}})
	defer conn.Close() // it has the server stop itself; to stop it here as well is a race in go-plugin
	c := &Client{helpers: pb.NewHelperSetClient(conn.Conn)}
	set, err := c.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "old/f", set.Helpers[0].Name)
	require.Empty(t, RemoteHelpers(set))
	_, err = c.OpenHelpers(t.Context(), nil, 1)
	var transport *TransportError
	require.ErrorAs(t, err, &transport)
	require.Equal(t, codes.Unimplemented, transport.Code)
}
