// Command pawl signs people in and issues their session tokens. Run
// "pawl --help" for what it can do.
package main

import (
	"os"

	"github.com/pawlauth/pawl/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
