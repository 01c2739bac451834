package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func TestTheCommittedReferenceIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "configuration.md")
	if *update {
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != Reference() {
		t.Error("docs/configuration.md is not what fields.go says; run: go test ./internal/config -update")
	}
}

func TestPrintSaysWhereValuesCameFromAndNoSecret(t *testing.T) {
	file := write(t, "refresh_ttl: 14d\naudience: [\"a\", 'b']\n", 0o600)
	c := load(t, Sources{File: file, Env: []string{"PAWL_MASTER_KEY=" + samples["master_key"].text}, Flags: flags("access_ttl=5m")})
	got := printed(t, c)
	for _, want := range []string{
		"\nrefresh_ttl: 336h # " + file + ":1\n", "\naudience: [\"a\", \"b\"] # " + file + ":2\n",
		"\naccess_ttl: 5m # --access-ttl\n", "\nsession_ttl: 2160h\n", "\n# master_key: [secret] # PAWL_MASTER_KEY\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "AAAA") {
		t.Error("SECURITY 56: the master key is printed")
	}
}

func printed(t testing.TB, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// FuzzAcceptedConfigurationsReprint: no file makes Load panic, and what it
// accepts prints as a file that means the same.
func FuzzAcceptedConfigurationsReprint(f *testing.F) {
	f.Add([]byte("listen: 127.0.0.1:0\naudience: [a, \"b c\"]\n"))
	f.Add([]byte("access_ttl: 14d\nunsafe_reuse_window: 0\npassword_hash_memory: 20000KiB\n"))
	f.Add([]byte("issuer: https://x.example\ntrusted_proxies: 10.0.0.1,fe80::/10\ntrusted_origins: ['https://a.example:444']\n"))
	f.Add([]byte("data_dir: \"a # b: c\"\nlog_format: json # comment\n"))
	f.Add([]byte("data_dir: !!binary aGk=\n"))
	f.Add([]byte("issuer: https://,")) // the audience, a list, is the issuer where none is set
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("%YAML 1.1\n--- {listen: \"127.0.0.1:1\"}\n"))
	f.Fuzz(func(t *testing.T, yaml []byte) {
		first, err := fromYAML(yaml)
		if err != nil {
			return
		}
		text := printed(t, first)
		second, err := fromYAML([]byte(text))
		if err != nil {
			t.Fatalf("printed, it is refused: %v\n%s", err, text)
		}
		a, b := *first, *second
		a.origins, b.origins = nil, nil
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("printed, it means something else:\n%+v\n%+v", a, b)
		}
	})
}

func fromYAML(b []byte) (*Config, error) {
	c := new(Config)
	table := fields(c)
	file, err := parseFile("pawl.yaml", b, table)
	if err != nil {
		return nil, err
	}
	return c.assemble(table, []map[string]setting{file})
}

// FuzzDurations: what parses prints as the same duration.
func FuzzDurations(f *testing.F) {
	for _, s := range []string{"14d", "1d12h", "336h", "1h0m0s", "10m0s", "0", "1.5h", "-1h", "9999999d", "d", "1h1d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is negative: %v", s, d)
		}
		if again, err := parseDuration(formatDuration(d)); err != nil || again != d {
			t.Fatalf("%q is %v, prints as %q, which is %v (%v)", s, d, formatDuration(d), again, err)
		}
	})
}
