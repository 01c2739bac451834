//go:build linux

package packaging_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dockerEnv gives the variables, the user and the command of the Dockerfile's
// last stage.
func dockerEnv(t *testing.T) (env []string, uid string) {
	t.Helper()
	_, last, _ := strings.Cut(string(readFile(t, "../Dockerfile")), "FROM scratch")
	env = strings.Fields(regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(last)[1])
	for _, want := range []string{`ENTRYPOINT ["/pawl"]`, `CMD ["serve"]`, `CMD ["/pawl", "health"]`, "VOLUME /data", "USER 65532:65532"} {
		if !strings.Contains(last, want) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
	return env, "65532"
}

func imageFiles(t *testing.T) string {
	t.Helper()
	dir := build(t)
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Skip("no certificates (Debian: ca-certificates)")
	}
	root := filepath.Join(t.TempDir(), "root")
	run(t, "", nil, "image/rootfs", filepath.Join(dir, binary), root)
	return root
}

func TestImageHoldsWhatItNeedsAndNothingElse(t *testing.T) {
	root := imageFiles(t)
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/licenses.txt", "/pawl", "/pawl.cdx.json"}
	if slices.Sort(files); !slices.Equal(files, want) {
		t.Errorf("files\n%q, not\n%q", files, want)
	}
}

// In a root folder that holds the image's files alone, as its user, without any
// privilege: the first start, the health check, a command beside the server, and
// the end that a container engine asks for.
func TestImageRunsInAnEmptyRoot(t *testing.T) {
	root := imageFiles(t)
	if os.Getuid() != 0 {
		t.Skip("changing the root folder needs root")
	}
	env, _ := dockerEnv(t)
	for i, v := range env {
		if strings.HasPrefix(v, "PAWL_LISTEN=") {
			env[i] = "PAWL_LISTEN=127.0.0.1:" + freePort(t)
		}
	}
	// The test's own temporary folder belongs to root alone.
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/pawl", args...)
		cmd.Dir, cmd.Env = "/data", append([]string{"PAWL_ISSUER=https://login.example.com"}, env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return cmd
	}
	var out bytes.Buffer
	server := inside("serve")
	server.Stdout, server.Stderr = &out, &out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill() }() // fails where it has ended, as it should
	healthy := false
	for deadline := time.Now().Add(30 * time.Second); !healthy && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		healthy = inside("health", "--ready").Run() == nil
	}
	if !healthy {
		_ = server.Process.Kill()
		_ = server.Wait()
		t.Fatalf("it does not get ready:\n%s", out.String())
	}
	add := inside("user", "add", "ada", "--role", "admin", "--password-stdin")
	add.Stdin = strings.NewReader("seven-green-kettles\n")
	if text, err := add.CombinedOutput(); err != nil {
		t.Errorf("user add: %v\n%s", err, text)
	}
	backup := inside("backup", "/tmp/copy.db")
	if text, err := backup.CombinedOutput(); err != nil {
		t.Errorf("backup: %v\n%s", err, text)
	}
	if text, err := inside("audit", "list").CombinedOutput(); err != nil || !bytes.Contains(text, []byte("shell:pawl")) {
		t.Errorf("the audit log does not say who added somebody: %v\n%s", err, text)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, out.String())
	}
	if inside("health").Run() == nil {
		t.Error("healthy after its end")
	}
}
