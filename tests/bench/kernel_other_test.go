//go:build !linux

package bench

import (
	"errors"
	"testing"
)

func kernelLookups(*testing.B, string, []byte) ([]*contestant, error) {
	return nil, errors.New("there is no BPF in this kernel")
}
