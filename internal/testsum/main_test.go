package main

import (
	"strings"
	"testing"
)

const (
	passes      = `{"Action":"pass","Package":"github.com/pawlauth/pawl/a","Test":"TestA"}` + "\n"
	skips       = `{"Action":"output","Package":"github.com/pawlauth/pawl/a","Test":"TestS","Output":"    a_test.go:7: no such disk\n"}` + "\n" + `{"Action":"output","Package":"github.com/pawlauth/pawl/a","Test":"TestS","Output":"--- SKIP: TestS (0.00s)\n"}` + "\n" + `{"Action":"skip","Package":"github.com/pawlauth/pawl/a","Test":"TestS"}` + "\n"
	fails       = `{"Action":"output","Package":"github.com/pawlauth/pawl/a","Test":"TestF/x","Output":"got 1, want 2\n"}` + "\n" + `{"Action":"fail","Package":"github.com/pawlauth/pawl/a","Test":"TestF/x"}` + "\n"
	parentFails = `{"Action":"fail","Package":"github.com/pawlauth/pawl/a","Test":"TestF"}` + "\n"
	pkgFail     = `{"Action":"output","Package":"github.com/pawlauth/pawl/a","Output":"panic: oops\n"}` + "\n" + `{"Action":"fail","Package":"github.com/pawlauth/pawl/a"}` + "\n"
	noBuild     = `{"ImportPath":"github.com/pawlauth/pawl/a","Action":"build-output","Output":"a.go:1: syntax error\n"}` + "\n" + `{"Action":"fail","Package":"github.com/pawlauth/pawl/a","FailedBuild":"github.com/pawlauth/pawl/a"}` + "\n"
	empty       = `{"Action":"skip","Package":"github.com/pawlauth/pawl/b"}` + "\n"
	figure      = `{"Action":"attr","Package":"github.com/pawlauth/pawl/a","Test":"TestA","Key":"advances","Value":"120 of 130"}` + "\n"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		what, in  string
		quick, ci bool
		well      bool
		says      []string
	}{
		{"all pass", passes, false, true, true, []string{"1 passed, 0 failed, 0 skipped"}},
		{"a skip is named with its reason", passes + skips, false, false, true, []string{"SKIP  pawl/a TestS: a_test.go:7: no such disk", "1 passed, 0 failed, 1 skipped"}},
		{"a skip fails with CI=true", passes + skips, false, true, false, []string{"a skipped test is a failure"}},
		{"a skip in the quick run is nothing", passes + skips, true, true, true, []string{"1 left to the full run"}},
		{"a failure is printed in full", passes + fails, false, false, false, []string{"FAIL  pawl/a TestF/x", "got 1, want 2", "1 passed, 1 failed"}},
		{"a package can fail by itself", passes + pkgFail, false, false, false, []string{"panic: oops", "1 failed"}},
		{"a package failing by its test counts once", fails + pkgFail, false, false, false, []string{"0 passed, 1 failed"}},
		{"a test failing by its subtest counts once", fails + parentFails, false, false, false, []string{"FAIL  pawl/a TestF\n", "0 passed, 1 failed"}},
		{"what does not build fails", passes + noBuild, true, false, false, []string{"syntax error", "1 failed"}},
		{"nothing run is a failure", empty, false, false, false, []string{"No test ran"}},
		{"packages without tests are no skips", passes + empty, false, true, true, []string{"0 skipped"}},
		{"figures are shown", figure + passes, false, false, true, []string{"pawl/a TestA: advances = 120 of 130"}},
		{"other lines are passed on", "go: module not found\n" + passes, false, false, true, []string{"go: module not found"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out, c.quick)
			if err := s.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if well := s.close(c.ci); well != c.well {
				t.Errorf("all is well: %v, want %v", well, c.well)
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}
