package scalar

import "os"

// long reports whether tests should take minutes instead of seconds.
func long() bool { return os.Getenv("BPFC_LONG") != "" }
