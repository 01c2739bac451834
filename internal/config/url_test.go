package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// SECURITY 56: a store's URL shows who and where, and never the password,
// however it is written and printed.
func TestURLsShowNoPassword(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://pawl:hunter2@db:5432/pawl":                 "postgres://pawl:[secret]@db:5432/pawl",
		"postgres://pawl:hunter2@a:1,b:2/pawl?sslmode=disable": "postgres://pawl:[secret]@a:1,b:2/pawl?sslmode=disable",
		"postgres://pawl:p@hunter2@db/pawl":                    "postgres://pawl:[secret]@db/pawl",
		"postgres://pawl:hunt/er2@db/pawl":                     "postgres://…",
		"postgres://pawl@db/pawl?password=hunter2&sslmode=x":   "postgres://pawl@db/pawl?password=[secret]&sslmode=x",
		"postgres://pawl@/pawl?host=/run&passfile=/etc/pgpass": "postgres://pawl@/pawl?host=/run&passfile=/etc/pgpass",
		"redis://:hunter2@cache:6379/0?addr=b:1&addr=c:1":      "redis://:[secret]@cache:6379/0?addr=b:1&addr=c:1",
		"redis://user:hunter2@cache?master_set=m":              "redis://user:[secret]@cache?master_set=m",
		"redis://cache?sentinel_password=hunter2":              "redis://cache?sentinel_password=[secret]",
		"rediss://cache:6379":                                  "rediss://cache:6379",
		"sqlite:///srv/a@b/pawl.db":                            "sqlite:///srv/a@b/pawl.db",
		"nonsense":                                             "nonsense",
	} {
		u := URL(text)
		encoded, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{u.String(), fmt.Sprint(u), fmt.Sprintf("%#v", u), strings.Trim(strings.ReplaceAll(string(encoded), `\u0026`, "&"), `"`)} {
			if got != want || strings.Contains(got, "hunter2") {
				t.Errorf("%s shows as %s", text, got)
			}
		}
		if u.Reveal() != text || u.HasPassword() != (want != text) {
			t.Errorf("%s: reveals %s, password %v", text, u.Reveal(), u.HasPassword())
		}
	}
}

// What the environment says, with a password, is in force, and is printed as a
// comment without it.
func TestAPasswordInTheEnvironment(t *testing.T) {
	c := load(t, Sources{Env: []string{"PAWL_DATABASE=postgres://pawl:hunter2@db/pawl", "PAWL_SESSIONS_FILE=" + write(t, "redis://:hunter2@cache\n", 0o600)}})
	if !c.InPostgres() || c.DatabasePath() != "" || c.DatabaseName() != "postgres://pawl:[secret]@db/pawl" {
		t.Errorf("%v: %q", c.Database, c.DatabaseName())
	}
	got := printed(t, c)
	for _, want := range []string{"\n# database: \"postgres://pawl:[secret]@db/pawl\" # PAWL_DATABASE\n", "\n# sessions: \"redis://:[secret]@cache\" # PAWL_SESSIONS_FILE\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if _, err := Load(Sources{Env: []string{"PAWL_DATABASE_FILE=" + write(t, "postgres://pawl:hunter2@db/pawl", 0o644)}}); err == nil || !strings.Contains(err.Error(), "can be read or changed by others") {
		t.Errorf("a file that others can read: %v", err)
	}
}
