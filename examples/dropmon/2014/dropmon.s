# dropmon as it was written in 2014: the first ten lines are those of the message
# in which BPF as we know it was first shown; the counting behind them is ours.
.map drops, type=hash, key=8, value=8, entries=256
.program dropmon, section="events/skb/kfree_skb"
	mov	r6, r1
	ldd	r1, 8(r6)
	std	-8(r10), r1
	mov	r7, 0
	mov	r3, r10
	addi	r3, -8
	mov	r1, r6
	mov	r2, r7
	call	bpf_table_lookup
	jeqi	r0, 0 goto .LBB0_2
	mov	r1, 1
	xaddd	0(r0), r1
	jmp	.LBB0_3
.LBB0_2:
	mov	r1, 1
	std	-16(r10), r1
	mov	r4, r10
	addi	r4, -16
	mov	r3, r10
	addi	r3, -8
	mov	r1, r6
	mov	r2, r7
	call	bpf_table_update
.LBB0_3:
	mov	r0, 0
	ret
