package pawltest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/pawltest"
)

// exampleT is what a test function has as t.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (*exampleT) Helper()            {}
func (t *exampleT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) end() {
	for _, f := range t.cleanups {
		f()
	}
}

// An application's own handler, tested with real tokens.
func Example() {
	t := &exampleT{} // in a test: its own t
	defer t.end()

	srv := pawltest.NewServer(t)
	srv.AddUser("anna", "a long enough password", "reader")

	orders := srv.Guard().Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := guard.Principal(r.Context())
		fmt.Println("orders of", who.Subject, who.Roles)
	}), "reader")

	tokens := srv.SignIn("id-anna")
	r, _ := http.NewRequest("GET", "/orders", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	orders.ServeHTTP(nil, r)
	// Output: orders of id-anna [reader]
}

// A browser keeps the refresh token in its cookie jar.
func ExampleServer_Client() {
	t := &exampleT{}
	defer t.end()
	srv := pawltest.NewServer(t)
	srv.AddUser("anna", "a long enough password")
	browser := srv.Client()

	post := func(path, body string) {
		r, _ := http.NewRequest("POST", srv.URL+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := browser.Do(r)
		if err != nil {
			fmt.Println(path, "failed")
			return
		}
		_ = resp.Body.Close()
		fmt.Println(path, resp.StatusCode)
	}
	post("/api/login", `{"userId":"anna","password":"a long enough password"}`)
	srv.DropNextReply()
	post("/api/reissue", "")
	post("/api/reissue", "")
	srv.StoreDown(true)
	post("/api/reissue", "")
	srv.StoreDown(false)
	post("/api/logout", "")
	post("/api/reissue", "")
	// Output:
	// /api/login 200
	// /api/reissue failed
	// /api/reissue 200
	// /api/reissue 503
	// /api/logout 204
	// /api/reissue 401
}
