//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/sqlite"
)

// importHashes are of forms that other systems use; nothing computes them here.
var importHashes = []string{
	"{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
	"pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
	"$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
}

// importFile writes n people as CSV, every hundredth line bad in one of several
// ways, and gives the numbers of the bad lines.
func importFile(t *testing.T, path string, n int) (bad []string) {
	t.Helper()
	faults := []func(i int) string{
		func(i int) string { return fmt.Sprintf("user%d@example.com,{noop}secret-canary,,", i) },
		func(i int) string { return fmt.Sprintf("user%d@example.com,\"%s,,", i, importHashes[0]) },
		func(i int) string { return fmt.Sprintf("user%d@example.com,%s,admin", i, importHashes[1]) },
		func(i int) string { return ",,," },
		func(i int) string { return fmt.Sprintf("user%d@example.com,,,\"{\"\"sub\"\":1}\"", i) },
		func(i int) string { return fmt.Sprintf("USER%d@example.com,,,", i-1) },
		func(i int) string { return fmt.Sprintf("caf\xe9%d,,,", i) },
	}
	var b bytes.Buffer
	b.WriteString("userId,passwordHash,roles,claims\n")
	for i := range n {
		if i%100 == 57 {
			bad = append(bad, fmt.Sprint(i+2))
			b.WriteString(faults[len(bad)%len(faults)](i) + "\n")
			continue
		}
		fmt.Fprintf(&b, "user%d@example.com,\"%s\",customer team-%d,\"{\"\"plan\"\":\"\"gold\"\",\"\"seats\"\":%d}\"\n", i, importHashes[i%len(importHashes)], i%7, i%50)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return bad
}

// pawlRun runs the command to its end in a process of its own.
func pawlRun(t *testing.T, args ...string) (stdout, stderr string, code int, rss int64) {
	t.Helper()
	exe, err := plainPawl()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = append([]string{"pawl"}, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), quickExit}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the state says more
	rss = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "darwin" {
		rss >>= 10 // bytes there, KiB elsewhere
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), rss
}

var badLine = regexp.MustCompile(`(?m)^line (\d+): `)

// A file of many people with one bad line in a hundred: every good one is there
// afterwards, every bad one is reported with its number, and running it again
// changes nothing.
func TestImportOfManyPeople(t *testing.T) {
	n := 20_000
	if os.Getenv("CI") == "true" {
		n = 100_000
	}
	dir := t.TempDir()
	file, data := filepath.Join(dir, "people.csv"), "--data-dir="+filepath.Join(dir, "data")
	bad := importFile(t, file, n)
	db := filepath.Join(dir, "data", "pawl.db")
	if err := os.Mkdir(filepath.Dir(db), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), db, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	stdout, stderr, code, rss := pawlRun(t, "user", "import", file, data, "--rejects", filepath.Join(dir, "rejects.csv"))
	took := time.Since(began)
	if code != 1 || strings.Contains(stdout+stderr, "canary") {
		t.Fatalf("exit code %d; %s\n%.2000s", code, stdout, stderr)
	}
	var reported []string
	for _, m := range badLine.FindAllStringSubmatch(stderr, -1) {
		reported = append(reported, m[1])
	}
	if got, want := strings.Join(reported, " "), strings.Join(bad, " "); got != want {
		t.Errorf("reported are %d lines, want %d:\n%.500s\n%.500s", len(reported), len(bad), got, want)
	}
	if got := people(t, db); got != n-len(bad) {
		t.Errorf("%d people are there, want %d", got, n-len(bad))
	}
	if b, err := os.ReadFile(filepath.Join(dir, "rejects.csv")); err != nil || bytes.Count(b, []byte("\n")) != len(bad)+1 {
		t.Errorf("the rejects have %d lines, want %d; %v", bytes.Count(b, []byte("\n")), len(bad)+1, err)
	}

	again := time.Now()
	stdout, _, code, _ = pawlRun(t, "user", "import", file, data)
	if want := fmt.Sprintf("%9d added\n%9d unchanged", 0, n-len(bad)); code != 1 || !strings.Contains(stdout, want) {
		t.Errorf("again: exit code %d, %s", code, stdout)
	}
	t.Attr("lines", fmt.Sprint(n))
	t.Attr("bad-lines-reported", fmt.Sprint(len(reported)))
	t.Attr("lines-per-second", fmt.Sprintf("%.0f", float64(n)/took.Seconds()))
	t.Attr("lines-per-second-again", fmt.Sprintf("%.0f", float64(n)/time.Since(again).Seconds()))
	t.Attr("peak-RSS-MiB", fmt.Sprint(rss>>10))
}

func people(t *testing.T, db string) (n int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), db, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for after := ""; ; {
		page, err := s.ListUsers(context.Background(), pawl.UserQuery{After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if n += len(page); len(page) < 1000 {
			return n
		}
		if after, err = page[len(page)-1].SortKey(); err != nil {
			t.Fatal(err)
		}
	}
}
