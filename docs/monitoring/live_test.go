package monitoring_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 30 * time.Second

// until waits for a condition, and says what was not met.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// process runs a program until the test ends; what it wrote is shown if that fails.
func process(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, out.String())
		}
	})
}

// get decodes the answer's JSON into v, where v is not nil, and gives its status.
func get(t *testing.T, address string, v any) int {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(body, v); err != nil {
			t.Fatalf("%s: %v\n%s", address, err, body)
		}
	}
	return res.StatusCode
}

// pawl starts a server and gives its addresses and a function that does what a
// busy minute does.
func pawl(t *testing.T) (metrics string, busy func()) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "pawl")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "../../cmd/pawl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listen, metrics := freeAddress(t), freeAddress(t)
	env := []string{"PAWL_LISTEN=" + listen, "PAWL_METRICS_LISTEN=" + metrics, "PAWL_DATA_DIR=" + filepath.Join(dir, "data"), "PAWL_UNSAFE_HTTP_COOKIES=true", "PAWL_UNSAFE_REUSE_WINDOW=0s"}
	process(t, env, bin, "serve")
	until(t, "Pawl is ready", func() bool { return get(t, "http://"+listen+"/readyz", nil) == http.StatusOK })
	command := func(args ...string) {
		cmd := exec.Command(bin, args...)
		cmd.Env, cmd.Stdin = append(os.Environ(), "PAWL_DATA_DIR="+filepath.Join(dir, "data")), strings.NewReader("seven-green-kettles\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("pawl %q: %v\n%s", args, err, out)
		}
	}
	command("user", "add", "ada", "--role", "admin", "--password-stdin")
	return metrics, func() {
		one, two := signIn(t, listen), signIn(t, listen)
		post(t, listen, "/api/login", `{"userId":"ada","password":"wrong-wrong-wrong"}`, "", 401)
		r := post(t, listen, "/api/reissue", `{"refreshToken":"`+one.RefreshToken+`"}`, "", 200)
		post(t, listen, "/api/logout", `{"refreshToken":"`+r.RefreshToken+`"}`, "", 204)
		post(t, listen, "/api/reissue", `{"refreshToken":"`+r.RefreshToken+`"}`, "", 401)
		post(t, listen, "/api/password", `{"currentPassword":"no-no-no-no-no","newPassword":"nine-blue-teapots"}`, two.AccessToken, 0)
	}
}

type tokens struct{ AccessToken, RefreshToken string }

func signIn(t *testing.T, listen string) tokens {
	t.Helper()
	return post(t, listen, "/api/login", `{"userId":"ada","password":"seven-green-kettles","delivery":"body"}`, "", 200)
}

func post(t *testing.T, listen, path, body, bearer string, want int) (got tokens) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+listen+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Pawl-Request", "1")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if want != 0 && res.StatusCode != want {
		t.Fatalf("%s: %s\n%s", path, res.Status, text)
	}
	_ = json.Unmarshal(text, &got) // an answer without tokens has none
	return got
}

// prometheusOf starts a Prometheus that scrapes metrics and has the rules, and
// gives its URL.
func prometheusOf(t *testing.T, metrics string) string {
	t.Helper()
	rulesFile, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, listen := t.TempDir(), freeAddress(t)
	file := filepath.Join(dir, "prometheus.yml")
	config := fmt.Sprintf("global: {scrape_interval: 250ms, scrape_timeout: 200ms, evaluation_interval: 250ms}\nrule_files: [%q]\nscrape_configs:\n  - job_name: pawl\n    static_configs: [{targets: [%q]}]\n", rulesFile, metrics)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	process(t, nil, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+listen, "--log.level=warn")
	until(t, "Prometheus is ready", func() bool { return get(t, "http://"+listen+"/-/ready", nil) == http.StatusOK })
	return "http://" + listen
}

// query evaluates an expression and gives how many series came of it.
func query(t *testing.T, prometheus, expr string) int {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	get(t, prometheus+"/api/v1/query?query="+url.QueryEscape(expr), &answer)
	if answer.Status != "success" {
		t.Errorf("%s: %s", expr, answer.Error)
	}
	return len(answer.Data.Result)
}

type target struct{ Expr string }

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []target
}

func panels(t *testing.T) []panel {
	t.Helper()
	b, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// A real Prometheus that scrapes a real Pawl loads every rule, finds nothing to
// alert of, and has data for every expression of the dashboard.
func TestPrometheusHasTheRulesAndTheDashboardsData(t *testing.T) {
	if testing.Short() {
		t.Skip("starting Prometheus takes seconds")
	}
	need(t, "prometheus")
	metrics, busy := pawl(t)
	prometheus := prometheusOf(t, metrics)
	until(t, "Prometheus has scraped Pawl twice", func() bool { return query(t, prometheus, `count_over_time(up{job="pawl"}[1m]) > 1 and up == 1`) == 1 })
	busy()
	until(t, "Prometheus has seen what was done", func() bool {
		return query(t, prometheus, `increase(pawl_ends_total{reason="signed_out"}[1m]) > 0`) == 1 && query(t, prometheus, `pawl_live_sessions`) == 1
	})
	checkRules(t, prometheus)
	n := 0
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			n++
			// A filter of what is 0 hides it; that the rest has data is what counts.
			expr := strings.TrimSuffix(strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr), " > 0")
			if query(t, prometheus, expr) == 0 {
				t.Errorf("%s: nothing comes of %s", p.Title, expr)
			}
		}
	}
	t.Attr("expressions-evaluated", fmt.Sprint(n))
}

func checkRules(t *testing.T, prometheus string) {
	t.Helper()
	want := 0
	for _, g := range readRules(t).Groups {
		want += len(g.Rules)
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError, State string }
			}
		}
	}
	healthy := 0
	until(t, "every rule was evaluated", func() bool {
		get(t, prometheus+"/api/v1/rules", &answer)
		healthy = 0
		for _, g := range answer.Data.Groups {
			for _, r := range g.Rules {
				if r.Health == "ok" && r.State == "inactive" {
					healthy++
				}
			}
		}
		return healthy == want
	})
	t.Attr("rules-loaded", fmt.Sprint(healthy))
}

// What can be checked of the dashboard without Grafana: its JSON has the form of
// Grafana's, panels have ids of their own and do not cover each other, every
// variable that is used is declared.
func TestDashboardIsWellFormed(t *testing.T) {
	b, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID           string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || len(board.UID) > 40 || board.SchemaVersion < 36 {
		t.Errorf("uid %q, schema %d", board.UID, board.SchemaVersion)
	}
	declared := map[string]bool{"__rate_interval": true, "__all": true}
	for _, v := range board.Templating.List {
		declared[v.Name] = true
	}
	for _, m := range regexp.MustCompile(`\$\{?(\w+)`).FindAllSubmatch(b, -1) {
		if !declared[string(m[1])] {
			t.Errorf("the variable $%s is not declared", m[1])
		}
	}
	seen, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range panels(t) {
		if seen[p.ID] || p.ID == 0 || p.Type == "" || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q lacks something, or its id is taken", p.ID, p.Title)
		}
		seen[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q covers %q, or leaves the page", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}
