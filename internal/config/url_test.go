package config

import (
	"encoding/json"
	"fmt"
	"strconv"
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
		"sqlite:///srv/my files/pawl.db":                       "sqlite:///srv/my files/pawl.db",
		"sqlite:///srv/password_ttl=10m/pawl.db":               "sqlite:///srv/password_ttl=10m/pawl.db",
		"nonsense":                                             "nonsense",
		"/srv/pawl/pawl.db":                                    "/srv/pawl/pawl.db",
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

// spellings are ways to write, or to miswrite, an address with a password.
var spellings = []string{
	// keywords, as libpq takes them
	"host=db user=pawl password=hunter2 dbname=pawl",
	"host=db password='hunter2 more' dbname=pawl",
	"password = hunter2",
	"host=a,b port=1,2 passwd=hunter2",
	"host=db://x password=hunter2",
	"user=pawl password=hunter2 host=db options=x://y",
	// a URL that is none
	"pawl:hunter2@db/pawl",
	"postgres:/pawl:hunter2@db/pawl",
	"postgres:pawl:hunter2@db/pawl",
	"postgres//pawl:hunter2@db/pawl",
	"//pawl:hunter2@db/pawl",
	":hunter2@cache:6379",
	"postgres%3A//pawl:hunter2@db/pawl",
	"postgres ://pawl:hunter2@db/pawl",
	"mysql://pawl:hunter2@db/pawl",
	"http://pawl:hunter2@db",
	"sqlite://pawl:hunter2@db/pawl",
	"sqlite:///pawl.db?password=hunter2",
	"sqlite://host=db password=hunter2",
	// where it belongs
	"postgres://pawl:hunter2@db/pawl",
	"POSTGRES://pawl:hunter2@db/pawl",
	"postgresql://pawl:hunter2@a:1,b:2/pawl",
	"postgres://pawl:%68unter2hunter2@db/pawl",
	"redis://pawl:hunter2@cache:6379/0",
	"redis://:hunter2@cache:6379/0?sentinel=m&sentinel_password=hunter2",
	"rediss://hunter2@cache",
	// where special characters are not encoded
	"postgres://pawl:hunter2?x@db/pawl",
	"postgres://pawl:x?hunter2@db/pawl",
	"postgres://pawl:x#hunter2@db/pawl",
	"postgres://pawl:x/hunter2@db/pawl",
	"postgres://pawl:x@hunter2@db/pawl",
	"postgres://pawl:x:hunter2@db/pawl",
	"postgres://pawl:x hunter2@db/pawl",
	"postgres://pawl:x%hunter2@db/pawl",
	"postgres://pawl:x,hunter2@a,b/pawl",
	"redis://:x/hunter2@cache",
	"redis://:x?hunter2@cache?addr=b:1",
	// where parts are missing or in the wrong place
	"postgres://pawl:hunter2/pawl",
	"postgres://pawl:hunter2",
	"postgres://pawl:hunter2%40db/pawl",
	"postgres://pawl%3Ahunter2@db/pawl",
	"postgres://pawl hunter2@db/pawl",
	"postgres://pawl@db/pawl password=hunter2",
	"postgres://pawl@db/pawl;password=hunter2",
	"postgres://pawl@db/pawl&password=hunter2",
	"postgres://pawl@db/password=hunter2",
	"postgres://pawl@db/pawl#password=hunter2",
	"postgres://pawl@db/pawl?sslmode=x#hunter2",
	// parameters
	"postgres:///pawl?host=/run&user=pawl&password=hunter2",
	"postgres://db/pawl?p%61ssword=hunter2",
	"postgres://db/pawl?PASSWORD=hunter2",
	"postgres://db/pawl?sslpassword=hunter2",
	"postgres://db/pawl?sslmode=x;password=hunter2",
	"postgres://db/pawl?sslmode=x password=hunter2",
	"postgres://db/pawl?sslmode=x%20password=hunter2",
	"postgres://db/pawl?password:hunter2",
	"postgres://db/pawl?password=%zzhunter2",
	"postgres://db/pawl?x=postgres://pawl:hunter2@db",
}

// SECURITY 56: whatever address is configured, no complaint, print or name of it
// shows a password.
func TestNoSpellingOfAnAddressShowsItsPassword(t *testing.T) {
	for i, text := range spellings {
		t.Run(strconv.Itoa(i), func(t *testing.T) { // the text would be in the names of files

			clean := func(what, got string) {
				if strings.Contains(strings.ToLower(got), "hunter2") {
					t.Errorf("%s: %s shows it: %s", text, what, got)
				}
			}
			u := URL(text)
			clean("String", fmt.Sprintf("%v %s %q %#v", u, u, u.String(), u))
			if !u.HasPassword() {
				t.Errorf("%s counts as without a password, which a file may hold", text)
			}
			for _, key := range []string{"database", "database_listen", "sessions", "legacy_redis", "master_key"} {
				env := "PAWL_" + strings.ToUpper(key)
				yaml, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				for what, src := range map[string]Sources{
					"variable":      {Env: []string{env + "=" + text}},
					"its file":      {Env: []string{env + "_FILE=" + write(t, text, 0o600)}},
					"as its file":   {Env: []string{env + "_FILE=" + text}},
					"configuration": {File: write(t, key+": "+string(yaml)+"\n", 0o600)},
					"bare":          {File: write(t, key+": "+text+"\n", 0o600)},
					"flag":          {Flags: map[string]string{key: text}},
				} {
					if key == "master_key" && what == "as its file" {
						continue // that is the key master_key_file, a path
					}
					c, err := Load(src)
					if err != nil {
						clean(key+", "+what, err.Error())
						continue
					}
					clean(key+", "+what+", printed", printed(t, c))
					clean(key+", "+what+", named", c.DatabaseName()+fmt.Sprintf(" %v", c.Sessions))
				}
			}
		})
	}
}

// libpq's keywords are refused, with the form to use.
func TestKeywordsAreRefusedWithTheFormToUse(t *testing.T) {
	for _, key := range []string{"PAWL_DATABASE", "PAWL_DATABASE_LISTEN"} {
		_, err := Load(Sources{Env: []string{key + "=host=db user=pawl password=hunter2 dbname=pawl"}})
		expect(t, key, err, `"…" is written in keywords, as libpq takes them; write it as a URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE`)
	}
	_, err := Load(Sources{Env: []string{"PAWL_DATABASE=postgres://pawl:x/hunter2@db/pawl"}})
	expect(t, "a slash", err, `"postgres://…" cannot be read, and is not shown, as a password may be in it: write postgres://USER:PASSWORD@HOST/…`)
}
