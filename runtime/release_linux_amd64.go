//go:build linux && amd64 && !race

package runtime

import "sync/atomic"

// storeRelease stores v behind all loads and stores before it, as every store of amd64 does. Loads behind it may come
// first, unlike with an atomic store.
func storeRelease(p *atomic.Uint64, v uint64) { storeReleaseNow(p, v) }

//go:noescape
func storeReleaseNow(p *atomic.Uint64, v uint64)
