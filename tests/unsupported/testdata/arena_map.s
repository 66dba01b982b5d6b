.license "GPL"
.map m, type=arena, entries=1
.program f, section="kprobe"
r1 = map[m] ll
r0 = 0
exit
