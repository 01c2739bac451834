// Package packaging_test builds what is released, looks at it as an operator's
// machine would, and runs it.
package packaging_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	version = "v1.2.3-rc.1"
	epoch   = "1764000000"
	deb     = "pawl_1.2.3~rc.1_" + runtime.GOARCH + ".deb"
	binary  = "pawl_linux_" + runtime.GOARCH
)

var long = os.Getenv("CI") == "true"

// need skips, and says what to install, where a program is missing.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is missing (Debian: %s)", program, debian)
	}
}

func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// release is a copy of the checkout, in src, and what packaging/build makes of
// it, in out; built once.
type release struct{ src, out string }

var released = sync.OnceValues(func() (release, error) {
	dir, err := os.MkdirTemp("", "pawl-release-")
	if err != nil {
		return release{}, err
	}
	r := release{filepath.Join(dir, "src"), filepath.Join(dir, "out")}
	if err := copyCheckout(r.src); err != nil {
		return r, err
	}
	cmd := exec.Command(filepath.Join(r.src, "packaging", "build"), r.out)
	cmd.Env = append(os.Environ(), "PAWL_VERSION="+version, "SOURCE_DATE_EPOCH="+epoch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("packaging/build: %w\n%s", err, out)
	}
	return r, nil
})

// copyCheckout copies the files that Git would, without its folder.
func copyCheckout(to string) error {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for f := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		from := filepath.Join("..", f)
		info, err := os.Stat(from)
		if err != nil {
			continue // deleted, and not yet committed
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(f)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, f), b, info.Mode().Perm()|0o200); err != nil {
			return err
		}
	}
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		r, _ := released()
		_ = os.RemoveAll(filepath.Dir(r.src))
	}
	os.Exit(code)
}

var built bool

// build gives the folder of what was built.
func build(t *testing.T) string {
	t.Helper()
	return buildAll(t).out
}

