.license "GPL"
.program f, section="kprobe"
r1 = 1
call kfunc#12345
r0 = 0
exit
