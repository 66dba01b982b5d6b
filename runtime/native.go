package runtime

// Native is the Loader of machine code. It runs on linux/amd64; elsewhere Load
// refuses every artifact with a *codegen.UnsupportedError.
type Native struct{}
