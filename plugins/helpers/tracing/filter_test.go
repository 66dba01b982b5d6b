package tracing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/plugins/helpers/base"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// dropmon counts, by caller, what is dropped: the first example of a tracing filter, of 2014.
const dropmon = `.map counts, type=hash, key=8, value=8, entries=4096
.program dropmon, section="e skb:kfree_skb"
	mov r6, r1
	ldd r1, 8(r6)
	std -8(r10), r1
	mov r7, 0
	mov r3, r10
	addi r3, -8
	mov r1, r6
	mov r2, r7
	call bpf_table_lookup
	jeqi r0, 0 goto first
	mov r1, 1
	xaddd 0(r0), r1
	ret
first:
	std -16(r10), r7
	mov r3, r10
	addi r3, -8
	mov r4, r10
	addi r4, -16
	mov r1, r6
	mov r2, r7
	call bpf_table_update
	ret
`

func TestFiltersCallTheirTables(t *testing.T) {
	object, err := asm.Parse("dropmon.s", []byte(dropmon), asm.Options{})
	require.NoError(t, err)
	set, err := abi.Merge(base.Set(), tracing.Set())
	require.NoError(t, err)
	typ, ok := set.SectionType(object.Programs[0].Section)
	require.True(t, ok)
	require.Equal(t, "tracefilter", typ.Name)
	l := ir.NewLifter(object, set)
	_, err = l.Lift(&object.Programs[0], typ)
	require.NoError(t, err)
	var called []string
	for _, h := range l.Helpers() {
		called = append(called, h.Name)
	}
	require.Equal(t, []string{"tracing/bpf_table_lookup", "tracing/bpf_table_update"}, called)
}
