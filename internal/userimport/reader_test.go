package userimport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/userimport"
)

const (
	bcrypt = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo."
	django = "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="
)

// row is what a test expects of an entry: the person, or what is wrong.
type row struct {
	Line int
	User pawl.User
	Err  string
}

func readAll(t *testing.T, format userimport.Format, text string) (rows []row) {
	t.Helper()
	r, err := userimport.NewReader(strings.NewReader(text), userimport.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Err != nil {
			rows = append(rows, row{Line: e.Line, Err: e.Err.Error()})
			continue
		}
		rows = append(rows, row{Line: e.Line, User: e.User})
	}
}

func TestCSVIsReadByRFC4180(t *testing.T) {
	ada := pawl.User{Login: "ada", PasswordHash: bcrypt}
	for _, c := range []struct {
		name, text string
		want       []row
	}{
		{"plain", "userId,passwordHash\nada," + bcrypt + "\n", []row{{2, ada, ""}}},
		{"without a line break at the end", "userId,passwordHash\nada," + bcrypt, []row{{2, ada, ""}}},
		{"CRLF", "userId,passwordHash\r\nada," + bcrypt + "\r\n", []row{{2, ada, ""}}},
		{"byte order mark", "\ufeffuserId,passwordHash\nada," + bcrypt, []row{{2, ada, ""}}},
		{"another order", "passwordHash,userId\n" + bcrypt + ",ada", []row{{2, ada, ""}}},
		{"a database's names", "USER_ID,password_hash\nada," + bcrypt, []row{{2, ada, ""}}},
		{"quoted", "\"userId\",\"passwordHash\"\n\"ada\",\"" + bcrypt + "\"", []row{{2, ada, ""}}},
		{"folded login", "userId\n Ada ", []row{{2, pawl.User{Login: "ada"}, ""}}},
		{"blank lines", "userId\n\nada\n\r\n\nbob\n", []row{{3, pawl.User{Login: "ada"}, ""}, {6, pawl.User{Login: "bob"}, ""}}},
		{
			"everything", "userId,roles,claims,disabled,subject\nada,admin  auditor admin,\"{\"\"plan\"\":\"\"gold\"\",\"\"n\"\":[1,null]}\",TRUE,u-17\n",
			[]row{{2, pawl.User{
				ID: "u-17", Login: "ada", Roles: []string{"admin", "auditor"}, Disabled: true,
				Claims: map[string]any{"plan": "gold", "n": []any{1.0, nil}},
			}, ""}},
		},
		{"a field of several lines", "userId,claims\nada,\"{\n\"\"a\"\":\n1}\"\nbob,\n", []row{
			{2, pawl.User{Login: "ada", Claims: map[string]any{"a": 1.0}}, ""},
			{5, pawl.User{Login: "bob", Claims: map[string]any{}}, ""},
		}},
		{"a comma in a field", "userId\n\"ada, countess\"", []row{{2, pawl.User{Login: "ada, countess"}, ""}}},
		{"Keycloak's table", "userId,secret_data,credential_data\n" + `ada,"{""value"":""1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4="",""salt"":""x/bm4Y3DcuV9eU97ervkPA==""}","{""hashIterations"":27500,""algorithm"":""pbkdf2-sha256""}"`, []row{
			{2, pawl.User{Login: "ada", PasswordHash: "$pbkdf2-sha256$i=27500$x/bm4Y3DcuV9eU97ervkPA$1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4"}, ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readAll(t, userimport.CSV, c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONLinesAreRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []row
	}{
		{"plain", `{"userId":"Ada","passwordHash":"` + bcrypt + `"}`, []row{{1, pawl.User{Login: "ada", PasswordHash: bcrypt}, ""}}},
		{"CRLF, blank lines, byte order mark", "\ufeff\r\n" + `{"userId":"ada"}` + "\r\n\r\n", []row{{2, pawl.User{Login: "ada"}, ""}}},
		{"null is not there", `{"userId":"ada","roles":null,"claims":null,"disabled":null,"passwordHash":null}`, []row{{1, pawl.User{Login: "ada"}, ""}}},
		{
			"everything", `{"userId":"ada","roles":["admin","night shift"],"claims":{"plan":"gold"},"disabled":true,"subject":"u-17"}`,
			[]row{{1, pawl.User{ID: "u-17", Login: "ada", Roles: []string{"admin", "night shift"}, Claims: map[string]any{"plan": "gold"}, Disabled: true}, ""}},
		},
		{
			"Keycloak's export", `{"userId":"ada","secretData":"{\"value\":\"1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4=\",\"salt\":\"x/bm4Y3DcuV9eU97ervkPA==\"}","credentialData":{"hashIterations":27500,"algorithm":"pbkdf2-sha256"}}`,
			[]row{{1, pawl.User{Login: "ada", PasswordHash: "$pbkdf2-sha256$i=27500$x/bm4Y3DcuV9eU97ervkPA$1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4"}, ""}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readAll(t, userimport.JSONLines, c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every fault of a line is named, without the hash, and costs none of the
// neighbours.
func TestBadLinesSayWhatIsWrong(t *testing.T) {
	const head = "userId,passwordHash,roles,claims,disabled,subject\n"
	for _, c := range []struct{ name, csv, json, says string }{
		{"no login", ",,,,,", `{}`, "userId is missing"},
		{"login of control characters", "a\x01b,,,,,", `{"userId":"a\u0001b"}`, "userId must not hold control characters"},
		{"login too long", strings.Repeat("x", 129) + ",,,,,", `{"userId":"` + strings.Repeat("x", 129) + `"}`, "userId is too long"},
		{"clear password", "x,{noop}canary,,,,", `{"userId":"x","passwordHash":"{noop}canary"}`, "password-reset link"},
		{"unknown hash", "x,canary,,,,", `{"userId":"x","passwordHash":"canary"}`, "unknown form"},
		{"hash out of bounds", "x,$pbkdf2-sha256$3000001$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA,,,,", `{"userId":"x","passwordHash":"$scrypt$ln=31,r=8,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"}`, "not within"},
		{"role that does not print", "x,,a\x07b,,,", `{"userId":"x","roles":["a\u0007b"]}`, "every role must be a name that prints"},
		{"claims that are no object", "x,,,[1],,", `{"userId":"x","claims":[1]}`, "claims must be"},
		{"claims with a member twice", `x,,,"{""a"":1,""a"":2}",,`, `{"userId":"x","claims":{"a":1,"a":2}}`, ""},
		{"a registered claim", `x,,,"{""Exp"":1}",,`, `{"userId":"x","claims":{"sub":"y"}}`, "is reserved"},
		{"claims too large", `x,,,"{""a"":""` + strings.Repeat("x", 5000) + `""}",,`, `{"userId":"x","claims":{"a":"` + strings.Repeat("x", 5000) + `"}}`, "at most 4096 fit"},
		{"a number that JSON readers round", `x,,,"{""a"":9007199254740993}",,`, `{"userId":"x","claims":{"a":9007199254740993}}`, "cannot be in an access token"},
		{"disabled", "x,,,,perhaps,", `{"userId":"x","disabled":"perhaps"}`, "disabled must be true or false"},
		{"subject too long", "x,,,,," + strings.Repeat("x", 129), `{"userId":"x","subject":"` + strings.Repeat("x", 129) + `"}`, "subject is too long"},
		{"subject that no URL can name", "x,,,,,..", `{"userId":"x","subject":".."}`, "subject must not be"},
		{"not UTF-8", "caf\xe9,,,,,", "{\"userId\":\"caf\xe9\"}", ""},
		{"too long", strings.Repeat("x", userimport.MaxLine+5) + ",,,,,", `{"userId":"` + strings.Repeat("x", userimport.MaxLine+5) + `"}`, "longer than 64 KiB"},
		{"too few fields", "x,,", `[]`, ""},
		{"too many fields", "x,,,,,,", `{"userId":"x"} {}`, ""},
		{"a stray quotation mark", `x"y,,,,,`, `{"userId":"x"y"}`, ""},
		{"an open quotation mark", `"x,,,,,`, `{"userId":"x`, ""},
		{"text behind a quotation mark", `"x"y,,,,,`, `"x"`, ""},
		{"a member of another type", `"x"" ,,,,,`, `{"userId":5}`, ""},
		{"an unknown member", `x`, `{"userId":"x","role":["admin"]}`, ""},
		{"a member twice", `"x`, `{"userId":"x","user_id":"y"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for format, text := range map[userimport.Format]string{
				userimport.CSV:       head + "before,,,,,\n" + c.csv + "\nbehind,,,,,\n",
				userimport.JSONLines: "\n" + `{"userId":"before"}` + "\n" + c.json + "\n" + `{"userId":"behind"}`,
			} {
				rows := readAll(t, format, text)
				if len(rows) != 3 || rows[0].User.Login != "before" || rows[2].User.Login != "behind" || rows[2].Line != 4 {
					t.Fatalf("%s: %v", format, rows)
				}
				if rows[1].Line != 3 || rows[1].Err == "" || !strings.Contains(rows[1].Err, c.says) || strings.Contains(rows[1].Err, "canary") {
					t.Errorf("%s: %d, %q; want line 3 and %q", format, rows[1].Line, rows[1].Err, c.says)
				}
			}
		})
	}
}

func TestFilesThatCannotBeReadAtAll(t *testing.T) {
	for _, c := range []struct {
		name, text, says string
		ignore           bool
	}{
		{"empty", "", "does not begin with a line that names its columns", false},
		{"a blank line", "\nuserId\n", "does not begin with a line", false},
		{"no userId", "passwordHash\n", "does not name a column userId", false},
		{"semicolons", "userId;roles\n", `unknown column "userId;roles"`, false},
		{"semicolons, ignored", "userId;roles\n", "separated by commas", true},
		{"unknown column", "userId,role\n", `unknown column "role"`, false},
		{"twice", "userId,user_id\n", "names the column userId twice", false},
		{"UTF-16", "\xff\xfeu\x00s\x00", "save it as UTF-8", false},
		{"binary", "\"\x00\x01\n", "not CSV", false},
	} {
		_, err := userimport.NewReader(strings.NewReader(c.text), userimport.Options{Format: userimport.CSV, IgnoreUnknown: c.ignore})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	r, err := userimport.NewReader(strings.NewReader("userId,email,role\nada,a@b,x\n"), userimport.Options{Format: userimport.CSV, IgnoreUnknown: true})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := r.Next(); err != nil || e.Err != nil || e.User.Login != "ada" || e.Given.Roles {
		t.Errorf("with unknown columns ignored: %+v, %v", e, err)
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]userimport.Format{
		"a/people.csv": userimport.CSV, "PEOPLE.CSV": userimport.CSV, "p.jsonl": userimport.JSONLines, "p.ndjson": userimport.JSONLines,
		"p.json": "", "-": "", "people": "", "p.xlsx": "",
	} {
		if got, err := userimport.FormatOf(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// manyLines is a file that is not in memory.
type manyLines struct {
	head string
	n    int
	left []byte
	make func(n int) string
}

func (m *manyLines) Read(p []byte) (int, error) {
	if len(m.left) == 0 {
		if m.n--; m.n < 0 {
			return 0, io.EOF
		}
		m.left = []byte(m.head + m.make(m.n))
		m.head = ""
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// A line of 200 MB, and a quotation mark that is open for as long, cost as much
// memory as any other.
func TestReadingTakesConstantMemory(t *testing.T) {
	const size = 200 << 20
	piece := strings.Repeat("x", 1<<16)
	for _, c := range []struct {
		name string
		make func(int) string
	}{
		{"one line", func(int) string { return piece }},
		{"one open quotation mark", func(int) string { return `"` + strings.Repeat(piece[:2000]+",\n", 50) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var long counter
			r, err := userimport.NewReader(&manyLines{head: "userId,roles\n", n: size / len(c.make(0)), make: c.make},
				userimport.Options{Format: userimport.CSV, Long: &long})
			if err != nil {
				t.Fatal(err)
			}
			var peak uint64
			n := 0
			for {
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if n++; n%100_000 == 0 {
					peak = max(peak, heap())
				}
			}
			if peak = max(peak, heap()); peak > 32<<20 {
				t.Errorf("the heap grew to %d MiB", peak>>20)
			}
			t.Attr("entries", fmt.Sprint(n))
			t.Attr("peak-heap-KiB", fmt.Sprint(peak>>10))
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Whatever is in a file, each of its lines belongs to one entry, in order, or is
// blank: nothing is lost between the lines that are taken and those that are
// reported.
func FuzzEveryLineIsGivenOnce(f *testing.F) {
	for _, s := range []string{
		"ada,x\nbob,\"y\nz\"\n", "a,\"b\nc,d\n\n\"e\n", "\"\"\"\n\"\n", "a\r\nb\r\n\r\n", `{"userId":"x"}` + "\n{", "\"" + strings.Repeat("\n", 99), "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for format, head := range map[userimport.Format]string{userimport.CSV: "userId,roles\n", userimport.JSONLines: ""} {
			var all bytes.Buffer
			r, err := userimport.NewReader(strings.NewReader(head+text), userimport.Options{Format: format, Long: &all})
			if err != nil {
				continue // UTF-16
			}
			for last := 0; ; {
				e, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || e.Line <= last || e.Err == nil && e.User.Login == "" {
					t.Fatalf("%+v, %v behind line %d", e, err, last)
				}
				last = e.Line
				all.Write(e.Raw)
			}
			if want, got := dense(strings.TrimPrefix(text, map[bool]string{true: "\ufeff"}[head == ""])), dense(all.String()); want != got {
				t.Errorf("%s: of %q came %q", format, want, got)
			}
		}
	})
}

// dense leaves out blank lines, and what may stand at the end of a line.
func dense(s string) string {
	var kept []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}
