package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/telemetry"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/webui"
)

// hsts is how long browsers are told to insist on TLS.
const hsts = 365 * 24 * time.Hour

// gcPercent lets garbage grow to twice what lives, which is a dozen MiB, before
// it is collected: a busy server spends less of its time on that.
const gcPercent = 200

type serveCmd struct {
	Demo        bool `help:"Run a throw-away server to play with: data that is deleted at exit, a user, short lifetimes, and commands to paste. It reads neither file nor environment."`
	NewDatabase bool `name:"new-database" help:"Begin anew where a database was: without this, Pawl refuses to make a new one beside a master key that it made before."`
	kong.Plugins
}

func (serveCmd) Help() string {
	return `Runs the server until it gets SIGINT (Ctrl-C) or SIGTERM. It then takes no new requests, finishes those under way and exits; a second signal ends it at once.

The first start makes the data directory, the database and the master key (with PostgreSQL you bring both), and prints a one-time code with which you create the first administrator. Keep a copy of the master key, away from the database: without it the database's keys are lost.

What is not set has a default that is right for trying Pawl on one machine. To be reached from other machines, it needs the address to listen on, its public URL, and TLS: its own, or that of a proxy in front.

Examples:

    pawl serve --demo
    pawl serve
    pawl serve --config /etc/pawl/pawl.yaml
    pawl serve --listen 0.0.0.0:8443 --issuer https://login.example.com \
        --tls-cert-file cert.pem --tls-key-file key.pem`
}

func (c *serveCmd) Run(a *app) error {
	if c.Demo {
		return a.demo(given(c.Plugins))
	}
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	if err := cfg.CheckServing(); err != nil {
		return err
	}
	if !c.NewDatabase {
		if err := refuseLost(cfg); err != nil {
			return err
		}
	}
	return a.serve(cfg, func(ctx context.Context, svc *pawl.Service) error {
		return a.offerSetup(ctx, svc, cfg.Pages)
	})
}

// serve runs a server until a signal comes. Greet is called when the
// port is open, before the first request is served.
func (a *app) serve(cfg *config.Config, greet func(context.Context, *pawl.Service) error) error {
	ctx, stop := untilSignal()
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := a.newLog(cfg)
	tlsConfig, err := a.newTLS(cfg, log)
	if err != nil {
		return err
	}
	// The port comes first: a second server must not touch the first one's data.
	open, err := listenAll(cfg)
	if err != nil {
		return err
	}
	defer open.close()
	mon, err := openMonitor(cfg, log)
	if err != nil {
		return err
	}
	defer mon.close()
	cfg = cfg.IssuerAt(open.public.Addr())
	svc, closeAll, err := openService(ctx, cfg, log, mon)
	if err != nil && ctx.Err() != nil {
		return errors.New("stopped by a signal before it was ready")
	}
	if err != nil {
		return err
	}
	all, err := open.ports(svc, cfg, log, mon, tlsConfig)
	if err != nil {
		return errors.Join(err, closeAll())
	}
	if err = greet(context.WithoutCancel(ctx), svc); err == nil {
		log.Info("ready", "listen", open.public.Addr().String(), "issuer", cfg.Issuer, storeAttrs(cfg), "version", Version())
		notify(stateReady)
		debug.FreeOSMemory() // what the start has used: pages compressed, templates read
		defer context.AfterFunc(ctx, func() { notify(stateStopping) })()
		err = serveAll(ctx, all, cfg.ShutdownTimeout)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("stopped, but requests were still under way after shutdown_timeout (%v) and were cut off", cfg.ShutdownTimeout)
	}
	// The store is closed last: requests under way still use it.
	if err = errors.Join(err, closeAll()); err == nil {
		log.Info("stopped")
	}
	return err
}

