package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/gopacket/gopacket/layers"
)

// printer prints the results of a run as they come.
type printer struct {
	app    *app
	run    *running
	out    *bufio.Writer
	left   *captureWriter // --pcap-out
	format string
	expect *uint64
	many   bool // the results are of a file of inputs
	counts bool // they are counted, not printed
	filter bool // the program is a filter, and of its packets those that it accepts are printed and written

	begun   bool
	number  int // of results
	elapsed time.Duration
	runs    int
	lost    int
	values  map[int64]int // how often each was returned
	records map[string]int

	faults, refused, others problem
}

// problem is what went wrong with some of the inputs: how often, and the first.
type problem struct {
	n     int
	first error
}

func (p *problem) add(err error) {
	if p.n++; p.n == 1 {
		p.first = err
	}
}

// err is the first error, and how many there are.
func (p *problem) err(of int, what string) error {
	if p.n < 2 {
		return p.first
	}
	return fmt.Errorf("%w (%s: %d of %d inputs)", p.first, what, p.n, of)
}

// newPrinter makes the printer of a run on inputs.
func (a *app) newPrinter(r *running, inputs inputSource, f *runFlags, expect *uint64) (*printer, error) {
	p := &printer{
		app: a, run: r, out: bufio.NewWriter(a.out), format: f.format, expect: expect,
		many: f.many(), counts: f.pcap != "", values: map[int64]int{}, records: map[string]int{},
	}
	p.filter = f.pcap != "" && (r.typ.Name == cbpf.TypePacket || r.typ.Name == cbpf.TypeContext)
	if f.pcapOut == "" {
		return p, nil
	}
	link := layers.LinkTypeEthernet
	if c := inputs.(*capture); !c.frames { // checkInputs: --pcap-out comes with --pcap
		link = c.link
	}
	var err error
	p.left, err = createCapture(f.pcapOut, link)
	return p, err
}

// add counts the runs of a batch.
func (p *printer) add(out *codegen.Results) {
	p.elapsed += out.Elapsed
	p.runs += out.Runs
	p.lost += out.Lost
}

// result takes one result.
func (p *printer) result(in *input, res *codegen.Result) error {
	p.run.printTrace(p.app.messages, res)
	p.count(in, res)
	if p.left != nil && (!p.filter || accepts(res)) {
		_, packet := p.run.parts(res)
		if err := p.left.write(in.info, packet, p.comment(res)); err != nil {
			return usage("--pcap-out: %v", err)
		}
	}
	switch {
	case p.format == "json":
		return p.element(p.run.resultJSON(res))
	case p.filter && accepts(res):
		fmt.Fprintln(p.out, p.number)
	case !p.counts:
		p.text(in, res)
	}
	return nil
}

// accepts reports whether a filter has accepted its packet.
func accepts(res *codegen.Result) bool { return res.Fault == nil && uint32(res.Ret) != 0 }

// refuse takes an input that was not run.
func (p *printer) refuse(in *input) {
	p.number++
	p.refused.add(fmt.Errorf("%s: %w", in.place, in.refused))
	switch {
	case p.format == "json":
		_ = p.element(resultJSON{Error: in.refused.Error()})
	case !p.counts:
		fmt.Fprintf(p.out, "error: %v\n", in.refused)
	}
}

// count notes what a result says of the whole.
func (p *printer) count(in *input, res *codegen.Result) {
	p.number++
	for i := range res.Records {
		p.records[res.Records[i].Helper]++
	}
	if res.Fault != nil {
		p.faults.add(fmt.Errorf("%s: %w", p.run.object.Name+where(in), res.Fault))
		return
	}
	got := p.run.value(res.Ret)
	p.values[p.run.signed(res.Ret)]++
	if p.expect != nil && got != p.run.value(*p.expect) {
		p.others.add(fail(exitRejected, "%s returned %#x%s, expected %#x", p.run.entry.Name, got, where(in), p.run.value(*p.expect)))
	}
}

// where is the place of an input in words.
func where(in *input) string {
	if in.place == "" {
		return ""
	}
	return " (" + in.place + ")"
}

// comment is what --pcap-out says of a packet.
func (p *printer) comment(res *codegen.Result) string {
	if res.Fault != nil {
		return "fault: " + res.Fault.Error()
	}
	return p.run.verdict(res.Ret)
}

// text prints a result: what the program returned, and what it left behind.
func (p *printer) text(in *input, res *codegen.Result) {
	if res.Fault == nil {
		text := hexNumber(p.run.value(res.Ret))
		if p.run.typ.Name == seccompType {
			text += " " + p.run.named(res.Ret)
		}
		fmt.Fprintln(p.out, text)
	} else if p.many {
		fmt.Fprintln(p.out, "fault:", res.Fault.Rule)
	}
	if p.run.typ.Context.Kind == 0 || len(res.Ctx) == 0 {
		return
	}
	meta, packet := p.run.parts(res)
	if len(meta) > 0 {
		fmt.Fprintf(p.out, "metadata %x\n", meta)
	}
	if !bytes.Equal(packet, in.sent) {
		fmt.Fprintf(p.out, "packet %x\n", packet)
	}
	for i := range res.Records {
		fmt.Fprintln(p.out, p.run.record(&res.Records[i]))
	}
}

// element prints a result in JSON: the document is written as results come.
func (p *printer) element(r resultJSON) error {
	text, err := indented(r, "    ")
	if err != nil {
		return err
	}
	if !p.begun {
		p.head()
		p.out.WriteString("[\n    ")
	} else {
		p.out.WriteString(",\n    ")
	}
	p.begun = true
	_, err = p.out.Write(text)
	return err
}

