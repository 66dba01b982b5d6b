package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/gopacket/gopacket"
)

// input is one input of a run.
type input struct {
	codegen.Input
	sent    []byte // --mem, which is not run on itself: runs may change what they get
	place   string // in the file that it is from: "packet 7"; "" for the input of --mem and --ctx
	info    gopacket.CaptureInfo
	refused error // why it is not run
}

// inputSource gives the inputs in order; its last error is io.EOF if there are no more.
type inputSource interface{ next() (input, error) }

// once is the input of --mem and --ctx.
type once struct {
	codegen.Input
	done bool
}

func (o *once) next() (input, error) {
	if o.done {
		return input{}, io.EOF
	}
	o.done = true
	return input{Input: codegen.Input{Mem: bytes.Clone(o.Mem), Ctx: o.Ctx}, sent: o.Mem}, nil
}

// arguments are what the flags say of the inputs, read before anything is started.
type arguments struct {
	mem, ctx []byte
	env      map[string][]byte
	maps     []mapFile
	file     io.Reader // of --pcap or --events, nil without
}

// arguments reads the files that the flags name.
func (a *app) arguments(ctx context.Context, f *runFlags) (args arguments, err error) {
	if args.mem, err = a.memory(ctx, f.mem); err != nil {
		return args, err
	}
	if args.ctx, err = a.textOf(ctx, f.ctx); err != nil {
		return args, err
	}
	if args.env, err = a.environment(ctx, f.env); err != nil {
		return args, err
	}
	if args.maps, err = a.mapFiles(ctx, f.maps); err != nil {
		return args, err
	}
	if name := f.pcap + f.events; name != "" {
		args.file, err = a.openInput(ctx, name)
	}
	return args, err
}

// textOf is the value of a flag, or the content of the file that it names.
func (a *app) textOf(ctx context.Context, arg string) ([]byte, error) {
	if len(arg) > 1 && arg[0] == '@' {
		return a.readBytes(ctx, arg[1:])
	}
	return []byte(arg), nil
}

// environment reads --env: an object of parts.
func (a *app) environment(ctx context.Context, arg string) (map[string][]byte, error) {
	if arg == "" {
		return nil, nil
	}
	text, err := a.textOf(ctx, arg)
	if err != nil {
		return nil, err
	}
	parts := map[string][]byte{}
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' {
		return nil, usage("--env: it is a JSON object of parts such as \"clock\", or @FILE; see docs/ENVIRONMENT.md")
	}
	err = eachMember(text, func(name string, value json.RawMessage) error { parts[name] = value; return nil })
	if err != nil {
		return nil, usage("--env: %v", err)
	}
	return parts, nil
}

// openInput opens a file that is read as it is needed. Waiting for a pipe or a terminal ends with ctx.
func (a *app) openInput(ctx context.Context, name string) (io.Reader, error) {
	open := func() (io.ReadCloser, error) { return os.Open(name) }
	if name == "-" {
		if a.stdinRead.Swap(true) {
			return nil, usage("standard input is named twice: it can be read once")
		}
		open = func() (io.ReadCloser, error) { return io.NopCloser(a.in), nil }
	} else if _, err := os.Stat(name); err != nil {
		return nil, err
	}
	s := &stream{ctx: ctx, parts: make(chan part)}
	go s.read(open)
	return s, nil
}

// stream is a file that another goroutine reads ahead.
type stream struct {
	ctx   context.Context
	parts chan part
	now   part
}

// part is what one read has given.
type part struct {
	b   []byte
	err error
}

// read reads the file to its end, or until the stream is not wanted any more.
func (s *stream) read(open func() (io.ReadCloser, error)) {
	const partSize = 1 << 16
	f, err := open()
	if err == nil {
		defer f.Close()
	}
	for err == nil {
		var n int
		b := make([]byte, partSize)
		n, err = f.Read(b)
		if n > 0 && !s.send(part{b: b[:n]}) {
			return
		}
	}
	s.send(part{err: err})
}

