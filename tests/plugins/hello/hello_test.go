package hello_test

import (
	"testing"

	"github.com/bpfc/bpfc/sdk/sdktest"

	"example.org/hello"
)

func TestSet(t *testing.T) { sdktest.TestHelpers(t, hello.Set, hello.Implement) }