func (p *printer) head() {
	fmt.Fprintf(p.out, "{\n  \"schema\": \""+runSchema+"\",\n  \"program\": %s,\n  \"backend\": %s,\n  \"results\": ", textJSON(p.run.entry.Name), textJSON(p.run.backend))
}

// indented is a value as writeJSON writes it, inside a document.
func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// complete reports whether results are worth a summary: not if a single run failed, or what runs it.
func (p *printer) complete(ended error) bool {
	return ended == nil || p.many && codeOf(ended) != exitPlugin
}

// finish prints what comes behind the results. The error is what was wrong with them.
func (p *printer) finish(ended error) error {
	switch {
	case p.format == "json" && (p.begun || p.complete(ended)):
		p.tail()
	case p.complete(ended):
		p.summary()
		p.run.printMaps(p.out)
	}
	return errors.Join(p.out.Flush(), p.finishCapture(ended), p.outcome())
}

func (p *printer) finishCapture(ended error) error {
	switch {
	case p.left == nil:
		return nil
	case !p.complete(ended):
		p.left.drop()
		return nil
	}
	return p.left.close()
}

// tail prints the end of the document.
func (p *printer) tail() {
	if !p.begun {
		p.head()
		p.out.WriteString("[]")
	} else {
		p.out.WriteString("\n  ]")
	}
	maps := p.run.maps
	if maps == nil {
		maps = map[string]mapJSON{}
	}
	text, err := indented(maps, "  ")
	if err != nil {
		text = textJSON(err.Error())
	}
	perRun := 0.0
	if p.runs > 0 {
		perRun = float64(p.elapsed.Nanoseconds()) / float64(p.runs)
	}
	number, _ := json.Marshal(perRun) // a finite number
	fmt.Fprintf(p.out, ",\n  \"maps\": %s,\n  \"ns_per_run\": %s", text, number)
	if p.lost > 0 {
		fmt.Fprintf(p.out, ",\n  \"lost\": %d", p.lost)
	}
	p.out.WriteString("\n}\n")
}

// summary prints the counts of a capture, and what was lost.
func (p *printer) summary() {
	if p.lost > 0 {
		p.app.note("warning: %d records were lost: there was no room for them", p.lost)
	}
	if !p.counts || p.filter {
		return
	}
	var values []int64
	for v := range p.values {
		values = append(values, v)
	}
	slices.Sort(values)
	for _, v := range values {
		fmt.Fprintf(p.out, "%s: %d\n", p.run.verdict(uint64(v)), p.values[v])
	}
	for _, rest := range []struct {
		what string
		n    int
	}{{"fault", p.faults.n}, {"not run", p.refused.n}} {
		if rest.n > 0 {
			fmt.Fprintf(p.out, "%s: %d\n", rest.what, rest.n)
		}
	}
	for _, name := range sortedKeys(p.records) {
		fmt.Fprintf(p.out, "records of %s: %d\n", name, p.records[name])
	}
}

// outcome is what was wrong with the results, one error for each kind.
func (p *printer) outcome() error {
	var refused error
	if p.refused.n > 0 {
		refused = usage("%v", p.refused.err(p.number, "not run"))
	}
	return errors.Join(refused, p.others.err(p.number, "not as expected"), p.faults.err(p.number, "faults"))
}

// signed is a return value as a number with a sign.
func (r *running) signed(ret uint64) int64 {
	if r.entry.Return32 {
		return int64(int32(ret))
	}
	return int64(ret)
}

// verdict is the name of a return value for the program's type, or its number.
func (r *running) verdict(ret uint64) string {
	if name := r.named(ret); name != "" {
		return name
	}
	return hexNumber(r.value(ret))
}

// named is the name of a return value for the program's type, "" if it has none; of a filter of system calls, the action and its data.
func (r *running) named(ret uint64) string {
	if r.typ.Name == seccompType {
		return cbpf.Action(uint32(ret))
	}
	return r.typ.Returns.Names[r.signed(ret)]
}

func (r *running) resultJSON(res *codegen.Result) resultJSON {
	meta, packet := r.parts(res)
	j := resultJSON{Memory: fmt.Sprintf("%x", packet), Meta: fmt.Sprintf("%x", meta)}
	if res.Fault == nil {
		j.Retval, j.Verdict = hexNumber(r.value(res.Ret)), r.named(res.Ret)
	} else {
		j.Fault = faultOf(res.Fault)
	}
	if len(res.Ctx) > 0 {
		j.Ctx = contextJSON(&r.typ.Context, res.Ctx)
	}
	for i := range res.Records {
		j.Records = append(j.Records, r.record(&res.Records[i]))
	}
	return j
}

// record is a record as it is printed; lines of the trace are text, a structure of the context has its fields.
func (r *running) record(c *codegen.Record) recordJSON {
	j := recordJSON{Helper: c.Helper, Map: c.Map, Key: fmt.Sprintf("%x", c.Key), Args: c.Args, Data: fmt.Sprintf("%x", c.Data), CPU: c.CPU}
	if c.Helper == "bpf_trace_printk" || c.Helper == "bpf_trace_vprintk" {
		j.Text = string(c.Data)
	}
	if s := r.set.Behind(&r.typ, c.Helper); s != nil {
		j.Fields = contextJSON(s, c.Data)
	}
	return j
}

// String is the record on a line of text.
func (r recordJSON) String() string {
	parts := []string{r.Helper}
	if r.Map != "" {
		parts = append(parts, fmt.Sprintf("%s[%s]", r.Map, r.Key))
	}
	for _, v := range r.Args {
		parts = append(parts, hexNumber(v))
	}
	switch {
	case r.Text != "":
		parts = append(parts, strings.TrimSuffix(r.Text, "\n"))
	case r.Fields != nil:
		parts = append(parts, string(r.Fields))
	case r.Data != "":
		parts = append(parts, r.Data)
	}
	return strings.Join(parts, " ")
}
