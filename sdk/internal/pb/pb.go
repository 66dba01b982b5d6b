// Package pb is the protobuf and gRPC code of the plugin protocol, generated
// from plugin.proto. Its types stay inside sdk/internal: packages topb and
// frompb convert.
package pb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin.proto
