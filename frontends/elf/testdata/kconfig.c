#include "fixture.h"
extern int CONFIG_HZ __attribute__((section(".kconfig")));
SEC("mem") u64 kconfig(u8 *mem, u64 len) { return CONFIG_HZ; }
