package canary

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pawlauth/pawl/api"
)

// TestSecretsAreWrittenNowhere is SECURITY 56 for the program as a whole: logs
// in both forms at level debug, metrics, audit log, error answers, what the
// commands print, crash dumps, the database, and backups.
func TestSecretsAreWrittenNowhere(t *testing.T) {
	bin := build(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, bin, format)
			p.start()
			p.people()
			p.sessions()
			p.programs()
			p.look()
			p.stop(quit) // a crash, with stacks and all
			p.start()
			p.operate()
			p.look()
			p.stop(os.Interrupt)
			p.fail()
			p.files(p.data())
			p.files(p.dir + "/backups")
			p.judge()
		})
	}
}

const (
	login     = "anna@example.com"
	mover     = "moved.in@example.com"
	oldSecret = "an-old-secret-of-thirty-two-bytes-and-more"
)

var (
	setupCode = regexp.MustCompile(`"code":"([a-z2-7]{26})"`)
	resetCode = regexp.MustCompile(`/reset#code=([a-z2-7]{26})`)
	oneSecret = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`)
)

// people goes through everything that has a password or a one-time code.
func (p *program) people() {
	p.t.Helper()
	first := p.secret("the administrator's password", "sunrise hammock canary-01")
	m := p.printed(setupCode)
	p.must(403, request{"POST", p.url + "/api/setup", object("code", p.secret("a wrong setup code", "aaaabbbbccccddddeeeeffff22"), "userId", "root", "password", first), nil})
	p.must(201, request{"POST", p.url + "/api/setup", object("code", p.secret("the setup code", m[1]), "userId", "root", "password", first), nil})

	password := p.secret("a password", "kettle canary-02 green")
	p.run(password+"\n", "user", "add", login, "--password-stdin")
	p.run(p.secret("another password", "kettle canary-17 brown")+"\n", "user", "add", mover, "--password-stdin")
	for _, body := range []string{
		object("userId", login, "password", p.secret("a wrong password", "wrong canary-03 password")),
		object("userId", password, "password", login), // the fields mixed up
		object("userId", login, "password", password, "more", password),
		`{"userId":"` + login + `","password":"` + password + `"`,                                      // cut off
		`{"userId":"` + login + `","password":"` + password + `","password":"twice"}`,                  // twice
		`{"userId":"` + login + `","password":["` + password + `"]}`,                                   // another type
		"userId=" + login + "&password=" + strings.ReplaceAll(password, " ", "+"),                      // a form
		object("userId", login, "password", password, "delivery", password),                            // another field
		object("userId", login, "password", p.secret("a long one", strings.Repeat("canary-04 ", 500))), // too long
	} {
		if status, _ := p.send(request{"POST", p.url + "/api/login", body, nil}); status < 400 {
			p.t.Errorf("%.40s: %d", body, status)
		}
	}
	p.must(400, request{"POST", p.url + "/api/login?access_token=" + p.secret("a token in the query", "canary-05-in-the-query"), object("userId", login, "password", password), nil})

	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
	for path, body := range map[string]url.Values{
		"/sign-in": {"userId": {login}, "password": {p.secret("a wrong password in the form", "wrong canary-21 password")}},
		"/set-up":  {"userId": {"root"}, "password": {first}, "code": {"nothing"}},
		"/reset":   {"password": {p.secret("a new password in the form", "violin canary-22 grey")}, "code": {"nothing"}},
	} {
		p.must(422, request{"POST", p.url + path, body.Encode(), form})
	}

	next := p.secret("a new password", "lantern canary-06 blue")
	tokens := p.signIn(login, password)
	p.must(401, request{"POST", p.url + "/api/password", object("currentPassword", p.secret("a wrong current one", "wrong canary-07 current"), "newPassword", next), bearer(tokens.access)})
	p.must(400, request{"POST", p.url + "/api/password", object("currentPassword", password, "newPassword", p.secret("a short one", "canar-08")), bearer(tokens.access)})
	p.must(200, request{"POST", p.url + "/api/password", object("currentPassword", password, "newPassword", next), bearer(tokens.access)})

	out, _, err := p.try("", "user", "reset", login)
	if m = resetCode.FindStringSubmatch(out); err != nil || m == nil {
		p.t.Fatalf("no reset code: %v\n%s", err, out)
	}
	last := p.secret("the password after a reset", "bicycle canary-09 red")
	p.must(403, request{"POST", p.url + "/api/password/reset", object("code", p.secret("a wrong reset code", "zzzzbbbbccccddddeeeeffff22"), "newPassword", last), nil})
	p.must(204, request{"POST", p.url + "/api/password/reset", object("code", p.secret("the reset code", m[1]), "newPassword", last), nil})
	p.signIn(login, last)
}

type pair struct{ access, refresh string }

func (p *program) signIn(userID, password string) pair {
	p.t.Helper()
	m := p.must(200, request{"POST", p.url + "/api/login", object("userId", userID, "password", password, "delivery", "body"), nil})
	return p.pair(m)
}

// administrator signs in and asks for a token of the administration.
func (p *program) administrator(userID, password string) pair {
	p.t.Helper()
	body := object("refreshToken", p.signIn(userID, password).refresh, "audience", api.AdminAudience(p.url))
	return p.pair(p.must(200, request{"POST", p.url + "/api/reissue", body, nil}))
}

func (p *program) pair(m map[string]any) pair {
	p.t.Helper()
	access, _ := m["accessToken"].(string)
	refresh, _ := m["refreshToken"].(string)
	p.token("an access token", access)
	if refresh != "" {
		p.token("a refresh token", refresh)
	}
	return pair{access, refresh}
}

// sessions goes through everything that carries a token.
func (p *program) sessions() {
	p.t.Helper()
	first := p.signIn(login, "bicycle canary-09 red")
	key := p.secret("an Idempotency-Key", "canary-10-idempotency-key-0123")
	reissue := func(status int, body string, h http.Header) pair {
		p.t.Helper()
		m := p.must(status, request{"POST", p.url + "/api/reissue", body, h})
		if status != 200 {
			return pair{}
		}
		return p.pair(m)
	}
	advance := func(from pair) pair { // within the window the same token comes back
		next := from
		for next.refresh == from.refresh {
			next = reissue(200, object("refreshToken", from.refresh), http.Header{"Idempotency-Key": {key}})
		}
		return next
	}
	second := advance(first)
	reissue(400, object("refreshToken", second.refresh), http.Header{"Idempotency-Key": {p.secret("a short key", "c-11-key")}})
	reissue(400, `{"refreshToken":"`+second.refresh+`"`, nil)
	reissue(400, `{"refresh":"`+second.refresh+`"}`, nil)
	reissue(401, object("refreshToken", second.access), nil)
	reissue(401, object("refreshToken", second.refresh[:len(second.refresh)-3]), nil)
	reissue(400, "", http.Header{"Cookie": {"refreshToken=" + second.refresh + "; refreshToken=" + first.refresh}})
	for _, h := range []http.Header{
		bearer(second.refresh), bearer(second.access + "x"),
		{"Authorization": {"Basic " + second.access}},
		{"Authorization": {second.access}},
		{"Authorization": {"Bearer " + second.access, "Bearer " + first.access}},
		{"Cookie": {"refreshToken=" + second.refresh}, "User-Agent": {"canary/1 " + second.refresh}},
	} {
		if status, _ := p.send(request{"GET", p.url + "/api/session", "", h}); status < 400 {
			p.t.Errorf("%d", status)
		}
	}
	for _, path := range []string{"/api/session/" + second.access, "/" + second.refresh, "/api/sessions/" + second.access + "?token=" + second.refresh} {
		p.send(request{"GET", p.url + path, "", bearer(second.access)})
	}
	third := advance(second)
	reissue(401, object("refreshToken", first.refresh), nil) // reuse: the alarm
	p.must(401, request{"GET", p.url + "/api/session", "", bearer(third.access)})
	old := p.token("an old system's token", p.oldToken())
	reissue(401, object("refreshToken", old+"x"), nil)
	reissue(200, object("refreshToken", old), nil)
	p.must(204, request{"POST", p.url + "/api/logout", object("refreshToken", third.refresh), nil})
}

// oldToken is a refresh token of the system that people move from.
func (p *program) oldToken() string {
	p.t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{"sub": mover, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	compact, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(oldSecret))
	if err != nil {
		p.t.Fatal(err)
	}
	return compact
}

// programs goes through what registered clients and administrators send.
func (p *program) programs() {
	p.t.Helper()
	out, _, err := p.try("", "client", "add", "shop", "--scope", "sessions", "--scope", "users")
	secret := oneSecret.FindString(out)
	if err != nil || secret == "" {
		p.t.Fatalf("no client secret: %v\n%s", err, out)
	}
	p.secret("a client's secret", secret)
	basic := func(secret string) http.Header {
		return http.Header{"Authorization": {"Basic " + p.secret("credentials", base64.StdEncoding.EncodeToString([]byte("shop:"+secret)))}}
	}
	p.must(401, request{"POST", p.url + "/api/sessions", object("userId", "outside"), basic(p.secret("a wrong client secret", "canary-12-wrong-client-secret"))})
	m := p.must(201, request{"POST", p.url + "/api/sessions", object("userId", "outside"), basic(secret)})
	p.pair(m)
	p.must(403, request{"GET", p.admin + "/admin/api/audit", "", basic(secret)})
	admin := p.administrator("root", "sunrise hammock canary-01")
	m = p.must(201, request{"POST", p.admin + "/admin/api/clients", `{"id":"feeder","scopes":["feed"]}`, bearer(admin.access)})
	made, _ := m["secret"].(string)
	p.secret("a secret made over HTTP", made)
	p.must(400, request{"DELETE", p.admin + "/admin/api/clients/feeder", "", bearer(admin.access)}) // no reason given
	p.must(204, request{"DELETE", p.admin + "/admin/api/clients/feeder?why=over", "", bearer(admin.access)})
}

// operate goes through the operator's commands.
func (p *program) operate() {
	p.t.Helper()
	p.run(p.secret("a password set by command", "canary-13 set by command")+"\n", "user", "passwd", login, "--password-stdin")
	_, _, err := p.try(p.secret("a refused password", "canar-14")+"\n", "user", "passwd", login, "--password-stdin")
	if err == nil {
		p.t.Error("a password of 8 characters was accepted")
	}
	_, _, err = p.try("", "user", "add", "carl", "--hash", p.secret("a password in place of a hash", "canary-15 no hash"))
	if err == nil {
		p.t.Error("a password was taken for a hash")
	}
	p.run("", "config", "print")
	p.run("", "config", "check")
	p.run("", "session", "list", "--json")
	p.run("", "user", "list", "--json")
	p.run("", "client", "list", "--json")
	p.run("", "key", "list")
	p.run("", "key", "rotate", "--why", "canary run")
	if err := os.Mkdir(filepath.Join(p.dir, "backups"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	p.run("", "backup", filepath.Join(p.dir, "backups", "pawl.backup"))
	token := p.signIn(login, "canary-13 set by command").refresh
	out, _, err := p.try(token+"\n", "token", "inspect")
	if err != nil || !strings.Contains(out, "gen") {
		p.t.Errorf("inspect: %v\n%s", err, out)
	}
	p.write("output of pawl token inspect", out)
}

// fail makes the program fail at its start.
func (p *program) fail() {
	p.t.Helper()
	wrong := p.secret("a wrong master key", "YW5vdGhlci1rZXktdGhhdC1kb2VzLW5vdC1vcGVuLWk")
	for _, set := range []string{"PAWL_MASTER_KEY=" + wrong, "PAWL_MASTER_KEY=" + p.secret("a broken master key", "canary-16-broken-master-key"), "PAWL_REUSE_WINDOW=canary"} {
		env := p.env
		p.env = append(p.env[:len(p.env):len(p.env)], set)
		if _, errOut, err := p.try("", "serve"); err == nil || errOut == "" {
			p.t.Errorf("%s: started", set[:16])
		}
		p.env = env
	}
}

// look notes what an operator sees: metrics and the audit log.
func (p *program) look() {
	p.t.Helper()
	resp, err := http.Get(p.metrics + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		p.t.Fatal(err)
	}
	p.write("metrics", b.String())
	p.run("", "audit", "list", "--since", "0", "--json")
	p.run("", "audit", "list", "--since", "0")
}

// judge looks for the secrets where the search itself has been shown to see.
func (p *program) judge() {
	p.t.Helper()
	for where, harmless := range map[string]string{
		"log of the server ended by quit": "sign_in_failed", "log of the server ended by interrupt": "stopped",
		"metrics": "pawl_sign_ins_total", "output of pawl audit": "client_removed", "output of pawl config": "master_key",
		"answer 401": "invalid_credentials", "answer 400": "detail", "file pawl.db": login, "file pawl.backup": login,
		"errors of pawl serve": "master key", "output of pawl token": "gen",
	} {
		if !p.holds(where, harmless) {
			p.t.Errorf("nothing like %q was written at %q: the run missed that place", harmless, where)
		}
	}
	for _, f := range p.find() {
		p.t.Error(f)
	}
	p.t.Attr("secrets", strconv.Itoa(len(p.secrets)))
	bytes := 0
	for _, o := range p.wrote {
		bytes += len(o.text)
	}
	p.t.Attr("places", strconv.Itoa(len(p.wrote)))
	p.t.Attr("bytes-searched", strconv.Itoa(bytes))
}
