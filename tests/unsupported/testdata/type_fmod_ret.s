.license "GPL"
.program fmod_ret, section="fmod_ret/bpf_modify_return_test"
r0 = 0
exit
