package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Captures: files of packets, in the format of tcpdump or in pcapng. They are read and written a packet at a time.

// frameTypes are the kernel's numbers of the program types whose runs begin with an Ethernet frame: socket_filter,
// sched_cls, sched_act, xdp, cgroup_skb, lwt_in, lwt_out, lwt_xmit, lwt_seg6local and flow_dissector (enum
// bpf_prog_type, include/uapi/linux/bpf.h, Linux 6.18).
var frameTypes = map[uint32]bool{1: true, 3: true, 4: true, xdpType: true, 8: true, 10: true, 11: true, 12: true, 19: true, 22: true}

const xdpType = 6

// checkCapture refuses --pcap for a type that does not run on packets.
func checkCapture(t *abi.ProgType) error {
	if frameTypes[t.Kernel] || t.Kernel == 0 && (hasPacket(t) || t.Context.Kind == abi.CtxMemory) {
		return nil
	}
	return usage("--pcap is for programs that run on packets: a program of type %s does not; give its context with --ctx or --events", t.Name)
}

// hasPacket reports whether a run of a program of the type has a packet beside its context.
func hasPacket(t *abi.ProgType) bool {
	for i := range t.Context.Fields {
		if t.Context.Fields[i].Kind == abi.FieldPacketStart {
			return true
		}
	}
	return t.Context.Kind == abi.CtxStruct && (t.LoadAbs || t.Packet != abi.PacketNone)
}

// capture is a file of packets that is being read.
type capture struct {
	name   string
	ctx    []byte // of every run
	frames bool   // packets must be Ethernet frames
	wire   bool   // the context is a struct cbpf_md, which has the length that a packet had on the wire
	read   func() ([]byte, gopacket.CaptureInfo, error)
	link   layers.LinkType // of packets that do not say it themselves
	n      int             // packets read
}

// magicNG begins a file in pcapng, in either byte order (draft-ietf-opsawg-pcapng, section header block).
const magicNG = 0x0a0d0d0a

// openCapture reads the head of a capture.
func openCapture(name string, in io.Reader) (c *capture, err error) {
	defer damaged(name, &err)
	c = &capture{name: name}
	r := bufio.NewReaderSize(in, 1<<16)
	head, err := r.Peek(4)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, usage("%s is empty: it is no capture", name)
	case len(head) < 4:
		return nil, usage("%s is no capture: it ends within the head of the file", name)
	case binary.LittleEndian.Uint32(head) == magicNG:
		ng, err := pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, usage("%s is no capture that can be read: %v", name, err)
		}
		c.read = ng.ReadPacketData
	default:
		old, err := pcapgo.NewReader(r)
		if err != nil {
			return nil, usage("%s is no capture that can be read: %v", name, err)
		}
		c.read, c.link = old.ReadPacketData, old.LinkType()
	}
	return c, nil
}

// next reads a packet.
func (c *capture) next() (in input, err error) {
	defer damaged(c.name, &err)
	data, info, err := c.read()
	switch {
	case errors.Is(err, io.EOF) && info.CaptureLength == 0:
		return in, io.EOF
	case err != nil:
		return in, usage("%s: the capture is damaged behind packet %d: %v", c.name, c.n, plainEOF(err))
	}
	c.n++
	in = input{Input: codegen.Input{Mem: data, Ctx: c.ctx}, info: info, place: fmt.Sprintf("packet %d", c.n)}
	if c.wire {
		in.Ctx = cbpf.WithLength(c.ctx, uint32(info.Length))
	}
	link := c.link
	if len(info.AncillaryData) > 0 {
		link, _ = info.AncillaryData[0].(layers.LinkType)
	}
	if c.frames && link != layers.LinkTypeEthernet {
		in.refused = fmt.Errorf("it has link type %v (%d): programs of this type run on Ethernet frames", link, int(link))
	}
	return in, nil
}

func plainEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends within a packet")
	}
	return err
}

// damaged turns a panic of the library into an error.
func damaged(name string, err *error) {
	if p := recover(); p != nil {
		*err = usage("%s: the capture is damaged: its reader says %v", name, p)
	}
}

// captureWriter writes packets in pcapng, to a file that appears when it is complete.
type captureWriter struct {
	path string
	file *os.File
	out  *pcapgo.NgWriter
}

