package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// The demo's person. There is nothing to protect: the server listens on
// loopback only and its data is thrown away.
const (
	demoLogin    = "demo"
	demoPassword = "seven-green-kettles"
)

// demoDefaults make things happen while one watches. Flags win over them.
var demoDefaults = map[string]string{
	"access_ttl":   "1m",
	"refresh_ttl":  "10m",
	"session_ttl":  "1h",
	"reuse_window": "1s",
	"log_level":    "warn",
}

// demo runs a throw-away server.
func (a *app) demo(flags map[string]string) (err error) {
	if a.file != "" {
		return usagef("--demo takes no configuration file")
	}
	for _, key := range []string{"data_dir", "database", "database_listen", "sessions", "master_key_file", "tls_cert_file", "tls_key_file", "issuer", "admin_listen"} {
		if _, ok := flags[key]; ok {
			return usagef("--demo goes without --%s: its data is thrown away, and it speaks plain HTTP on this machine only", strings.ReplaceAll(key, "_", "-"))
		}
	}
	dir, err := os.MkdirTemp("", "pawl-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg, err := demoConfig(dir, flags)
	if err != nil {
		return err
	}
	return a.serve(cfg, func(ctx context.Context, svc *pawl.Service) error {
		_, err := svc.CreateUser(ctx, pawl.NewUser{Login: demoLogin, Password: demoPassword, Roles: []string{pawl.RoleAdmin}})
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.stdout, demoText(svc.Issuer()))
		return err
	})
}

func demoConfig(dir string, flags map[string]string) (*config.Config, error) {
	all := map[string]string{}
	for _, layer := range []map[string]string{demoDefaults, flags, {
		"data_dir": filepath.Join(dir, "data"), "unsafe_http_cookies": "true",
	}} {
		for key, text := range layer {
			all[key] = text
		}
	}
	if listen, ok := flags["listen"]; ok && !config.Loopback(listen) {
		return nil, usagef("--demo listens on a loopback address only, such as 127.0.0.1:8081: its password is known to everybody")
	}
	return config.Load(config.Sources{Flags: all})
}

// demoText is what the demo prints. The indented lines are commands, each to be
// pasted as it is into a POSIX shell.
func demoText(url string) string {
	return strings.NewReplacer("{url}", url, "{login}", demoLogin, "{password}", demoPassword).Replace(`
Pawl is running at {url} with throw-away data.
There is one person: {login}, with the password {password}.
Open {url}/account in a browser, and {url}/openapi.yaml for the whole API.
Its data is deleted when it ends.

Paste this into another terminal, line by line.

Sign in. The refresh token goes into a cookie jar, the access token into a variable:
  JAR=$(mktemp); URL={url}
  TOKEN=$(curl -s -c $JAR -H 'Pawl-Request: 1' -H 'Content-Type: application/json' -d '{"userId":"{login}","password":"{password}"}' $URL/api/login | sed 's/.*"accessToken":"\([^"]*\)".*/\1/'); echo $TOKEN

Call something with the access token. It is good for a minute:
  curl -s -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" $URL/api/session

Reissue it with the refresh token, which turns once a second at most:
  TOKEN=$(curl -s -b $JAR -c $JAR -H 'Pawl-Request: 1' -X POST $URL/api/reissue | sed 's/.*"accessToken":"\([^"]*\)".*/\1/'); echo $TOKEN

See where you are signed in:
  curl -s -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" $URL/api/sessions

Sign out, and the access token stops working before it expires (401):
  curl -s -w '%{http_code}\n' -b $JAR -c $JAR -H 'Pawl-Request: 1' -X POST $URL/api/logout
  curl -s -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" $URL/api/session

Now be robbed. Sign in again, let a thief copy the cookie jar, and go on:
  curl -s -o /dev/null -w '%{http_code}\n' -c $JAR -H 'Pawl-Request: 1' -H 'Content-Type: application/json' -d '{"userId":"{login}","password":"{password}"}' $URL/api/login
  THIEF=$(mktemp); cp $JAR $THIEF; sleep 1; curl -s -o /dev/null -w '%{http_code}\n' -b $JAR -c $JAR -H 'Pawl-Request: 1' -X POST $URL/api/reissue

The thief comes with the token that you have used up. The session ends, and you both learn why:
  sleep 1; curl -s -w '%{http_code}\n' -b $THIEF -H 'Pawl-Request: 1' -X POST $URL/api/reissue
  curl -s -w '%{http_code}\n' -b $JAR -H 'Pawl-Request: 1' -X POST $URL/api/reissue

Press Ctrl-C here to end it.
`)
}
