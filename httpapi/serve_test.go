package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

// running serves h on a loopback port until the test ends.
func running(t *testing.T, h http.Handler, o httpapi.ServerOptions) net.Addr {
	t.Helper()
	l := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpapi.Serve(ctx, httpapi.Server(h, o), l, time.Minute) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func theAPI(t *testing.T) http.Handler {
	t.Helper()
	h, err := httpapi.New(pawltest.NewServer(t).Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestEveryLimitIsSet(t *testing.T) { // SECURITY 54
	srv := httpapi.Server(http.NotFoundHandler(), httpapi.ServerOptions{})
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.WriteTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes != 16<<10 {
		t.Errorf("%+v", srv)
	}
}

func TestSlowClientsAreCutOff(t *testing.T) { // SECURITY 54
	const soon = 50 * time.Millisecond
	h := theAPI(t)
	for _, c := range []struct {
		name string
		o    httpapi.ServerOptions
		sent string
		want string // the status line; empty: just closed
	}{
		{"the headers never end", httpapi.ServerOptions{ReadHeaderTimeout: soon}, "GET /healthz HTTP/1.1\r\nHost: pawl\r\nX-Slow: ", ""},
		{"the first byte never comes", httpapi.ServerOptions{ReadHeaderTimeout: soon}, "", ""},
		{"the body never comes", httpapi.ServerOptions{ReadTimeout: soon}, "POST /api/reissue HTTP/1.1\r\nHost: pawl\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{", "HTTP/1.1 408 Request Timeout"},
		{"nothing more comes", httpapi.ServerOptions{IdleTimeout: soon}, "GET /healthz HTTP/1.1\r\nHost: pawl\r\n\r\n", "HTTP/1.1 200 OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, running(t, h, c.o))
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn) // it ends when the server closes
			if err != nil && !errors.Is(err, net.ErrClosed) {
				t.Logf("read: %v", err)
			}
			line, _, _ := strings.Cut(string(answer), "\r\n")
			if c.want != "" && line != c.want {
				t.Errorf("the answer begins %q, want %q", line, c.want)
			}
			if c.want == "" && strings.Contains(line, "200") {
				t.Errorf("answered: %q", line)
			}
		})
	}
}

func TestALateBodyIsAProblem(t *testing.T) {
	conn := dial(t, running(t, theAPI(t), httpapi.ServerOptions{ReadTimeout: 50 * time.Millisecond}))
	if _, err := io.WriteString(conn, "POST /api/reissue HTTP/1.1\r\nHost: pawl\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err := theContract.problem(resp, body); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

func TestOversizeHeadersAreRefused(t *testing.T) { // SECURITY 54
	conn := dial(t, running(t, theAPI(t), httpapi.ServerOptions{}))
	_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: pawl\r\nX-Big: "+strings.Repeat("x", 24<<10)+"\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestShutdownLetsRequestsInFlightFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "whole")
	})
	l := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	served, got := make(chan error, 1), make(chan string, 1)
	srv := httpapi.Server(h, httpapi.ServerOptions{})
	closing := make(chan struct{})
	srv.RegisterOnShutdown(func() { close(closing) })
	go func() { served <- httpapi.Serve(ctx, srv, l, time.Minute) }()
	go func() {
		resp, err := http.Get("http://" + l.Addr().String()) //nolint:noctx // the test ends it
		if err != nil {
			got <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got <- string(b)
	}()
	<-arrived
	stop()
	<-closing // the listener is closed by now
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("new connections are taken still")
	}
	select {
	case err := <-served:
		t.Fatalf("Serve returned %v with a request in flight", err)
	default:
	}
	close(release)
	if s := <-got; s != "whole" {
		t.Errorf("the request in flight got %q", s)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownCutsWhatOutlastsTheGrace(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived); <-release })
	l := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, httpapi.Server(h, httpapi.ServerOptions{}), l, time.Millisecond) }()
	conn := dial(t, l.Addr())
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pawl\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-arrived
	stop()
	if err := <-served; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
	if b, _ := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("answered: %q", b)
	}
	close(release)
}

func TestServeByTLS(t *testing.T) {
	borrowed := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer borrowed.Close()
	l := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	srv := httpapi.Server(theAPI(t), httpapi.ServerOptions{Log: quiet})
	srv.TLSConfig = &tls.Config{Certificates: borrowed.TLS.Certificates, MinVersion: tls.VersionTLS12}
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, srv, l, time.Minute) }()
	client := borrowed.Client()
	resp, err := client.Get("https://" + l.Addr().String() + "/healthz") //nolint:noctx // the test ends it
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	client.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	l := listen(t)
	_ = l.Close()
	if err := httpapi.Serve(t.Context(), httpapi.Server(http.NotFoundHandler(), httpapi.ServerOptions{Log: quiet}), l, time.Minute); err == nil {
		t.Error("a closed listener serves")
	}
}
