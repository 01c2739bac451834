package browser_test

import (
	"net/http"
	"testing"

	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/browsertest"
)

// SECURITY 31: a script in a page of Pawl's own origin, with everything of Pawl in
// its reach, learns nothing of the refresh token from /api/verify, in a real browser.
func TestAScriptLearnsNothingFromVerify(t *testing.T) {
	site := browsertest.NewSite(t, browsertest.SiteOptions{
		Pages: func(*browsertest.Site) http.Handler { return blank },
		API: func(o *httpapi.Options) {
			o.VerifyReissue, o.GatewaySecrets = true, []string{"S3/9kq0Tn2dW+VbYx8LmZr5uHcJf1oAe"}
		},
	})
	site.AddUser(t, "anna", "seven-green-kettles", "reader")
	s := &stage{Site: site}
	browsertest.Run(t, browsertest.Scenario{
		File: "testdata/verify.mjs", Control: s.controls(), Input: map[string]any{"url": site.URL, "password": "seven-green-kettles"},
	})
}
