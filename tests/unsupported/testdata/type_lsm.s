.license "GPL"
.program lsm, section="lsm/file_open"
r0 = 0
exit
