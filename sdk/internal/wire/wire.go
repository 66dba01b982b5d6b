// Package wire is the plugin protocol bpfc.plugin.v1 in terms of the compiler's
// types: both ends of it, over go-plugin and gRPC. What a host adds to it
// (processes, deadlines, restarts) is in sdk/host.
package wire

import (
	"context"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/pb"
)

// Version is the protocol's major version, as negotiated in the handshake.
const Version = 1

// MaxMessage is the largest message in either direction, in bytes. gRPC's own
// limit of 4 MiB is less than the artifact of an object of about 50,000
// instructions; one call carries a whole object, the largest accepted (a million
// instructions) takes about 100 MiB.
const MaxMessage = 256 << 20

// The environment by which a host tells its plugins about itself.
const (
	// HostPIDEnv is the process that the plugin must not outlive.
	HostPIDEnv = "BPFC_HOST_PID"
	// LogLevelEnv is the least severe level that the host's log takes.
	LogLevelEnv = "BPFC_PLUGIN_LOG"
)

// name is what the plugin is called inside go-plugin; a process serves one.
const name = "bpfc"

// Handshake returns the cookie by which plugin and host know each other. It is
// no secret: it keeps a plugin that is run by hand from waiting for a host.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{MagicCookieKey: "BPFC_PLUGIN", MagicCookieValue: "bpfc.plugin.v1"}
}

// Helpers is a helper set as a plugin serves it.
type Helpers struct {
	Describe func(context.Context) (*abi.Set, error)
	// Implement runs its remote helpers; nil if it has none.
	Implement codegen.Open
}

// Served is what a plugin process serves: one of the two.
type Served struct {
	Backend codegen.Backend
	Helpers *Helpers
}

// plugin is the go-plugin side of Served; a host has the zero value.
type plugin struct {
	goplugin.NetRPCUnsupportedPlugin
	served Served
}

func (p *plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.served.Backend != nil {
		pb.RegisterBackendServer(s, &backendServer{backend: p.served.Backend, sessions: map[uint64]codegen.Session{}, callers: map[uint64]*caller{}})
	}
	if p.served.Helpers != nil {
		pb.RegisterHelperSetServer(s, &helperServer{served: p.served.Helpers, sessions: map[uint64]codegen.Implementation{}})
	}
	return nil
}

func (p *plugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return &Client{backend: pb.NewBackendClient(c), helpers: pb.NewHelperSetClient(c)}, nil
}

func set(s Served) goplugin.PluginSet { return goplugin.PluginSet{name: &plugin{served: s}} }

// ServeConfig is the configuration of a plugin process that serves s.
func ServeConfig(s Served, log hclog.Logger) *goplugin.ServeConfig {
	return &goplugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{Version: set(s)},
		Logger:           log,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts,
				grpc.MaxRecvMsgSize(MaxMessage),
				grpc.MaxSendMsgSize(MaxMessage),
				grpc.ChainUnaryInterceptor(recoverUnary(log)),
				grpc.ChainStreamInterceptor(recoverStream(log)),
			)...)
		},
	}
}

// ClientConfig is the protocol's part of the configuration of a host.
func ClientConfig() *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{Version: set(Served{})},
		Plugins:          set(Served{}), // for plugins attached to: no version is negotiated
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
			// The socket's file is removed once the connection stands: it must stand for good.
			grpc.WithIdleTimeout(0),
		},
	}
}

// Connect returns the protocol's client of a started plugin.
func Connect(c *goplugin.Client) (*Client, error) {
	proto, err := c.Client()
	if err != nil {
		return nil, err
	}
	raw, err := proto.Dispense(name)
	if err != nil {
		return nil, err
	}
	return raw.(*Client), nil
}
