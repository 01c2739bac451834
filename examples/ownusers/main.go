// Command ownusers is a program with a user table of its own that gets
// sign-in, silent reissue and sign-out from Pawl as a library. Run it:
//
//	go run ./examples/ownusers
//
// and follow the curl lines that it prints.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

// customer is this program's own idea of a person.
type customer struct {
	number   string
	email    string
	passhash string // Argon2id, bcrypt or Spring's {bcrypt}: whatever the table holds
	blocked  bool
	staff    bool
}

// customers is this program's own user table: two methods make it pawl.Users.
type customers []customer

func (cs customers) ByID(_ context.Context, id string) (pawl.User, error) {
	return cs.find(func(c customer) bool { return c.number == id })
}

func (cs customers) ByLogin(_ context.Context, login string) (pawl.User, error) {
	return cs.find(func(c customer) bool { return c.email == login })
}

func (cs customers) find(match func(customer) bool) (pawl.User, error) {
	for _, c := range cs {
		if match(c) {
			u := pawl.User{ID: c.number, Login: c.email, PasswordHash: c.passhash, Disabled: c.blocked}
			if c.staff {
				u.Roles = []string{"staff"}
			}
			return u, nil
		}
	}
	return pawl.User{}, pawl.ErrNotFound
}

// newHandler puts Pawl's API beside the program's own pages in one mux.
func newHandler(svc *pawl.Service) (http.Handler, error) {
	sessions, err := httpapi.New(svc, httpapi.Options{})
	if err != nil {
		return nil, err
	}
	g, err := guard.New(svc, guard.Options{Issuer: svc.Issuer(), Audience: svc.Audience()})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", sessions)
	mux.Handle("/.well-known/", sessions)
	mux.Handle("GET /orders", g.Required(http.HandlerFunc(orders)))
	mux.Handle("GET /stock", g.Required(http.HandlerFunc(stock), "staff"))
	return mux, nil
}

func orders(w http.ResponseWriter, r *http.Request) {
	who, _ := guard.Principal(r.Context())
	fmt.Fprintf(w, "orders of customer %s\n", who.Subject)
}

func stock(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "42 kettles") }

// newService keeps sessions in memory, so they end with the program; a real one
// opens store/sqlite, and reads the master key from a secret file.
func newService(ctx context.Context, issuer string, users pawl.Users) (*pawl.Service, error) {
	store := memory.New()
	return pawl.New(ctx, pawl.Config{
		Issuer: issuer, Audience: []string{issuer},
		Sessions: store, Keys: store, Users: users,
		MasterKey: pawl.NewMasterKey(),
	})
}

// onlyHere refuses what other machines reach: passwords and tokens would cross
// the network in clear. A real program serves by TLS, or behind a proxy that does.
func onlyHere(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err == nil && !api.ThisMachine(host) {
		err = fmt.Errorf("%s is not a loopback address, and this example speaks plain HTTP: use one such as 127.0.0.1:8081", listen)
	}
	return err
}

func run(ctx context.Context, listen string) error {
	if err := onlyHere(listen); err != nil {
		return err
	}
	hasher, err := password.New(password.Options{})
	if err != nil {
		return err
	}
	hash, err := hasher.Hash(ctx, "seven purple herons")
	if err != nil {
		return err
	}
	issuer := "http://" + listen
	svc, err := newService(ctx, issuer, customers{{number: "c-1001", email: "ann@example.com", passhash: hash}})
	if err != nil {
		return err
	}
	defer svc.Close()
	handler, err := newHandler(svc)
	if err != nil {
		return err
	}
	fmt.Printf(`Try:
  curl -s -H 'Pawl-Request: 1' -H 'Content-Type: application/json' -d '{"userId":"ann@example.com","password":"seven purple herons","delivery":"body"}' %[1]s/api/login
  curl -s -H "Authorization: Bearer PASTE_THE_ACCESS_TOKEN" %[1]s/orders
`, issuer)
	srv := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	return srv.ListenAndServe()
}

func main() {
	listen := "127.0.0.1:8081"
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	log.Fatal(run(context.Background(), listen))
}
