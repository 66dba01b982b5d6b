package builtin

import (
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// Tracepoint is a set with the type of the programs of one tracepoint, to be merged with Base and Tracing:
// they may read its record and no more. format is the text of the tracepoint's file events/GROUP/NAME/format
// in tracefs.
func Tracepoint(format string) (*abi.Set, error) {
	record, err := tracing.Format(format)
	if err != nil {
		return nil, err
	}
	return tracing.Tracepoint(strings.TrimPrefix(record.Name, tracing.RecordPrefix), record), nil
}

// TracepointOf is Tracepoint of the types of a kernel, for the tracepoint called event. The types name its
// record after its class, which is the event's own name if it is alone in it.
func TracepointOf(types *elf.Types, event, class string) (*abi.Set, error) {
	record, err := tracing.Record(types.Spec(), class)
	if err != nil {
		return nil, err
	}
	return tracing.Tracepoint(event, record), nil
}
