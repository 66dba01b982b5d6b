// A congestion control: functions that a structure of the kernel points to.
#include "bpf.h"
struct tcp_congestion_ops { __u32 (*ssthresh)(void *sk); char name[16]; };

SEC("struct_ops/ssthresh") __u32 ssthresh(unsigned long long *ctx)
{
	return 2;
}

SEC(".struct_ops") struct tcp_congestion_ops ops = {.ssthresh = (void *)ssthresh, .name = "example"};
