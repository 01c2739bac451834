package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
)

// client is one signed-in device on one kept-alive connection. It writes
// requests by hand: net/http's client costs as much as the server it would
// measure, on the same two cores.
type client struct {
	host    string
	conn    net.Conn
	in      *bufio.Reader
	out     bytes.Buffer
	refresh string
}

func dial(host string) (*client, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &client{host: host, conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *client) close() { c.conn.Close() }

// post sends body and decodes the answer, which must be a 200.
func (c *client) post(path string, body any) (api.TokenResponse, error) {
	var tokens api.TokenResponse
	encoded, err := json.Marshal(body)
	if err != nil {
		return tokens, err
	}
	c.out.Reset()
	fmt.Fprintf(&c.out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nPawl-Request: 1\r\nContent-Length: %d\r\n\r\n", path, c.host, len(encoded))
	c.out.Write(encoded)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return tokens, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return tokens, err
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return tokens, err
	}
	if resp.StatusCode != http.StatusOK {
		return tokens, api.ReadProblem(resp.StatusCode, resp.Header, answer)
	}
	return tokens, json.Unmarshal(answer, &tokens)
}

func (c *client) login(user, password string) error {
	t, err := c.post("/api/login", api.LoginRequest{UserID: user, Password: password, Delivery: api.DeliveryBody})
	c.refresh = t.RefreshToken
	return err
}

// reissue checks that the answer is of the kind that is measured: a newer
// refresh token for an advance, the same for a re-send.
func (c *client) reissue(wantNewer bool) (time.Duration, error) {
	begin := time.Now()
	t, err := c.post("/api/reissue", api.ReissueBody{RefreshToken: c.refresh})
	took := time.Since(begin)
	switch {
	case err != nil:
		return took, err
	case t.AccessToken == "" || t.RefreshToken == "":
		return took, fmt.Errorf("a token is missing in the answer")
	case (t.RefreshToken != c.refresh) != wantNewer:
		return took, fmt.Errorf("newer refresh token: %v, want %v", !wantNewer, wantNewer)
	}
	c.refresh = t.RefreshToken
	return took, nil
}
