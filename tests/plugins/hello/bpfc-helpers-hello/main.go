// Bpfc-helpers-hello serves the set hello as a plugin.
package main

import (
	"github.com/bpfc/bpfc/sdk/plugin"

	"example.org/hello"
)

func main() { plugin.ServeHelpers(hello.Set, hello.Implement) }
