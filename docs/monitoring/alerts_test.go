// Package monitoring_test holds the alert rules and the dashboard against a real
// Prometheus: as files, with made-up series, and beside a running Pawl.
package monitoring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// need skips, and says what to install, where a program is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is missing (Debian: prometheus)", program)
	}
}

// series is a made-up time series, a value a minute in promtool's notation.
type series struct {
	Series string
	Values string
}

// scene is what makes an alert fire, and what looks alike and must not.
type scene struct {
	alert string
	fires []series
	quiet []series
}

const here = `instance="a",job="pawl"`

func of(name, labels, values string) series {
	if labels != "" {
		labels = "," + labels
	}
	return series{name + "{" + here + labels + "}", values}
}

// scenes has every alert, judged after two hours.
var scenes = []scene{
	{"PawlDown", []series{of("up", "", "0x120")}, []series{of("up", "", "1x120"), {`up{instance="b",job="other"}`, "0x120"}}},
	{"PawlTokenReuse", []series{of("pawl_reuse_total", "", "0x115 1x5")}, []series{of("pawl_reuse_total", "", "7x120")}},
	{"PawlResentElsewhere", []series{of("pawl_resent_elsewhere_total", "", "0+3x120")}, []series{of("pawl_resent_elsewhere_total", "", "0+1x120")}},
	{"PawlAuditLost", []series{of("pawl_audit_lost_total", "", "0x115 1x5")}, []series{of("pawl_audit_lost_total", "", "3x120")}},
	{"PawlStoreLostWrites", []series{of("pawl_restored_total", "", "0x115 2x5")}, []series{of("pawl_restored_total", "", "2x120")}},
	{"PawlEndsLost", []series{of("pawl_log_losses_total", "", "0x115 1x5")}, []series{of("pawl_log_losses_total", "", "4x120")}},
	{"PawlEndsUnacknowledged", []series{of("pawl_ends_unacknowledged_total", `store="redis"`, "0x115 3x5")}, []series{of("pawl_ends_unacknowledged_total", `store="redis"`, "3x120")}},
	{"PawlLogUnread", []series{of("pawl_log_age_seconds", "", "0+60x120")}, []series{of("pawl_log_age_seconds", "", "4x120")}},
	{"PawlStoreFails", []series{of("pawl_store_errors_total", `method="rotate"`, "0+60x120")}, []series{of("pawl_store_errors_total", `method="rotate"`, "0+1x120")}},
	{
		"PawlStoreSlow",
		[]series{of("pawl_store_seconds_bucket", `method="rotate",le="0.1"`, "0+90x120"), of("pawl_store_seconds_bucket", `method="rotate",le="0.5"`, "0+100x120"), of("pawl_store_seconds_bucket", `method="rotate",le="+Inf"`, "0+100x120")},
		[]series{of("pawl_store_seconds_bucket", `method="rotate",le="0.1"`, "0+100x120"), of("pawl_store_seconds_bucket", `method="rotate",le="0.5"`, "0+100x120"), of("pawl_store_seconds_bucket", `method="rotate",le="+Inf"`, "0+100x120")},
	},
	{
		"PawlSignInsFail",
		[]series{of("pawl_sign_in_failures_total", `reason="invalid_credentials"`, "0+120x120"), of("pawl_sign_ins_total", "", "0+6x120")},
		[]series{of("pawl_sign_in_failures_total", `reason="invalid_credentials"`, "0+120x120"), of("pawl_sign_ins_total", "", "0+60x120")},
	},
	{"PawlHashQueue", []series{of("pawl_hash_waiting", "", "3x120")}, []series{of("pawl_hash_waiting", "", "3x110 0 3x9")}},
	{"PawlKeyTooOld", []series{of("pawl_key_age_seconds", `use="access"`, "3900000+60x120")}, []series{of("pawl_key_age_seconds", `use="access"`, "2500000+60x120")}},
	{"PawlFeedBehind", []series{of("pawl_feed_behind_seconds", "", "0+60x120")}, []series{of("pawl_feed_behind_seconds", "", "14x120")}},
	{
		"PawlAnswersErrors",
		[]series{of("pawl_http_request_seconds_count", `class="2xx",route="/api/login"`, "0+90x120"), of("pawl_http_request_seconds_count", `class="5xx",route="/api/login"`, "0+10x120")},
		[]series{of("pawl_http_request_seconds_count", `class="2xx",route="/api/login"`, "0+990x120"), of("pawl_http_request_seconds_count", `class="5xx",route="/api/login"`, "0+10x120")},
	},
	{"PawlSessionsGone", []series{of("pawl_live_sessions", "", "1000x80 400x40")}, []series{of("pawl_live_sessions", "", "1000x80 600x40")}},
}

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert  string
			Labels map[string]string
		}
	}
}

func readRules(t *testing.T) rules {
	t.Helper()
	b, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r rules
	if err := yaml.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	need(t, "promtool")
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

func TestRulesAreWellFormed(t *testing.T) {
	promtool(t, "check", "rules", "--lint-fatal", "alerts.yaml")
}

// Each alert fires in the scene made for it, and is silent in the one beside.
func TestEachAlertFiresAndIsSilent(t *testing.T) {
	type expectation struct {
		Expr    string           `yaml:"expr"`
		Time    string           `yaml:"eval_time"`
		Samples []map[string]any `yaml:"exp_samples"`
	}
	type group struct {
		Interval string        `yaml:"interval"`
		Input    []series      `yaml:"input_series"`
		Expr     []expectation `yaml:"promql_expr_test"`
	}
	rulesFile, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var groups []group
	ask := func(s scene, input []series, fires bool) {
		e := expectation{Expr: `count(ALERTS{alertname="` + s.alert + `",alertstate="firing"})`, Time: "120m"}
		if fires {
			e.Samples = []map[string]any{{"labels": "{}", "value": 1}}
		}
		groups = append(groups, group{"1m", input, []expectation{e}})
	}
	for _, s := range scenes {
		ask(s, s.fires, true)
		ask(s, s.quiet, false)
		ask(s, nil, false)
	}
	b, err := yaml.Marshal(map[string]any{"rule_files": []string{rulesFile}, "evaluation_interval": "1m", "tests": groups})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", file)
}

func TestEveryAlertHasItsScene(t *testing.T) {
	var have, want []string
	for _, s := range scenes {
		have = append(have, s.alert)
	}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			want = append(want, r.Alert)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("scenes of\n%v, rules of\n%v", have, want)
	}
}
