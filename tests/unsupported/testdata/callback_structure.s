.license "GPL"
.program f, section="kprobe"
call 158
r1 = r0
r2 = 4096
r3 = found ll
r4 = 0
r5 = 0
call 180
r0 = 0
exit
found:
r1 = *(u64 *)(r2 + 0)
r0 = 0
exit
