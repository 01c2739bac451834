package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/api"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section is a page's text from a heading to the next one.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n"+heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// firstCells gives what stands in backticks in the first column of a table.
func firstCells(text string) []string {
	var cells []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1) {
		cells = append(cells, m[1])
	}
	slices.Sort(cells)
	return cells
}

// SECURITY 63: the documented codes and reasons are those of the one table.
func TestCodesAndReasonsAreDocumented(t *testing.T) {
	page := read(t, "http-api.md")
	for _, c := range []struct {
		heading string
		want    []string
	}{
		{"### Codes", api.Codes()},
		{"### Reasons", api.Reasons()},
	} {
		slices.Sort(c.want)
		if got := firstCells(section(t, page, c.heading)); !slices.Equal(got, c.want) {
			t.Errorf("%s lists\n%v, package api has\n%v", c.heading, got, c.want)
		}
	}
}

// Every path of the OpenAPI document is on the page, and the other way round.
func TestEndpointsAreDocumented(t *testing.T) {
	spec := read(t, "../httpapi/openapi.yaml")
	inSpec := map[string]bool{"/openapi.yaml": true}
	for _, m := range regexp.MustCompile(`(?m)^  (/[^:\s]*):`).FindAllStringSubmatch(spec, -1) {
		inSpec[m[1]] = true
	}
	onPage := map[string]bool{}
	table := section(t, read(t, "http-api.md"), "## The endpoints")
	for _, m := range regexp.MustCompile("[`A-Z] ?`?(/[^`\\s]*)`").FindAllStringSubmatch(table, -1) {
		onPage[m[1]] = true
	}
	if !maps.Equal(inSpec, onPage) {
		t.Errorf("openapi.yaml has\n%v, the page has\n%v", slices.Sorted(maps.Keys(inSpec)), slices.Sorted(maps.Keys(onPage)))
	}
}

// functions finds the tests and fuzz targets of the repository, each as
// package directory and name ("token.TestMalformed", "..TestDecide" for the
// root).
func functions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	define := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		// The conformance suite's tests are called by the stores' tests.
		if !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "storetest") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(filepath.Dir(path), ".."), "/")
		for _, m := range define.FindAllSubmatch(b, -1) {
			found[strings.TrimPrefix(dir+"."+string(m[1]), ".")] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The table has lines 1 to 63, and those of ends under failure, in order; each
// names tests that exist or says that it is open.
func TestSecurityRequirementsNameRealTests(t *testing.T) {
	var lines []string
	for i := range 63 {
		lines = append(lines, strconv.Itoa(i+1))
	}
	lines = append(lines, "85", "86")
	exist := functions(t)
	named := regexp.MustCompile("`([a-z0-9/]+\\.)?((?:Test|Fuzz|Example)\\w*)`")
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|$`).FindAllStringSubmatch(read(t, "security-requirements.md"), -1)
	if len(rows) != len(lines) {
		t.Fatalf("the table has %d lines, want %d", len(rows), len(lines))
	}
	for i, row := range rows {
		if row[1] != lines[i] {
			t.Errorf("line %s has number %s", lines[i], row[1])
		}
		tests := named.FindAllStringSubmatch(row[3], -1)
		if len(tests) == 0 && strings.TrimSpace(row[4]) == "" {
			t.Errorf("line %s names neither a test nor what is open", row[1])
		}
		for _, m := range tests {
			if !exist[m[1]+m[2]] {
				t.Errorf("line %s names %s, which does not exist", row[1], m[1]+m[2])
			}
		}
	}
}

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir // other people's
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			full := filepath.Join(filepath.Dir(path), target)
			if target == "" {
				full = path
			}
			if _, err := os.Stat(full); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, full)), anchor) {
				t.Errorf("%s links to %s, where there is no such heading", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every decision is in the list of decisions.
func TestDecisionsAreListed(t *testing.T) {
	list := read(t, "decisions/README.md")
	records, err := filepath.Glob("decisions/[0-9]*.md")
	if err != nil || len(records) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, path := range records {
		if name := filepath.Base(path); !strings.Contains(list, "("+name+")") {
			t.Errorf("decisions/README.md does not list %s", name)
		}
	}
}

// anchors are the names that headings get on the usual hosts.
func anchors(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}
