package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// tourClient sends the tour's requests. Safe for concurrent use.
type tourClient struct {
	ctx  context.Context
	base string
	http *http.Client
}

func newTourClient(ctx context.Context, base string) *tourClient {
	return &tourClient{ctx, base, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: tabs}, Timeout: 20 * time.Second}}
}

// exchange is a request as the tour shows it.
type exchange struct {
	who                 string // sends it; empty: the person
	method, path        string
	cookie, bearer, key string
	body                any
}

// reply is the answer to it.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	cookie  string // the refresh token that it sets
	tokens  api.TokenResponse
	problem *api.Error
}

func (c *tourClient) send(x exchange) (reply, error) {
	var body io.Reader
	if x.body != nil {
		b, err := json.Marshal(x.body)
		if err != nil {
			return reply{}, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.ctx, x.method, c.base+x.path, body)
	if err != nil {
		return reply{}, err
	}
	for _, h := range x.headers() {
		req.Header.Set(h[0], h[1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	if r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxInput)); err != nil {
		return reply{}, err
	}
	for _, k := range resp.Cookies() {
		if k.Name == api.InsecureCookieName {
			r.cookie = k.Value
		}
	}
	if r.status == http.StatusOK {
		_ = json.Unmarshal(r.body, &r.tokens) // not every answer has some
	} else {
		r.problem = api.ReadProblem(r.status, r.header, r.body)
	}
	return r, nil
}

// headers are those that say something, in the order in which they are shown.
func (x exchange) headers() [][2]string {
	var all [][2]string
	add := func(name, value string) { all = append(all, [2]string{name, value}) }
	if x.cookie != "" {
		add("Cookie", api.InsecureCookieName+"="+x.cookie)
	}
	if x.bearer != "" {
		add("Authorization", "Bearer "+x.bearer)
	}
	if x.key != "" {
		add("Idempotency-Key", x.key)
	}
	if x.body != nil {
		add("Content-Type", "application/json")
	}
	if x.method != http.MethodGet {
		add("Pawl-Request", "1")
	}
	return all
}

// renewed says what is wrong with an answer that must bring an access token,
// and in the cookie the refresh token of a generation.
func (r reply) renewed(generation uint64) error {
	switch {
	case r.status != http.StatusOK:
		return fmt.Errorf("the answer is %d %s, not 200", r.status, r.problem.Error()) // its text, and not it: nobody is to take it for our own
	case r.tokens.AccessToken == "":
		return fmt.Errorf("there is no access token in the answer")
	case r.cookie == "":
		return fmt.Errorf("the answer sets no refresh token")
	}
	if got := generationOf(r.cookie); got != generation {
		return fmt.Errorf("the refresh token is of generation %d, not %d", got, generation)
	}
	return nil
}

// over says what is wrong with an answer that must say that the session is over.
func (r reply) over(reason string) error {
	if r.status != http.StatusUnauthorized || r.problem.Code != api.CodeLoginRequired || r.problem.Reason != reason {
		return fmt.Errorf("the answer is %d, not 401 %s with reason %s", r.status, api.CodeLoginRequired, reason)
	}
	if r.cookie != "" {
		return fmt.Errorf("a refusal sets the cookie")
	}
	return nil
}

func generationOf(refresh string) uint64 {
	var c struct {
		Generation uint64 `json:"gen"`
	}
	readClaims(refresh, &c)
	return c.Generation
}

func expiry(access string) time.Time {
	var c struct {
		Expires int64 `json:"exp"`
	}
	readClaims(access, &c)
	return time.Unix(c.Expires, 0)
}

// readClaims reads a token's claims for showing them; what is none leaves them zero.
func readClaims(compact string, claims any) {
	if info, err := token.Inspect(compact); err == nil {
		_ = json.Unmarshal(info.Claims, claims)
	}
}
