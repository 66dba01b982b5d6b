.license "GPL"
.program lirc, section="lirc_mode2"
r0 = 0
exit
