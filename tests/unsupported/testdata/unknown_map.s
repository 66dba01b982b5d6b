.license "GPL"
.map m, type=34, key=4, value=8, entries=1
.program f, section="kprobe"
r1 = map[m] ll
r2 = r10
r2 += -4
*(u32 *)(r2 + 0) = 0
call 1
r0 = 0
exit