func buildAll(t *testing.T) release {
	t.Helper()
	if testing.Short() {
		t.Skip("building takes seconds")
	}
	if runtime.GOOS != "linux" {
		t.Skip("what is released is for Linux")
	}
	need(t, "dpkg-deb", "dpkg")
	need(t, "git", "git")
	built = true
	r, err := released()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBinaryIsStaticAndKnowsItsVersion(t *testing.T) {
	dir := build(t)
	f, err := elf.Open(filepath.Join(dir, binary))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it needs a dynamic linker: %v", p.Type)
		}
	}
	if got := run(t, dir, nil, "./"+binary, "version"); !strings.HasPrefix(got, "pawl "+version+" (go") {
		t.Errorf("it calls itself %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, binary))
	if err != nil {
		t.Fatal(err)
	}
	t.Attr("binary-bytes", fmt.Sprint(info.Size()))
	if info.Size() > 36<<20 {
		t.Errorf("%d bytes: more than 36 MiB", info.Size())
	}
}

// Every module that the linker put in is in the list, with its version, and its
// licence is there to go with it.
func TestTheListOfPartsIsWhole(t *testing.T) {
	dir := build(t)
	info, err := buildinfo.ReadFile(filepath.Join(dir, binary))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		BomFormat, SpecVersion, SerialNumber string
		Metadata                             struct{ Timestamp string }
		Components                           []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal(readFile(t, dir, binary+".cdx.json"), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.BomFormat != "CycloneDX" || doc.SpecVersion != "1.6" || doc.Metadata.Timestamp != "2025-11-24T16:00:00Z" ||
		!regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(doc.SerialNumber) {
		t.Errorf("the document says %+v of itself", doc)
	}
	licenses := readFile(t, dir, binary+".licenses.txt")
	got := map[string]bool{}
	for _, c := range doc.Components {
		got[c.PURL] = true
	}
	for _, m := range info.Deps {
		if !got["pkg:golang/"+m.Path+"@"+m.Version] {
			t.Errorf("%s %s is not in the list", m.Path, m.Version)
		}
		if !bytes.Contains(licenses, []byte("==== "+m.Path+" "+m.Version+": ")) {
			t.Errorf("no licence of %s", m.Path)
		}
	}
	if !got["pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go")] || len(doc.Components) != len(info.Deps)+1 {
		t.Errorf("%d parts of %d modules and the standard library", len(doc.Components), len(info.Deps))
	}
	t.Attr("modules", fmt.Sprint(len(info.Deps)))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChecksumsAreThoseOfTheFiles(t *testing.T) {
	dir := build(t)
	need(t, "sha256sum", "coreutils")
	out := run(t, dir, nil, "sha256sum", "--strict", "-c", "SHA256SUMS")
	for _, f := range []string{binary, binary + ".cdx.json", binary + ".licenses.txt", deb} {
		if !strings.Contains(out, f+": OK") {
			t.Errorf("%s is not among\n%s", f, out)
		}
	}
}

// Another folder, another time, another environment: the same bytes. With
// CI=true another build cache too, so that everything is compiled again.
func TestBuildIsReproducible(t *testing.T) {
	first := buildAll(t)
	src, dir := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	if err := os.CopyFS(src, os.DirFS(first.src)); err != nil {
		t.Fatal(err)
	}
	env := []string{"PAWL_VERSION=" + version, "SOURCE_DATE_EPOCH=" + epoch, "TZ=Asia/Kolkata", "LC_ALL=C.UTF-8", "GOAMD64=v2"}
	if long {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	run(t, "/", env, filepath.Join(src, "packaging", "build"), dir)
	if a, b := readFile(t, first.out, "SHA256SUMS"), readFile(t, dir, "SHA256SUMS"); !bytes.Equal(a, b) {
		t.Errorf("two builds differ:\n%s\n%s", a, b)
	}
}

var inList = regexp.MustCompile(`(?m)^(\S+) root/root +\d+ \S+ \S+ \./(\S*)$`)

func TestDebianPackage(t *testing.T) {
	dir := build(t)
	modes := map[string]string{}
	for _, m := range inList.FindAllStringSubmatch(run(t, dir, nil, "dpkg-deb", "-c", deb), -1) {
		modes[m[2]] = m[1]
	}
	for file, mode := range map[string]string{
		"usr/bin/pawl":                              "-rwxr-xr-x",
		"usr/lib/systemd/system/pawl.service":       "-rw-r--r--",
		"etc/pawl/":                                 "drwxr-xr-x",
		"etc/pawl/pawl.yaml":                        "-rw-r--r--",
		"usr/share/doc/pawl/copyright":              "-rw-r--r--",
		"usr/share/doc/pawl/licenses.txt.gz":        "-rw-r--r--",
		"usr/share/doc/pawl/operations.md":          "-rw-r--r--",
		"usr/share/doc/pawl/incidents.md":           "-rw-r--r--",
		"usr/share/doc/pawl/moving-in.md":           "-rw-r--r--",
		"usr/share/doc/pawl/configuration.md":       "-rw-r--r--",
		"usr/share/doc/pawl/pawl.cdx.json":          "-rw-r--r--",
		"usr/share/doc/pawl/monitoring/alerts.yaml": "-rw-r--r--",
	} {
		if modes[file] != mode {
			t.Errorf("%s has mode %q, not %s", file, modes[file], mode)
		}
	}
	for file, mode := range modes {
		if strings.Contains(mode, "s") || strings.Contains(mode, "t") || mode[8] == 'w' || mode[5] == 'w' {
			t.Errorf("%s has mode %s", file, mode)
		}
	}
	control := run(t, dir, nil, "dpkg-deb", "-f", deb)
	for _, want := range []string{"Version: 1.2.3~rc.1\n", "Architecture: " + runtime.GOARCH + "\n", "Depends: passwd\n"} {
		if !strings.Contains(control, want) {
			t.Errorf("no %q in\n%s", want, control)
		}
	}
	parts := t.TempDir()
	run(t, dir, nil, "dpkg-deb", "-R", deb, parts)
	if got := string(readFile(t, parts, "DEBIAN", "conffiles")); got != "/etc/pawl/pawl.yaml\n" {
		t.Errorf("conffiles: %q", got)
	}
	run(t, parts, nil, "md5sum", "--strict", "--quiet", "-c", "DEBIAN/md5sums")
	for _, s := range []string{"postinst", "prerm", "postrm"} {
		run(t, parts, nil, "sh", "-n", "DEBIAN/"+s)
		if bytes.Contains(readFile(t, parts, "DEBIAN", s), []byte("systemctl enable")) {
			t.Errorf("%s enables the service: that is the operator's to say", s)
		}
	}
	// The configuration that comes along is good as it is.
	run(t, parts, []string{"PAWL_DATA_DIR=" + t.TempDir()}, "usr/bin/pawl", "config", "check", "--config", "etc/pawl/pawl.yaml")
}

// Every version that Git or a person may give sorts as it should.
func TestDebianVersionsSort(t *testing.T) {
	need(t, "dpkg", "dpkg")
	order := []string{"v0.0.0-20261122193033-fcc779536d22", "v0.1.0-rc.1", "v0.1.0-rc.2", "v0.1.0", "v0.1.1-0.20261122193033-fcc779536d22", "v0.1.1", "v1.0.0"}
	// The same lines as in packaging/deb, taken from there.
	script := regexp.MustCompile(`(?m)^version=.*$`).FindAllString(string(readFile(t, "deb")), -1)
	var last string
	for _, v := range order {
		got := strings.TrimSpace(run(t, "", []string{"PAWL_VERSION=" + v}, "bash", "-c", strings.Join(append(script, "echo $version"), "\n")))
		if last != "" {
			run(t, "", nil, "dpkg", "--compare-versions", last, "lt", got)
		}
		last = got
	}
	if slices.Contains(order, last) {
		t.Errorf("%s was not changed", last)
	}
}
