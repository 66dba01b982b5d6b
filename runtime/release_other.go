//go:build !linux || !amd64 || race

package runtime

import "sync/atomic"

// storeRelease stores v, so that the race detector sees it as well.
func storeRelease(p *atomic.Uint64, v uint64) { p.Store(v) }
