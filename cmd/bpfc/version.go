package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/bpfc/bpfc/sdk"
	"github.com/spf13/cobra"
)

// version is bpfc's version, with the commit that it was built from if that is known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return sdk.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return sdk.Version + "+" + s.Value[:12]
		}
	}
	return sdk.Version
}

// versionLine is what `bpfc version` and `bpfc --version` print.
func versionLine() string {
	return fmt.Sprintf("bpfc %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

type versionJSON struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			if err := checkFormat(format, "text", "json"); err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.out, versionJSON{"bpfc/version/v1", version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := io.WriteString(a.out, versionLine())
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json`")
	return c
}
