package browser_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pawlauth/pawl/internal/nodetest"
)

// The client without a browser: its issuer, clock, locks and tabs are the test's.
func TestTheClientInNode(t *testing.T) {
	files, err := filepath.Glob("test/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no tests")
	}
	args := append([]string{"--test", "--test-reporter=./test/reporter.mjs"}, files...)
	nodetest.Run(t, nodetest.Command{Args: args, Expects: 60})
}

// What is committed under dist is what the sources make, byte for byte.
func TestTheBuiltFilesAreCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("a build takes its time")
	}
	modules := nodetest.Install(t, os.DirFS("."))
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "src"), os.DirFS("src")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "tsconfig.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), nodetest.Program(t, "npm"), "run", "build")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("npm run build: %v\n%s", err, out)
	}
	built, committed := read(t, filepath.Join(dir, "dist")), read(t, "dist")
	for name := range built {
		if !bytes.Equal(built[name], committed[name]) {
			t.Errorf("dist/%s is not current: run npm ci && npm run build in clients/browser, and commit dist", name)
		}
	}
	for name := range committed {
		if _, ok := built[name]; !ok {
			t.Errorf("dist/%s is nothing that the sources make: remove it", name)
		}
	}
}

func read(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestTheOneFileBuildIsSmall(t *testing.T) {
	text, err := os.ReadFile("dist/pawl.min.js")
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	if zipped.Len() >= 4000 {
		t.Errorf("%d bytes by gzip, want less than 4,000", zipped.Len())
	}
	t.Attr("bundle-gzip-bytes", strconv.Itoa(zipped.Len()))
}
