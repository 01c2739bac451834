package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/client"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/pawltest"
)

// exampleT is what a test function has as t.
type exampleT struct{ testing.TB }

func (exampleT) Helper()        {}
func (exampleT) Cleanup(func()) {}

// A program signs in once; its requests carry a good access token from then on.
func Example() {
	srv := pawltest.NewServer(exampleT{}) // a real Pawl, for tests
	srv.AddUser("anna", "a long enough password")
	orders := httptest.NewServer(srv.Guard().Required(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, _ := guard.Principal(r.Context())
		fmt.Println("orders of", who.Subject)
	})))
	defer orders.Close()

	c, err := client.New(client.Options{
		URL: srv.URL, Store: client.Memory(), // in a program: client.File(path)
		Transport: srv.Client().Transport, Now: srv.Clock.Now, // in a program: neither
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := c.SignIn(ctx, "anna", "a long enough password", "anna's laptop"); err != nil {
		fmt.Println(err)
		return
	}
	web := &http.Client{Transport: c.Transport(nil, orders.URL)}
	for range 2 {
		resp, err := web.Get(orders.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		srv.Advance(time.Hour) // the access token has expired; nobody notices
	}

	fmt.Println("signed out:", c.SignOut(ctx) == nil)
	_, err = web.Get(orders.URL)
	fmt.Println("nobody is signed in:", errors.Is(err, api.ErrUnauthenticated))
	// Output:
	// orders of id-anna
	// orders of id-anna
	// signed out: true
	// nobody is signed in: true
}
