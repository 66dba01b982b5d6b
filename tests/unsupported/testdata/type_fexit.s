.license "GPL"
.program fexit, section="fexit/do_unlinkat"
r0 = 0
exit
