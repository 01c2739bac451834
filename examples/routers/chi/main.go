// Command chi is an API on go-chi/chi that takes Pawl's access tokens: it checks
// them without asking anybody, and turns away who has signed out. Run it, with
// what pawl client add orders --scope feed printed:
//
//	PAWL_ISSUER=http://127.0.0.1:8080 PAWL_CLIENT_ID=orders PAWL_CLIENT_SECRET=… go run ./chi
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pawlauth/pawl/guard"
)

// required lets in who is signed in and, where roles are named, has one of them.
func required(g *guard.Guard, roles ...string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return g.Required(h, roles...) }
}

func routes(g *guard.Guard, health http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") })
	r.Method(http.MethodGet, "/healthz", health)
	r.With(required(g)).Get("/orders", orders)
	r.Route("/stock", func(r chi.Router) {
		r.Use(required(g, "staff"))
		r.Get("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "42 kettles") })
	})
	return r
}

func orders(w http.ResponseWriter, r *http.Request) {
	who, _ := guard.Principal(r.Context())
	fmt.Fprintln(w, "orders of", who.Subject)
}

func run(ctx context.Context, listen string) error {
	name := os.Getenv("PAWL_ISSUER")
	issuer, err := guard.Remote(ctx, guard.RemoteOptions{
		Issuer: name, ClientID: os.Getenv("PAWL_CLIENT_ID"), Secret: os.Getenv("PAWL_CLIENT_SECRET"),
		Stale: guard.FailClosed, // 503 where the issuer was not heard of for ten seconds
	})
	if err != nil {
		return err
	}
	defer issuer.Close()
	g, err := guard.New(issuer, guard.Options{Issuer: name, Audience: []string{name}, Leeway: 30 * time.Second})
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: listen, Handler: routes(g, issuer.Health()), ReadHeaderTimeout: 5 * time.Second}
	return srv.ListenAndServe()
}

func main() {
	listen := "127.0.0.1:9000"
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	log.Fatal(run(context.Background(), listen))
}
