package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// writeLicenses writes the licence files of Go and of every module in the
// binary: their texts must go with it. A module without one is an error.
func writeLicenses(w io.Writer, info *debug.BuildInfo) error {
	dirs, err := moduleDirs(info)
	if err != nil {
		return err
	}
	for _, m := range append([]place{{"the Go standard library", goroot()}}, dirs...) {
		if err := writeLicense(w, m); err != nil {
			return err
		}
	}
	return nil
}

// place is where a module's files are.
type place struct{ name, dir string }

func writeLicense(w io.Writer, m place) error {
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	found := false
	for _, f := range files {
		if f.IsDir() || !isLicense(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, f.Name()))
		if err != nil {
			return err
		}
		found = true
		if _, err := fmt.Fprintf(w, "==== %s: %s\n\n%s\n\n", m.name, f.Name(), bytes.TrimSpace(text)); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s has no licence file in %s", m.name, m.dir)
	}
	return nil
}

func isLicense(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(p string) bool {
		return strings.HasPrefix(name, p) && !strings.HasSuffix(name, ".GO")
	})
}

// moduleDirs asks the go command, which must be run within the module.
func moduleDirs(info *debug.BuildInfo) ([]place, error) {
	args := []string{"list", "-m", "-json"}
	for _, m := range info.Deps {
		args = append(args, m.Path)
	}
	out, err := exec.CommandContext(context.Background(), "go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	var places []place
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var m struct{ Path, Version, Dir string }
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
		places = append(places, place{m.Path + " " + m.Version, m.Dir})
	}
	return places, nil
}

// goroot is that of the go command in the path, which has built the binary.
func goroot() string {
	out, err := exec.CommandContext(context.Background(), "go", "env", "GOROOT").Output()
	if err != nil {
		return runtime.GOROOT() //nolint:staticcheck // the next best
	}
	return strings.TrimSpace(string(out))
}
