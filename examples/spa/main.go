// Command spa is a single-page application with its API, signed in by Pawl, and
// buttons that make trouble: a token expires, a reply is lost, a thief comes.
// The page says in plain words what happened. Run it:
//
//	go run ./examples/spa
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/clients/browser"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

//go:embed web
var web embed.FS

// cookie is right for http://localhost in every browser; the example listens on
// no other. A real application is reached by TLS, and leaves this out: without
// the prefix and Secure, other programs of the host can set the cookie, and it
// travels in clear.
var cookie = api.Cookie{UnsafeHTTP: true}

// app is the application, and what its buttons need.
type app struct {
	svc     *pawl.Service
	guard   *guard.Guard
	clock   clock
	journal journal
	trouble trouble
}

// newApp keeps everything in memory; a real application opens store/sqlite, and
// reads the master key from a secret file.
func newApp(ctx context.Context, issuer string) (*app, error) {
	a := &app{}
	store := memory.New()
	hasher, err := password.New(password.Options{})
	if err != nil {
		return nil, err
	}
	hash, err := hasher.Hash(ctx, "seven-green-kettles")
	if err != nil {
		return nil, err
	}
	if err := store.CreateUser(ctx, pawl.User{ID: "anna", Login: "anna", PasswordHash: hash}); err != nil {
		return nil, err
	}
	a.svc, err = pawl.New(ctx, pawl.Config{
		Issuer: issuer, Audience: []string{issuer},
		Sessions: store, Users: store, Keys: store, MasterKey: pawl.NewMasterKey(),
		Now: a.clock.now, OnEvent: a.journal.event, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	a.guard, err = guard.New(a.svc, guard.Options{Issuer: issuer, Audience: []string{issuer}, Now: a.clock.now})
	return a, err
}

// handler puts Pawl's API, the application's own, its page and the buttons into
// one mux.
func (a *app) handler() (http.Handler, error) {
	sessions, err := httpapi.New(a.svc, httpapi.Options{Cookie: cookie, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	pages, err := fs.Sub(web, "web")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", a.trouble.mayDrop(&a.journal, sessions))
	mux.Handle("GET /orders", a.journal.watch(a.guard.Required(http.HandlerFunc(orders))))
	mux.Handle("GET /pawl.min.js", script(browser.Module))
	mux.Handle("/", policy(http.FileServerFS(pages)))
	mux.HandleFunc("GET /demo/journal", a.journal.serve)
	a.mountTrouble(mux)
	return mux, nil
}

// orders is the application's own API: it knows who asks, and asks nobody.
func orders(w http.ResponseWriter, r *http.Request) {
	who, _ := guard.Principal(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, `{"customer":%q,"orders":["a green kettle","seven cups","a tin of tea"]}`, who.Subject)
}

func script(text []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(text) // a browser that went away
	})
}

// policy is all that a page with Pawl's client needs to be allowed.
func policy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// run serves until ctx is done.
func run(ctx context.Context, l net.Listener) error {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	url := "http://localhost:" + port
	a, err := newApp(ctx, url)
	if err != nil {
		return err
	}
	defer a.svc.Close()
	h, err := a.handler()
	if err != nil {
		return err
	}
	fmt.Println("Open", url, "and press the buttons. Ctrl-C ends it.")
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listenHere refuses what other machines reach: everybody knows the password,
// and it would cross the network in clear.
func listenHere(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !api.ThisMachine(host) {
		return nil, fmt.Errorf("%s is not a loopback address: use one such as 127.0.0.1:8082", address)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func main() {
	listen := "127.0.0.1:8082"
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := listenHere(ctx, listen)
	if err == nil {
		err = run(ctx, l)
	}
	if err != nil {
		stop()
		log.Fatal(err)
	}
}
