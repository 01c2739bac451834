package api_test

import (
	"strings"
	"testing"

	"github.com/pawlauth/pawl/api"
)

// What browsers send as Origin is taken, and nothing that no browser sends.
func TestOriginsAreSpeltAsBrowsersSpellThem(t *testing.T) {
	for _, origin := range []string{
		"https://app.example.com", "https://app.example.com:8443", "http://localhost:5173", "http://127.0.0.1:5173",
		"http://[::1]:5173", "https://[2001:db8::7]", "https://[::ffff:c000:207]", "https://xn--bcher-kva.example",
		"https://my_app.example.com", "https://app.example.com.", "https://app", "https://1and1.example", "https://0x.example",
		"capacitor://localhost", "ionic://localhost", "tauri://localhost", "https://tauri.localhost", "chrome-extension://abcdefghijklmnop",
	} {
		if err := api.CheckOrigin(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	for origin, says := range map[string]string{
		"":                               "an exact origin",
		"null":                           "an exact origin",
		"app.example.com":                "an exact origin",
		"//app.example.com":              "an exact origin",
		"https://":                       "an exact origin",
		"https://*.example.com":          "wildcards",
		"https://App.example.com":        "lower case",
		"HTTPS://app.example.com":        "lower case",
		"https://app.example.com/":       "a slash at the end",
		"https://app.example.com/x":      "without a path",
		"https://app.example.com?x":      "an exact origin",
		"https://app.example.com#x":      "an exact origin",
		"https://u@app.example.com":      "an exact origin",
		`https://app.example.com\x`:      "an exact origin",
		"https://app.example.com ":       "an exact origin",
		"https://app..example.com":       "an exact origin",
		"https://%61pp.example.com":      "an exact origin",
		"https://bücher.example":         "xn--",
		"https://BÜCHER.example":         "xn--",
		"https://app。example":            "xn--",
		"https://app.example.com:443":    "the scheme's own port",
		"http://app.example.com:80":      "the scheme's own port",
		"https://app.example.com:":       "an exact origin",
		"https://app.example.com:08443":  "without zeros",
		"https://app.example.com:65536":  "from 0 to 65535",
		"https://app.example.com:x":      "an exact origin",
		"https://192.0.2":                "192.0.2.7",
		"https://3221225991":             "192.0.2.7",
		"https://0xc0.0.2.7":             "192.0.2.7",
		"https://192.0.2.007":            "192.0.2.7",
		"https://192.0.2.256":            "192.0.2.7",
		"https://192.0.2.0x7":            "192.0.2.7",
		"https://[2001:DB8::7]":          "send it: [2001:db8::7]",
		"https://[2001:0db8::7]":         "send it: [2001:db8::7]",
		"https://[2001:db8:0:0:0:0:0:7]": "send it: [2001:db8::7]",
		"https://[::ffff:192.0.2.7]":     "send it: [::ffff:c000:207]",
		"https://[fe80::1%25eth0]":       "within its brackets",
		"https://[192.0.2.7]":            "within its brackets",
		"https://[::1":                   "an exact origin",
	} {
		err := api.CheckOrigin(origin)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", origin, err, says)
		}
	}
	if api.CheckWebOrigin("https://app.example.com") != nil || api.CheckWebOrigin("capacitor://localhost") == nil || api.CheckWebOrigin("x") == nil {
		t.Error("a browser can be sent to https and http only")
	}
}
