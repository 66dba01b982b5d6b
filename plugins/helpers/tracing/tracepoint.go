package tracing

import "github.com/bpfc/bpfc/core/abi"

// Tracepoint is a set with the type of the programs of one tracepoint, whose record Format or Record
// describe. It is merged with the set tracing: sections that name the tracepoint give this type then.
// Linux compares what a program reads with the record's size when the program is attached
// (perf_event_set_bpf_prog, kernel/events/core.c, Linux 6.18).
func Tracepoint(event string, record abi.Context) *abi.Set {
	for _, t := range decided() {
		if t.Name == "tracepoint" {
			t.Name, t.Context = "tracepoint/"+event, record
			t.Sections = []string{"tracepoint/" + event, "tracepoint/*/" + event, "tp/" + event, "tp/*/" + event}
			return &abi.Set{Name: t.Name, Types: []abi.ProgType{t}}
		}
	}
	panic("there is no type tracepoint")
}
