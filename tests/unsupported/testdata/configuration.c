// A value of the kernel's configuration that nobody gives.
#include "bpf.h"
extern int CONFIG_HZ __attribute__((section(".kconfig")));

SEC("kprobe/do_exit") int f(void *ctx)
{
	return CONFIG_HZ;
}
