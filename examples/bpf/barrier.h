/* For loops over memory of any length: a verifier wants each access compared
 * with the end, and compilers like to compare something else instead. */
#ifndef BPFC_BARRIER_H
#define BPFC_BARRIER_H

/* Makes the compiler forget what it knows of a variable. A comparison behind it
 * stays where it is written, and compares the number that the access then uses. */
#define barrier_var(x) __asm__ volatile("" : "+r"(x))

#endif
