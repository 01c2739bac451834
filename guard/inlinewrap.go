package guard

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
)

// refusedKey is where Wrap leaves, for Required, why nobody is authenticated.
type refusedKey struct{}

// Wrap is the middleware. A request that is authenticated goes on with its
// principal and with the access token in force as its Authorization, in the place
// of another scheme's.
func (in *Inliner) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization, Cookie")
		found := in.Resolve(r)
		r = found.request(r)
		if found.Tokens == nil {
			if found.cookie { // nothing else would keep a shared cache from it
				w.Header().Set("Cache-Control", "private")
			}
			h.ServeHTTP(w, r)
			return
		}
		carrier := &carrier{ResponseWriter: w, lines: in.Headers(found)}
		carrier.load()
		defer carrier.load() // where nothing was written, or somebody up the stack answers a panic
		h.ServeHTTP(carrier, r)
	})
}

func (found Inlined) request(r *http.Request) *http.Request {
	ctx := r.Context()
	if found.asCame {
		return r
	}
	if found.Err != nil {
		return r.WithContext(context.WithValue(ctx, refusedKey{}, found.Err))
	}
	r = withPrincipal(r, found.Access)
	if found.cookie {
		r.Header = r.Header.Clone()
		r.Header.Set("Authorization", "Bearer "+found.Bearer)
	}
	return r
}

// Headers are those by which an answer gives the client what was reissued: the
// access token, the refresh cookie where the rotation rule gives one (row 4 does
// not), and the access cookie where that is on. nil where nothing was.
func (in *Inliner) Headers(found Inlined) http.Header {
	t := found.Tokens
	if t == nil {
		return nil
	}
	now, h := in.g.now(), http.Header{}
	h.Set("Cache-Control", "no-store") // SECURITY 50
	h.Set("Authorization", "Bearer "+t.AccessToken)
	if t.SetCookie {
		h.Add("Set-Cookie", in.o.Cookie.Line(t.RefreshToken, t.Ends, now))
	}
	if in.o.AccessCookie {
		if line := in.o.Cookie.AccessLine(t.AccessToken, t.AccessExpires, now); line != "" {
			h.Add("Set-Cookie", line)
		}
	}
	return h
}

// carrier puts the tokens' headers on an answer, again and again until it is on
// its way: an application that sets cookies or cache headers of its own must
// not lose a rotation, which would sign the person out, nor let the answer be
// cached.
type carrier struct {
	http.ResponseWriter
	lines http.Header
	away  bool // the headers are out
}

func (w *carrier) load() {
	if w.away {
		return
	}
	h := w.Header()
	for name, values := range w.lines {
		if name != "Set-Cookie" {
			h[name] = values
			continue
		}
		for _, line := range values {
			if !slices.Contains(h[name], line) {
				h.Add(name, line)
			}
		}
	}
}

// WriteHeader puts the headers on. A 1xx is not the answer yet.
func (w *carrier) WriteHeader(status int) {
	w.load()
	w.away = w.away || status >= http.StatusOK || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *carrier) Write(b []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps files going out by sendfile.
func (w *carrier) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	return io.Copy(w.ResponseWriter, r)
}

// Flush is for applications that stream.
func (w *carrier) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *carrier) FlushError() error {
	w.leave()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is for applications that take the connection: their own answer must
// carry what Header holds.
func (w *carrier) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.leave()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap is for http.ResponseController.
func (w *carrier) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *carrier) leave() {
	w.load()
	w.away = true
}

// refused gives why Inline could not authenticate the request, if it could not.
func refused(r *http.Request) error {
	err, _ := r.Context().Value(refusedKey{}).(error)
	return err
}
