.license "GPL"
.map m, type=array, key=4, value=8, entries=1
.program f, section="kprobe"
r1 = map[m][0] ll
r2 = 0
call 194
r0 = 0
exit
