package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ServerOptions bound what one connection may cost (SECURITY 54). Zero values
// mean the defaults; negative durations mean no limit.
type ServerOptions struct {
	ReadHeaderTimeout time.Duration // until a request's headers are there; 5 s
	ReadTimeout       time.Duration // until its body is there; 15 s
	WriteTimeout      time.Duration // from then until the answer is out; 30 s
	IdleTimeout       time.Duration // how long an idle connection is kept; 2 minutes
	MaxHeaderBytes    int           // of the request line and the headers; 16 KiB (net/http adds 4 KiB)
	Log               *slog.Logger  // troubles of connections, at level debug; nil: slog.Default()
}

// Server makes an http.Server for a handler, with every limit set: net/http has
// none by default, and a slow client could hold a connection for ever. In another
// http.Server the handlers of this package bound the write by themselves, where its
// WriteTimeout is 0; the other limits are that program's to set.
func Server(h http.Handler, o ServerOptions) *http.Server {
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: or(o.ReadHeaderTimeout, 5*time.Second),
		ReadTimeout:       or(o.ReadTimeout, 15*time.Second),
		WriteTimeout:      or(o.WriteTimeout, writeTimeout),
		IdleTimeout:       or(o.IdleTimeout, 2*time.Minute),
		MaxHeaderBytes:    or(o.MaxHeaderBytes, 16<<10),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

const writeTimeout = 30 * time.Second

// bounded sets the limit of the write where the program's own http.Server has none:
// a client that asks and does not read would hold its answer for ever.
func bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && srv.WriteTimeout == 0 {
			//nolint:forbidigo // of a connection: never the service's clock
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // net/http takes it back after the request
		}
		h.ServeHTTP(w, r)
	})
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Serve accepts connections from l, by TLS where srv.TLSConfig is set, until ctx
// is done. It then takes no new ones, lets the requests in flight finish for at
// most grace, and returns nil if they did. The listener is closed in any case.
func Serve(ctx context.Context, srv *http.Server, l net.Listener, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() {
		if srv.TLSConfig != nil {
			failed <- srv.ServeTLS(l, "", "")
		} else {
			failed <- srv.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// ctx is done; the requests in flight have their own time.
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := srv.Shutdown(wait)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
