package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// SECURITY 20: a key file that others can read is refused.
func TestSecretFilesAreCheckedForTheirMode(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: false, 0o604: false, 0o644: false, 0o660: false, 0o620: false, 0o602: false,
	} {
		path := write(t, "x", mode)
		err := CheckPrivate(path, 0o077)
		if (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if err != nil && !strings.Contains(err.Error(), "run: chmod 0") {
			t.Errorf("mode %04o: the message does not say what to do: %v", mode, err)
		}
	}
	expect(t, "directory", CheckPrivate(t.TempDir(), 0o077), "not a regular file")
	expect(t, "missing", CheckPrivate(filepath.Join(t.TempDir(), "x"), 0o077), "no such file")
}

func TestSecretFromAFileOfTheWrongModeIsRefused(t *testing.T) {
	table := []Field{{Key: "token", Secret: true, value: secretValue{new(Secret)}}}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o644: "can be read or changed by others (mode 0644)"} {
		path := write(t, "s3cr3t\n", mode)
		layer, err := readEnv([]string{"PAWL_TOKEN_FILE=" + path}, table, os.ReadFile)
		switch {
		case want != "":
			expect(t, "loose file", err, want)
		case err != nil || layer["token"].text != "s3cr3t":
			t.Errorf("got %q, %v", layer["token"].text, err)
		}
	}
}