// createCapture begins a capture of packets of a link type.
func createCapture(path string, link layers.LinkType) (*captureWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".bpfc-*")
	if err != nil {
		return nil, usage("--pcap-out %s: its directory cannot be written: %v", path, errors.Unwrap(err))
	}
	intf := pcapgo.DefaultNgInterface
	intf.LinkType = link
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo.Application, options.SectionInfo.Hardware, options.SectionInfo.OS = "bpfc", "", ""
	w := &captureWriter{path: path, file: f}
	if w.out, err = pcapgo.NewNgWriterInterface(f, intf, options); err != nil {
		w.drop()
		return nil, err
	}
	return w, nil
}

// write adds a packet with a comment.
func (w *captureWriter) write(info gopacket.CaptureInfo, packet []byte, comment string) error {
	whole := info.Length - info.CaptureLength // what the capture had not kept
	info.CaptureLength, info.Length, info.InterfaceIndex, info.AncillaryData = len(packet), len(packet)+max(whole, 0), 0, nil
	if info.Timestamp.IsZero() { // simple packet blocks have none
		info.Timestamp = time.Unix(0, 0)
	}
	return w.out.WritePacketWithOptions(info, packet, pcapgo.NgPacketOptions{Comments: []string{comment}})
}

// close completes the file.
func (w *captureWriter) close() error {
	err := errors.Join(w.out.Flush(), w.file.Chmod(0o644), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.file.Name())
		return usage("--pcap-out %s: %v", w.path, err)
	}
	return nil
}

// drop removes what has been written.
func (w *captureWriter) drop() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// events are contexts as lines of JSON that are being read.
type events struct {
	name string
	in   *bufio.Reader
	typ  *abi.ProgType
	mem  []byte // of every run
	line int
}

// maxLine bounds a line of --events in bytes: four times the longest context in hex.
const maxLine = 1 << 20

// next reads a line; blank ones are left out.
func (e *events) next() (input, error) {
	for {
		text, err := readLine(e.in)
		if err != nil && len(text) == 0 {
			return input{}, err
		}
		e.line++
		if err != nil && !errors.Is(err, io.EOF) {
			return input{}, usage("%s:%d: %v", e.name, e.line, err)
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		c, err := parseContext(&e.typ.Context, text)
		if err != nil {
			return input{}, usage("%s:%d: %v", e.name, e.line, err)
		}
		if e.typ.Context.Kind == abi.CtxMemory { // its fields name the bytes of memory
			c = append(c, make([]byte, max(0, int(e.typ.Context.Size)-len(c)))...)
			return input{Input: codegen.Input{Mem: c}, sent: c, place: fmt.Sprintf("line %d", e.line)}, nil
		}
		return input{Input: codegen.Input{Mem: bytes.Clone(e.mem), Ctx: c}, sent: e.mem, place: fmt.Sprintf("line %d", e.line)}, nil
	}
}

// records are the memories of runs, as bytes, that are being read.
type records struct {
	name string
	in   *bufio.Reader
	size int
	n    int // records read
}

// next reads a record.
func (r *records) next() (input, error) {
	b := make([]byte, r.size)
	switch n, err := io.ReadFull(r.in, b); {
	case errors.Is(err, io.EOF):
		return input{}, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return input{}, usage("%s ends within record %d: %d of its %d bytes are there", r.name, r.n+1, n, r.size)
	case err != nil:
		return input{}, err
	}
	r.n++
	return input{Input: codegen.Input{Mem: b}, sent: b, place: fmt.Sprintf("record %d", r.n)}, nil
}

// openEvents tells records of bytes from lines of JSON: by the name, or because text has no zero bytes.
func openEvents(name string, in *bufio.Reader, t *abi.ProgType, mem []byte) inputSource {
	size := int(t.Context.Size)
	if t.Context.Kind == abi.CtxMemory && size > 0 {
		head, _ := in.Peek(size)
		if filepath.Ext(name) == ".bin" || bytes.IndexByte(head, 0) >= 0 {
			return &records{name: name, in: in, size: size}
		}
	}
	return &events{name: name, in: in, typ: t, mem: mem}
}

// readLine reads a line with its end. An error may come with the last one.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return line, fmt.Errorf("a line is longer than %d bytes", maxLine)
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}
