// Command testsum reads what `go test -json` prints, of one run or of several
// one after the other, and prints what a person needs of it: a line per
// package, the whole output of what failed, every skipped test with its reason,
// the figures that tests report with t.Attr, and the sum as the last line.
//
// It exits with 1 if anything failed, if nothing ran, or, with CI=true, if
// anything was skipped. With -quick it is quiet about figures and skips.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	quick := flag.Bool("quick", false, "skipped tests are of no interest: a full run follows")
	flag.Parse()
	s := newSummary(os.Stdout, *quick)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.close(os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output, Key, Value string

	Elapsed float64
}

// name is the test or the package that an event is about.
type name struct{ pkg, test string }

type skip struct {
	name
	reason string
}

// summary keeps the output of what still runs and the results of the rest.
type summary struct {
	w              io.Writer
	quick          bool // a full run follows: no figures, no skips
	output         map[name][]string
	broken         map[name]bool // has a subtest that failed, whose output was printed
	passed, failed int
	skips          []skip
}

func newSummary(w io.Writer, quick bool) *summary {
	return &summary{w: w, quick: quick, output: map[name][]string{}, broken: map[name]bool{}}
}

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line takes one line; what is no event (a crash of go itself) is passed on.
func (s *summary) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(s.w, line)
		return
	}
	n := name{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.w, e.Output)
	case "output":
		s.output[n] = append(s.output[n], e.Output)
	case "attr":
		if s.quick {
			return
		}
		fmt.Fprintf(s.w, "      %s: %s = %s\n", n, e.Key, e.Value)
	case "pass", "fail", "skip":
		s.ended(n, e)
		delete(s.output, n)
	}
}

func (s *summary) ended(n name, e event) {
	switch {
	case e.Action == "fail":
		s.fail(n)
	case n.test == "" && e.Action == "pass":
		fmt.Fprintf(s.w, "ok    %s  %.1fs\n", n, e.Elapsed)
	case n.test == "": // a package without tests
	case e.Action == "pass":
		s.passed++
	default:
		s.skips = append(s.skips, skip{n, reason(s.output[n])})
	}
}

// fail prints what a failed test or package wrote. What fails only because a
// test within it did is not counted again.
func (s *summary) fail(n name) {
	again := s.broken[n]
	for p := n; p.test != ""; {
		p.test = parent(p.test)
		s.broken[p] = true
	}
	fmt.Fprintf(s.w, "FAIL  %s\n", n)
	if again && n.test == "" {
		return
	}
	if !again {
		s.failed++
	}
	for _, line := range s.output[n] {
		fmt.Fprint(s.w, "      ", line)
	}
}

// parent is the test that test is a subtest of; "" stands for the package.
func parent(test string) string {
	i := strings.LastIndexByte(test, '/')
	return test[:max(i, 0)]
}

func (n name) String() string {
	short := strings.TrimPrefix(n.pkg, "github.com/pawlauth/")
	if n.test == "" {
		return short
	}
	return short + " " + n.test
}

// reason is what a skipped test said, without the lines of the framework.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}

// close prints the skips and the sum, and reports whether all is well.
func (s *summary) close(ci bool) bool {
	if s.quick {
		fmt.Fprintf(s.w, "%d passed, %d failed, %d left to the full run\n", s.passed, s.failed, len(s.skips))
		return s.failed == 0 && s.passed > 0
	}
	slices.SortFunc(s.skips, func(a, b skip) int {
		return cmp.Or(strings.Compare(a.pkg, b.pkg), strings.Compare(a.test, b.test))
	})
	for _, k := range s.skips {
		fmt.Fprintf(s.w, "SKIP  %s: %s\n", k.name, k.reason)
	}
	if s.passed+s.failed == 0 {
		fmt.Fprintln(s.w, "No test ran: that is a failure.")
	}
	if ci && len(s.skips) > 0 {
		fmt.Fprintln(s.w, "With CI=true a skipped test is a failure.")
	}
	fmt.Fprintf(s.w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skips))
	return s.failed == 0 && s.passed > 0 && (!ci || len(s.skips) == 0)
}
