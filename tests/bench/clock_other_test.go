//go:build !linux

package bench

import "time"

var start = time.Now()

// cpuTime is the time that has passed: the processor time of a thread is not told here.
func cpuTime() time.Duration { return time.Since(start) }

func processTime() time.Duration { return time.Since(start) }