func (s *stream) send(p part) bool {
	select {
	case s.parts <- p:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	if len(s.now.b) == 0 && s.now.err == nil {
		select {
		case s.now = <-s.parts:
		case <-s.ctx.Done():
			s.now = part{err: context.Cause(s.ctx)}
		}
	}
	if len(s.now.b) == 0 {
		return 0, s.now.err
	}
	n := copy(b, s.now.b)
	s.now.b = s.now.b[n:]
	return n, nil
}

// source makes the inputs, for the type of the program.
func (args *arguments) source(f *runFlags, t *abi.ProgType) (inputSource, error) {
	c, err := args.context(t)
	if err != nil {
		return nil, err
	}
	switch {
	case f.pcap != "":
		return args.capture(f.pcap, t, c)
	case f.events != "" && t.Context.Kind != abi.CtxStruct && len(t.Context.Fields) == 0:
		return nil, usage("--events: a program of type %s has no described context; its memory is --mem", t.Name)
	case f.events != "":
		return openEvents(title(f.events), bufio.NewReader(args.file), t, args.mem), nil
	}
	return &once{Input: codegen.Input{Mem: args.mem, Ctx: c}}, nil
}

// context reads --ctx.
func (args *arguments) context(t *abi.ProgType) ([]byte, error) {
	switch {
	case len(args.ctx) == 0:
		return nil, nil
	case t.Context.Kind == abi.CtxMemory:
		return nil, usage("--ctx: a program of type %s has no context but its memory, --mem", t.Name)
	case t.Context.Kind != abi.CtxStruct:
		return nil, usage("--ctx: a program of type %s has no described context", t.Name)
	}
	c, err := parseContext(&t.Context, args.ctx)
	if err != nil {
		return nil, usage("--ctx: %v", err)
	}
	return c, nil
}

func (args *arguments) capture(name string, t *abi.ProgType, c []byte) (inputSource, error) {
	if err := checkCapture(t); err != nil {
		return nil, err
	}
	p, err := openCapture(title(name), args.file)
	if err != nil {
		return nil, err
	}
	p.ctx, p.frames, p.wire = c, frameTypes[t.Kernel], t.Name == cbpf.TypeContext
	if p.frames && p.link > 1 {
		return nil, &codegen.UnsupportedError{What: title(name) + ": a capture of link type " + p.link.String(), Msg: "programs of type " + t.Name + " run on Ethernet frames"}
	}
	return p, nil
}

// A batch of inputs is one call of the session: so many of them, and of so many bytes.
const (
	maxBatch      = 4096
	maxBatchBytes = 8 << 20
)

// take reads the inputs of a batch. What was read before an error is returned with it.
func take(s inputSource, most int) (batch []input, err error) {
	for size := 0; len(batch) < most && size < maxBatchBytes; {
		in, err := s.next()
		if err != nil {
			return batch, err
		}
		size += len(in.Mem) + len(in.Ctx)
		batch = append(batch, in)
	}
	return batch, nil
}

// runAll runs all inputs and hands their results to p.
func (r *running) runAll(ctx context.Context, s inputSource, f *runFlags, p *printer) error {
	most := maxBatch
	if f.trace || f.cover != "" {
		most = 1 // a trace is long
	}
	for {
		batch, end := take(s, most)
		if err := r.runBatch(ctx, batch, f, p); err != nil {
			return err
		}
		switch {
		case errors.Is(end, io.EOF):
			return nil
		case end != nil:
			return r.ended(orCause(ctx, end))
		}
	}
}

// orCause is the end of the command if it has been ended: a file was closed then.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// runBatch runs inputs. One of many that the program's type refuses is a result too; the next one follows.
func (r *running) runBatch(ctx context.Context, batch []input, f *runFlags, p *printer) error {
	for len(batch) > 0 {
		if batch[0].refused != nil {
			p.refuse(&batch[0])
			batch = batch[1:]
			continue
		}
		out, err := r.runOnce(ctx, codegen.Batch{Inputs: r.inputs(batch), Repeat: f.repeat, Fuel: f.fuel, Trace: f.trace})
		p.add(&out)
		for i := range out.Results {
			if err := p.result(&batch[i], &out.Results[i]); err != nil {
				return err
			}
		}
		batch = batch[len(out.Results):]
		if err = r.ended(err); err != nil && (!p.many || len(batch) == 0 || codeOf(err) != exitUsage) {
			return err
		}
		if err != nil {
			batch[0].refused = err
		}
	}
	return nil
}

// runOnce runs a batch. For coverage it does so once for each repetition: a trace is that of one run.
func (r *running) runOnce(ctx context.Context, b codegen.Batch) (out codegen.Results, err error) {
	if r.coverage == nil {
		return r.session.Run(ctx, r.id, b)
	}
	times := b.Repeat
	b.Repeat, b.Trace = 1, true
	for range times {
		one, err := r.session.Run(ctx, r.id, b)
		for i := range one.Results {
			r.coverage.Add(r.infos, r.entry.Name, one.Results[i].Trace)
			one.Results[i].Trace = nil
		}
		one.Elapsed, one.Runs, one.Lost = one.Elapsed+out.Elapsed, one.Runs+out.Runs, one.Lost+out.Lost
		if out = one; err != nil {
			return out, err
		}
	}
	return out, nil
}

// inputs are those of a batch up to the first that is refused.
func (r *running) inputs(batch []input) (list []codegen.Input) {
	for i := range batch {
		if batch[i].refused != nil {
			break
		}
		in := batch[i].Input
		in.Ctx = r.measured(in.Ctx, len(in.Mem))
		list = append(list, in)
	}
	return list
}

// struct xdp_md: an input that says how long it is gets the length of its metadata back (BPF_PROG_TEST_RUN, Linux 6.18).
const (
	xdpData    = 0
	xdpDataEnd = 4
	xdpMeta    = 8
)

// measured is the context of an xdp program with the length of its packet.
func (r *running) measured(ctx []byte, n int) []byte {
	if r.typ.Kernel != xdpType || n == 0 || len(ctx) >= xdpMeta && binary.LittleEndian.Uint64(ctx) != 0 {
		return ctx
	}
	out := make([]byte, max(len(ctx), xdpMeta))
	copy(out, ctx)
	binary.LittleEndian.PutUint32(out[xdpDataEnd:], uint32(n))
	return out
}

// parts are the metadata and the packet that a run has left.
func (r *running) parts(res *codegen.Result) (meta, packet []byte) {
	if r.typ.Kernel == xdpType && len(res.Ctx) >= xdpMeta && res.Fault == nil {
		n := min(int(binary.LittleEndian.Uint32(res.Ctx[xdpData:])), len(res.Mem))
		return res.Mem[:n], res.Mem[n:]
	}
	return nil, res.Mem
}
