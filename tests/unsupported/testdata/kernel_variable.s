.license "GPL"
.program f, section="kprobe"
r1 = var[id:12345]+0 ll
r0 = 0
exit
