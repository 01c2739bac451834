package redis

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	defaultPrefix = "pawl:"
	dialPatience  = 3 * time.Second
	patience      = 3 * time.Second // for an answer
	buffer        = 32 << 10        // bytes a connection, each way: the default is half a MiB
	ring          = 9               // 2^9 commands under way on a connection
	waiters       = 64              // connections that wait for replicas at a time
)

var parameters = []string{"addr", "sentinel", "master_set", "sentinel_user", "sentinel_password", "prefix", "replicas", "ca", "cert", "key", "server_name"}

// address is what a URL says.
type address struct {
	option   rueidis.ClientOption
	prefix   string
	replicas int // below 0: it does not say
}

// parseURL reads what Open documents. Its errors quote nothing: there may be a
// part of a password anywhere.
func parseURL(text string) (a address, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
		return a, errors.New("redis: the address must be a URL such as redis://user:password@127.0.0.1:6379/0, or rediss://… by TLS; a password must be percent-encoded")
	}
	q := u.Query()
	for name := range q {
		if !slices.Contains(parameters, name) {
			return a, fmt.Errorf("redis: the URL has an unknown parameter; known are %s", strings.Join(parameters, ", "))
		}
	}
	if a.option, err = clientOption(u, q); err != nil {
		return a, err
	}
	if a.replicas, err = replicasOf(q); err != nil {
		return a, err
	}
	a.prefix = defaultPrefix
	if q.Has("prefix") {
		a.prefix = q.Get("prefix")
	}
	if strings.ContainsAny(a.prefix, "{}") {
		return a, errors.New("redis: the prefix must be without braces: they say where in a cluster a key lies")
	}
	return a, nil
}

func replicasOf(q url.Values) (int, error) {
	if !q.Has("replicas") {
		return -1, nil
	}
	const most = 100 // nobody has as many
	n, err := strconv.Atoi(q.Get("replicas"))
	if err != nil || n < 0 || n > most {
		return 0, errors.New("redis: replicas must be how many replicas an end waits for, such as 1; 0 for as many as are connected, one at most")
	}
	return n, nil
}

func clientOption(u *url.URL, q url.Values) (o rueidis.ClientOption, err error) {
	master := cmp.Or(q.Get("sentinel"), q.Get("master_set"))
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	for _, address := range append([]string{u.Host}, q["addr"]...) {
		o.InitAddress = append(o.InitAddress, withPort(address, master != ""))
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		if o.SelectDB, err = strconv.Atoi(path); err != nil || o.SelectDB < 0 {
			return o, errors.New("redis: the path of the URL must be the number of a database, such as /0")
		}
	}
	if u.Scheme == "rediss" {
		o.TLSConfig, err = tlsConfig(q)
	} else if q.Has("ca") || q.Has("cert") || q.Has("key") || q.Has("server_name") {
		err = errors.New("redis: ca, cert, key and server_name are for TLS: write rediss://")
	}
	o.Sentinel = rueidis.SentinelOption{
		MasterSet: master, Username: q.Get("sentinel_user"), Password: q.Get("sentinel_password"),
		TLSConfig: o.TLSConfig, Dialer: net.Dialer{Timeout: dialPatience}, TopologyRefreshInterval: time.Second,
	}
	return tuned(o), err
}

// tuned sets what no URL says. Nothing is sent again by itself: of a write that
// got no answer nobody knows what became of it.
func tuned(o rueidis.ClientOption) rueidis.ClientOption {
	o.DisableRetry = true
	o.DisableCache = true
	o.ClientSetInfo = rueidis.DisableClientSetInfo
	o.ClientName = "pawl"
	o.Dialer.Timeout = dialPatience
	o.ConnWriteTimeout = patience
	o.RingScaleEachConn = ring
	o.ReadBufferEachConn, o.WriteBufferEachConn = buffer, buffer
	o.BlockingPoolSize, o.BlockingPoolCleanup = waiters, time.Minute
	o.ClusterOption.ShardsRefreshInterval = 2 * time.Second
	o.ClusterOption.MaxMovedRedirections = 5
	return o
}

func withPort(address string, sentinel bool) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	port := "6379"
	if sentinel {
		port = "26379"
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}

func tlsConfig(q url.Values) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: q.Get("server_name")}
	if file := q.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("redis: ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis: ca: %s has no certificate in PEM", file)
		}
	}
	if q.Has("cert") || q.Has("key") {
		own, err := tls.LoadX509KeyPair(q.Get("cert"), q.Get("key"))
		if err != nil {
			return nil, fmt.Errorf("redis: cert and key: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}
