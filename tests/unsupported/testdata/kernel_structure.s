.license "GPL"
.program f, section="kprobe"
call 158
r1 = *(u64 *)(r0 + 16)
r0 = 0
exit
