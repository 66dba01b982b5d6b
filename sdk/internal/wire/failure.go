package wire

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/internal/frompb"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// PanicError says that the plugin's code panicked and that the plugin goes on serving.
type PanicError struct{ Value string }

func (e *PanicError) Error() string { return "panic: " + e.Value }

// TransportError is a call that got no answer of the plugin's code.
type TransportError struct {
	Code codes.Code
	Msg  string
}

func (e *TransportError) Error() string { return e.Msg }

// GarbageError is an answer that means nothing.
type GarbageError struct{ Err error }

func (e *GarbageError) Error() string { return e.Err.Error() }
func (e *GarbageError) Unwrap() error { return e.Err }

func garbage(format string, args ...any) error {
	return &GarbageError{Err: fmt.Errorf(format, args...)}
}

// maxText bounds the text of an error, in bytes: errors travel in HTTP/2 trailers, which are bounded.
const maxText = 64 << 10

// toStatus makes the gRPC form of an error that the plugin's code returned.
func toStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, clip(err.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, clip(err.Error()))
	}
	return answer(failure(err))
}

func failure(err error) (codes.Code, *pb.Failure) {
	f := &pb.Failure{Message: clip(err.Error())}
	var unsupported *codegen.UnsupportedError
	var fault *codegen.Fault
	switch {
	case errors.As(err, &unsupported):
		f.Detail = &pb.Failure_Unsupported{Unsupported: &pb.Unsupported{What: clip(unsupported.What), Msg: clip(unsupported.Msg)}}
		return codes.Unimplemented, f
	case errors.As(err, &fault):
		f.Detail = &pb.Failure_Fault{Fault: topb.Fault(fault)}
		return codes.Aborted, f
	}
	return codes.Unknown, f
}

func answer(code codes.Code, f *pb.Failure) error {
	s, err := status.New(code, f.GetMessage()).WithDetails(f)
	if err != nil {
		return status.Error(codes.Internal, "error cannot be encoded: "+err.Error())
	}
	return s.Err()
}

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + " …"
}

// fromStatus is the inverse of toStatus. What is no answer of the plugin's code
// becomes a *TransportError.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		if f, ok := d.(*pb.Failure); ok {
			return fromFailure(f)
		}
	}
	return &TransportError{Code: s.Code(), Msg: s.Message()}
}

func fromFailure(f *pb.Failure) error {
	switch d := f.GetDetail().(type) {
	case *pb.Failure_Unsupported:
		return &codegen.UnsupportedError{What: d.Unsupported.GetWhat(), Msg: d.Unsupported.GetMsg()}
	case *pb.Failure_Panic:
		return &PanicError{Value: d.Panic.GetValue()}
	case *pb.Failure_Fault:
		fault, err := frompb.Fault(d.Fault)
		if err != nil {
			return garbage("a fault: %w", err)
		}
		return fault
	}
	return errors.New(f.GetMessage())
}

// panicked makes the answer to a call whose code panicked; the stack is logged.
func panicked(log hclog.Logger, call string, v any) error {
	log.Error("the plugin's code panicked", "call", call, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	text := clip(fmt.Sprint(v))
	return answer(codes.Internal, &pb.Failure{
		Message: "panic: " + text,
		Detail:  &pb.Failure_Panic{Panic: &pb.Panic{Value: text}},
	})
}

func recoverUnary(log hclog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if v := recover(); v != nil {
				err = panicked(log, info.FullMethod, v)
			}
		}()
		return h(ctx, req)
	}
}

func recoverStream(log hclog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = panicked(log, info.FullMethod, v)
			}
		}()
		return h(srv, s)
	}
}
