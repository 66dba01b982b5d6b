.license "GPL"
.program netfilter, section="netfilter"
r0 = 0
exit
