package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the release build:
// -ldflags "-X github.com/pawlauth/pawl/internal/cli.version=v1.2.3".
var version string

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	_, err := fmt.Fprintf(a.stdout, "pawl %s%s (%s %s/%s)\n", Version(), revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// Version is the version of this build, "devel" where none was given.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// revision names the commit of a build from a checkout.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var commit, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = ", modified"
			}
		}
	}
	if commit == "" {
		return ""
	}
	return " commit " + commit + modified
}
