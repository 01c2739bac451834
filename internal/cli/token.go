package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pawlauth/pawl/token"
)

// maxInput bounds what is read from standard input or a JWKS, in bytes.
const maxInput = 256 << 10

type inspectCmd struct {
	Token    string `arg:"" optional:"" help:"The token. Better leave it out and pipe it in: the shell remembers arguments."`
	JWKS     string `name:"jwks" placeholder:"FILE|URL" help:"Verify the token as an access token with these public keys: a file, or the URL of a server's /.well-known/jwks.json."`
	Issuer   string `placeholder:"URL" help:"With --jwks: the issuer that the token must have. Default: whatever it says."`
	Audience string `placeholder:"NAME" help:"With --jwks: the audience that the token must be for. Default: whatever it says."`
}

func (inspectCmd) Help() string {
	return `Takes a token apart and shows its header and claims, with its times in words. Without --jwks nothing is verified: anybody can have written what you see. Secrets inside a refresh token are not shown.

Examples:

    echo "$TOKEN" | pawl token inspect
    echo "$TOKEN" | pawl token inspect --jwks http://127.0.0.1:8080/.well-known/jwks.json`
}

func (c *inspectCmd) Run(a *app) error {
	if c.JWKS == "" && (c.Issuer != "" || c.Audience != "") {
		return usagef("--issuer and --audience are checked together with --jwks only")
	}
	compact, err := c.read(a)
	if err != nil {
		return err
	}
	info, err := token.Inspect(compact)
	if err != nil {
		return fmt.Errorf("this is not a token that can be taken apart: %w", err)
	}
	claims, err := shown(info.Claims)
	if err != nil {
		return err
	}
	header, err := shown(info.Header)
	if err != nil {
		return err
	}
	verdict, verifyErr := c.verify(compact, claims, a.now())
	fmt.Fprintln(a.stdout, verdict)
	for _, part := range []struct {
		name string
		body any
	}{{"Header", header}, {"Claims", claims}} {
		fmt.Fprintf(a.stdout, "\n%s:\n", part.name)
		if err := writeJSON(a.stdout, part.body); err != nil {
			return err
		}
	}
	writeTimes(a.stdout, claims, a.now())
	return verifyErr
}

func (c *inspectCmd) read(a *app) (string, error) {
	if c.Token != "" {
		fmt.Fprintln(a.stderr, "pawl: warning: the token is now in your shell's history, and others on this machine could see it; pipe it in instead")
		return c.Token, nil
	}
	b, err := io.ReadAll(io.LimitReader(a.stdin, maxInput))
	if err != nil {
		return "", err
	}
	compact := strings.TrimSpace(string(b))
	if compact == "" {
		return "", usagef("pipe the token in: echo \"$TOKEN\" | pawl token inspect")
	}
	return compact, nil
}

// shown decodes a JSON object to print. The secret of a refresh token is left
// out: with it, the issuer's key makes further ones.
func shown(raw json.RawMessage) (map[string]any, error) {
	var m map[string]any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if _, ok := m["sec"]; ok {
		m["sec"] = "[secret]"
	}
	return m, nil
}

// verify says loudly what was checked and what was not.
func (c *inspectCmd) verify(compact string, claims map[string]any, now time.Time) (verdict string, err error) {
	if c.JWKS == "" {
		return "NOT VERIFIED: anybody can have written this. Add --jwks to check the signature.", nil
	}
	keys, err := readJWKS(c.JWKS)
	if err != nil {
		return "NOT VERIFIED: the keys could not be read.", err
	}
	v := token.AccessVerifier{Issuer: c.Issuer, Audience: []string{c.Audience}}
	trusted := "Issuer and audience are checked, too."
	if v.Issuer == "" {
		v.Issuer, _ = claims["iss"].(string)
		trusted = "Issuer and audience are what the token says."
	}
	if c.Audience == "" {
		v.Audience = audienceOf(claims)
	}
	_, err = v.Verify(keys, compact, now)
	switch {
	case errors.Is(err, token.ErrExpired):
		return "EXPIRED: an authentic access token whose time has passed.", errors.New("the token has expired")
	case err != nil:
		return "REFUSED: this is not a valid access token under these keys.", err
	}
	return "VERIFIED: an access token signed by one of these keys, and its time has not passed. " + trusted + " Whether its session was ended is not checked.", nil
}

func audienceOf(claims map[string]any) []string {
	switch aud := claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var list []string
		for _, a := range aud {
			if s, ok := a.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

func readJWKS(where string) (*token.KeySet, error) {
	var b []byte
	var err error
	if strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://") {
		b, err = fetch(where)
	} else {
		b, err = os.ReadFile(where)
	}
	if err != nil {
		return nil, fmt.Errorf("--jwks: %w", err)
	}
	keys, err := token.ParseJWKS(b)
	if err != nil {
		return nil, fmt.Errorf("--jwks: %w", err)
	}
	return keys, nil
}

func fetch(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxInput+1))
}

// writeTimes puts the claims that are moments into words.
func writeTimes(w io.Writer, claims map[string]any, now time.Time) {
	fmt.Fprintln(w, "\nTimes:")
	for _, c := range []struct{ claim, meaning string }{
		{"auth_time", "signed in"}, {"iat", "issued"}, {"nbf", "valid from"}, {"exp", "expires"}, {"end", "session ends"},
	} {
		n, ok := claims[c.claim].(json.Number)
		if !ok {
			continue
		}
		seconds, err := n.Int64()
		const farthest = 253402300799 // the end of the year 9999
		if err != nil || seconds < 0 || seconds > farthest {
			continue
		}
		t := time.Unix(seconds, 0)
		fmt.Fprintf(w, "  %-13s %s (%s)\n", c.meaning, moment(t), relative(t.Sub(now)))
	}
}

func relative(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " ago"
	}
	return "in " + d.Round(time.Second).String()
}
