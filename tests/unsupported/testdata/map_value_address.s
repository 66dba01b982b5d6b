.license "GPL"
.map m, type=hash, key=4, value=8, entries=1
.program f, section="kprobe"
r1 = map[m][0] ll
r0 = 0
exit
