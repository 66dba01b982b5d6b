#include "fixture.h"
extern const int init_task __attribute__((section(".ksyms"), weak));
SEC("mem") u64 ksym(u8 *mem, u64 len) { return (u64)&init_task; }