// untilSignal gives a context that the first signal ends; a second one ends
// the process.
func untilSignal() (context.Context, func()) {
	stopping := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
		stopping = append(stopping, syscall.SIGHUP) // the terminal was closed
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, stopping...)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-came:
		case <-ctx.Done():
		}
		signal.Stop(came) // before anything shows that we stop: the next one kills
		cancel()
	}()
	return ctx, cancel
}

// listen opens the port that the flag names, with an error that says what to do.
func listen(address, flag string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program, perhaps another pawl; stop that one, or choose another port with %s", address, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s; choose a port above 1023 with %s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is not an address of this machine; choose another with %s", address, flag)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}

// openService opens what the configuration names, and begins to serve metrics
// of it. closeAll closes them, the service, then its store.
func openService(ctx context.Context, cfg *config.Config, log *slog.Logger, mon *monitor) (svc *pawl.Service, closeAll func() error, err error) {
	warnOfLegacy(cfg, log, time.Now())
	s, key, err := openForServer(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if !s.PutBack.IsZero() {
		log.Warn(foundBackup, "made", s.PutBack.UTC(), "note", backInTime)
	}
	svc, stop, err := newService(ctx, cfg, s, key, log, mon)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return svc, func() error { stop(); return s.Close() }, nil
}

// newService makes the service and what goes on beside it; stop ends all of it.
func newService(ctx context.Context, cfg *config.Config, s store, key pawl.MasterKey, log *slog.Logger, mon *monitor) (svc *pawl.Service, stop func(), err error) {
	c, err := serviceConfig(cfg, s, key, log)
	if err != nil {
		return nil, nil, err
	}
	mon.over(&c)
	stopClock, err := goByStore(ctx, &c, s.Clock)
	if err != nil {
		return nil, nil, err
	}
	if svc, err = pawl.New(ctx, c); err != nil {
		stopClock()
		return nil, nil, err
	}
	stopMetrics, err := mon.start(telemetry.State{Service: svc, Hasher: c.Hasher, Stores: watched(s)})
	if err != nil {
		svc.Close()
		stopClock()
		return nil, nil, err
	}
	return svc, func() { stopMetrics(); svc.Close(); stopClock() }, nil
}

// goByStore has the service go by the clock that it shares with others.
func goByStore(ctx context.Context, c *pawl.Config, source pawl.TimeSource) (stop func(), err error) {
	if source == nil {
		return func() {}, nil
	}
	clock, err := pawl.NewClock(ctx, source, pawl.ClockOptions{Log: c.Log})
	if err != nil {
		return nil, err
	}
	c.Now = clock.Now
	return clock.Close, nil
}

// watched is what metrics tell of the stores.
func watched(s store) (all []telemetry.Store) {
	for _, p := range s.Parts {
		all = append(all, telemetry.Store{Kind: p.Name, Stats: p.Stats, Unacknowledged: p.Unacknowledged()})
	}
	return all
}

// storeAttrs names the stores in the log.
func storeAttrs(cfg *config.Config) slog.Attr {
	attrs := []slog.Attr{slog.String("database", cfg.DatabaseName())}
	if cfg.Sessions != "" {
		attrs = append(attrs, slog.String("sessions", cfg.Sessions.String()))
	}
	return slog.Attr{Value: slog.GroupValue(attrs...)} // without a name: as if they stood alone
}

// serviceConfig is where the configuration's keys become the service's.
func serviceConfig(cfg *config.Config, s store, key pawl.MasterKey, log *slog.Logger) (pawl.Config, error) {
	hasher, err := password.New(cfg.HashOptions())
	old, oldErr := legacyVerifier(cfg)
	return pawl.Config{
		Issuer: cfg.Issuer, Audience: cfg.Audience,
		Sessions: s.SessionStore, Users: s, Keys: s, Clients: s, MasterKey: key,
		Policy: pawl.Policy{
			AccessTTL: cfg.AccessTTL, RefreshTTL: cfg.RefreshTTL, SessionTTL: cfg.SessionTTL, ReuseWindow: cfg.Window(),
		},
		UnsafeNoReuseWindow: cfg.Window() == 0,
		KeyPolicy:           keyPolicy(cfg),
		ResetTTL:            cfg.PasswordResetTTL,
		SessionsPerUser:     noLimit(cfg.SessionsPerUser),
		Hasher:              hasher,
		PasswordPolicy:      password.Policy{Min: cfg.PasswordMinLength},
		Throttle:            s.Throttle,
		SignInLimits: pawl.SignInLimits{
			PerAccount: noLimit(cfg.SignInFailuresPerAccount), PerAddress: noLimit(cfg.SignInFailuresPerAddress),
			SignIns: noLimit(cfg.SignInsPerAccount), Period: cfg.SignInFailuresPeriod,
		},
		Audit:          s,
		AuditRetention: cfg.AuditRetention,
		OnEvent:        logEvents(log),
		Log:            log,
		Legacy:         old,
	}, errors.Join(err, oldErr)
}

// noLimit turns the configuration's "0: no limit" into the service's.
func noLimit(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func newServer(svc *pawl.Service, cfg *config.Config, log *slog.Logger, mon *monitor) (*http.Server, error) {
	o := apiOptions(cfg, log, mon)
	var err error
	if cfg.Pages {
		if o.Pages, err = webui.New(svc, pageOptions(cfg, log)); err != nil {
			return nil, err
		}
	}
	h, err := httpapi.New(svc, o)
	if err != nil {
		return nil, err
	}
	return httpapi.Server(h, httpapi.ServerOptions{Log: log}), nil
}

// apiOptions is where the configuration's keys become the API's.
func apiOptions(cfg *config.Config, log *slog.Logger, mon *monitor) httpapi.Options {
	return httpapi.Options{
		Cookie:         cookie(cfg),
		LegacyCookie:   legacyCookie(cfg),
		TrustedOrigins: cfg.TrustedOrigins,
		TrustedProxies: cfg.TrustedProxies,
		HSTS:           hsts,
		ResetURL:       cfg.PasswordResetURL,
		VerifyReissue:  cfg.VerifyReissue,
		GatewaySecrets: cfg.GatewaySecrets(),
		AdminElsewhere: cfg.AdminListen != "",
		Version:        Version(),
		OnRequest:      mon.onRequest(),
		Log:            log,
	}
}

// pageOptions is where the configuration's keys become the pages'.
func pageOptions(cfg *config.Config, log *slog.Logger) webui.Options {
	return webui.Options{
		Cookie: cookie(cfg), LegacyCookie: legacyCookie(cfg), TrustedProxies: cfg.TrustedProxies, ReturnTo: cfg.ReturnTo,
		Name: cfg.SiteName, NoAdmin: cfg.AdminListen != "", Log: log,
	}
}

func cookie(cfg *config.Config) api.Cookie {
	return api.Cookie{UnsafeHTTP: cfg.UnsafeHTTPCookies, Strict: cfg.CookieSameSite == "strict"}
}

// offerSetup prints how to create the first administrator, while there is
// none. It goes to standard output and not to the log: the code is a secret.
func (a *app) offerSetup(ctx context.Context, svc *pawl.Service, pages bool) error {
	code, err := svc.OfferSetup(ctx)
	if err != nil || code == "" {
		return err
	}
	page := ""
	if pages {
		page = fmt.Sprintf("  in a browser: %s/set-up#code=%s\n\n", svc.Issuer(), code)
	}
	_, err = fmt.Fprintf(a.stdout, `
There is no administrator yet. Create the first one with this code, which is
good once and until the next start (choose a password of your own):

%s  curl -X POST %s/api/setup -H 'Content-Type: application/json' \
    -d '{"code":"%s","userId":"admin","password":"CHOOSE A PASSWORD"}'

Or, in a shell on this machine: pawl user add admin --role admin

`, page, svc.Issuer(), code)
	return err
}
