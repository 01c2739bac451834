package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/pawlauth/pawl/internal/browsertest"
)

const pass = "seven-green-kettles"

func TestTheHarness(t *testing.T) {
	site := browsertest.NewSite(t, browsertest.SiteOptions{Pages: func(*browsertest.Site) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'")
			fmt.Fprint(w, "<h1>here</h1><script>1</script>")
		})
	}})
	site.AddUser(t, "anna", pass)
	browsertest.Run(t, browsertest.Scenario{
		File: "testdata/self.mjs", Input: map[string]string{"url": site.URL, "password": pass},
		Control: map[string]browsertest.Control{"double": func(a json.RawMessage) (any, error) {
			var n int
			if json.Unmarshal(a, &n) != nil {
				return nil, fmt.Errorf("cannot double %s", a)
			}
			return 2 * n, nil
		}},
	})
	if got := len(site.Events("sign_in")); got != 1 && !t.Skipped() {
		t.Errorf("%d sign-ins", got)
	}
}
