package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 20

// endpoint is where a server listens.
type endpoint struct {
	host    string // for the Host header
	address string // host and port to dial
	prefix  string // of every path, without a slash at its end
	tls     *tls.Config
}

func parseEndpoint(base string) (endpoint, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return endpoint{}, fmt.Errorf("%q is not the URL of a server; it should look like http://127.0.0.1:8080", base)
	}
	e := endpoint{host: u.Host, prefix: trimSlash(u.EscapedPath())}
	port := u.Port()
	if u.Scheme == "https" {
		e.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	if port == "" {
		port = u.Scheme // net knows these services by name
	}
	e.address = net.JoinHostPort(u.Hostname(), port)
	return e, nil
}

func trimSlash(path string) string {
	for len(path) > 0 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}

// conn is one kept-alive connection, opened when it is first used. It writes
// requests by hand: net/http's client costs as much as the server it would
// measure, on the same processors.
type conn struct {
	endpoint
	local   net.Addr // to dial from; nil: the system chooses
	timeout time.Duration
	ctx     context.Context // ends everything, requests under way too
	unwatch func() bool
	tcp     net.Conn
	in      *bufio.Reader
	out     bytes.Buffer
	took    time.Duration // by the last request
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// request is one to send. Body is marshalled, unless it is nil.
type request struct {
	method, path, bearer string
	body                 any
}

func (c *conn) close() {
	if c.tcp != nil {
		c.unwatch()
		c.tcp.Close()
		c.tcp = nil
	}
}

func (c *conn) open() error {
	d := net.Dialer{Timeout: c.timeout, LocalAddr: c.local}
	tcp, err := d.DialContext(c.ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	if c.tls != nil {
		tcp = tls.Client(tcp, c.tls)
	}
	c.tcp, c.in = tcp, bufio.NewReader(tcp)
	c.unwatch = context.AfterFunc(c.ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	return nil
}

// do sends a request and reads the answer; the error is a fault, and the
// connection is then closed.
func (c *conn) do(r request) (answer, error) {
	what := r.method + " " + r.path
	begin := time.Now()
	a, err := c.exchange(r)
	c.took = time.Since(begin)
	if err != nil {
		c.close()
		return a, cut(what, c.timeout, err)
	}
	return a, nil
}

func (c *conn) exchange(r request) (answer, error) {
	if c.tcp == nil {
		if err := c.open(); err != nil {
			return answer{}, err
		}
	}
	if err := c.tcp.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return answer{}, err
	}
	if err := c.ctx.Err(); err != nil { // it ended before the deadline was set
		return answer{}, err
	}
	if err := c.write(r); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(c.in, &http.Request{Method: r.method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if resp.Close {
		c.close()
	}
	return answer{resp.StatusCode, resp.Header, body}, err
}

func (c *conn) write(r request) error {
	c.out.Reset()
	fmt.Fprintf(&c.out, "%s %s%s HTTP/1.1\r\nHost: %s\r\nPawl-Request: 1\r\nUser-Agent: pawl-bench\r\n", r.method, c.prefix, r.path, c.host)
	if r.bearer != "" {
		fmt.Fprintf(&c.out, "Authorization: Bearer %s\r\n", r.bearer)
	}
	if r.body == nil {
		c.out.WriteString("\r\n")
	} else {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return err
		}
		fmt.Fprintf(&c.out, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(encoded))
		c.out.Write(encoded)
	}
	_, err := c.tcp.Write(c.out.Bytes())
	return err
}
