// Package runtime is what a compiled program runs on: executable memory, entry
// and exit, stacks, memory regions, workers, maps, polls and fuel. It is the
// only place with unsafe, assembly and executable pages.
//
// A Runtime reserves one address range, from which everything that machine code
// reaches comes, so that calls and addresses are 32 bits relative:
//
//	│ worker 0 │ worker 1 │ … │ image │ image │ free (PROT_NONE) …                    │
//
//	worker: │ guard │ control stack, 64 KiB │ guard │ run context │ BPF stack, 12 KiB │ guard │
//	image:  │ constants R │ code RX │ read-only data R │ writable data RW │ map values RW │
//
// Parts of an image begin at pages. Code is written, relocated, made executable
// and never changed afterwards.
//
// A run leases a worker exclusively: its run context, its two stacks and its CPU
// number. While it is leased, a worker publishes the epoch that it entered in;
// memory retired in epoch e is freed when no worker is in an epoch ≤ e.
//
// Machine code runs on linux/amd64. Elsewhere the memory, the workers and the
// sessions work, for Loaders that need no executable memory (the interpreter).
package runtime
