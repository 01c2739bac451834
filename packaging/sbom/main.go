// Command sbom writes what a Go binary is made of, from the list of modules that
// the linker put into it: a CycloneDX document, or the licences of all of them.
//
//	sbom -binary pawl -time 1764000000 >pawl.cdx.json
//	sbom -binary pawl -licenses >licenses.txt
package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	path := flags.String("binary", "", "the Go binary to describe")
	version := flags.String("version", "", "its version, where the linker knows none")
	seconds := flags.Int64("time", 0, "when it was made, in seconds since 1970")
	licenses := flags.Bool("licenses", false, "write the licences of its modules, from the module cache")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := os.ReadFile(*path)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%s: %w", *path, err)
	}
	if *licenses {
		return writeLicenses(w, info)
	}
	if *version == "" {
		return errors.New("-version is missing")
	}
	return writeDocument(w, info, b, *version, time.Unix(*seconds, 0).UTC())
}
