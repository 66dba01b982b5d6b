// Twice as many rules as in long_policy.c, and Linux gives up: every compare
// leaves another range of the port behind, and no two paths look alike.
#define RULES SIXTYFOUR(1)
#include "../long_policy.c"
