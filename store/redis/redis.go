// Package redis keeps sessions, their marks and the revocation log, and the
// counts of failed sign-ins, in Redis 7.0 or later, or Valkey: one server, one
// followed by Sentinel, or a Cluster. Several nodes share it. Users, keys and
// the audit log are kept elsewhere.
//
// Everything of a user lies in one of 64 partitions, each in one slot with a
// revocation log of its own, and one script per intention writes there: an end
// and its log entry are one step. A write is as durable as the server makes it:
// set appendonly. Replication is asynchronous: an end waits a moment for a
// replica, a rotation does not, for the rotation rule restores what was lost.
package redis

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
)

var (
	_ pawl.SessionStore  = (*Store)(nil)
	_ pawl.RecordScanner = (*Store)(nil)
	_ pawl.Nudger        = (*Store)(nil)
	_ pawl.Throttle      = (*Store)(nil)
)

// Options of [Open]. The zero value is what a server wants.
type Options struct {
	// Replicas is how many replicas must have an end before it is answered, where
	// the URL does not say it: with fewer it is an error, though the end stands, and
	// the log of a primary that has fewer is not believed. 0: one, if any is
	// connected, and no error without.
	Replicas int
	// ReplicaWait bounds the wait for them. 0 means 1 s, and 100 ms without Replicas,
	// where below 0 means none.
	ReplicaWait time.Duration
	// Log is told of trouble that no call returns; nil means [slog.Default].
	Log *slog.Logger
	// Dial connects to a server or a Sentinel, for networks that need another way
	// than a [net.Dialer]. TLS, where the URL asks for it, is spoken on top.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// Store is a session store and a throttle in Redis. All methods are safe for
// concurrent use.
type Store struct {
	client rueidis.Client
	layout layout
	o      Options
	id     string // of this handle, for the lease of the sweep

	sweep          sweeping
	unacknowledged atomic.Uint64 // ends
	behind         atomic.Bool   // the last one
	replicas       acks
	evictions      evictions
	links          links

	nudges  chan struct{}
	stop    context.CancelFunc // of what runs in the background
	running sync.WaitGroup
}

// Open connects to the Redis that the URL names:
//
//	redis://user:password@host:6379/0              one server
//	rediss://…                                     the same by TLS
//	redis://host:6379?addr=host2:6379&addr=…       a Cluster, by some of its nodes
//	redis://host:26379?sentinel=name&addr=…        the primary that Sentinels call so
//
// One address alone may be a node of a Cluster, too: the server says so. A user
// may be left out ("redis://:password@…"). The parameters are
//
//	addr               another address; may be repeated
//	sentinel           the name of the primary; the addresses are the Sentinels'.
//	                   master_set is the same
//	sentinel_user, sentinel_password
//	prefix             of all keys; "pawl:" if there is none. No braces
//	replicas           how many replicas must have an end; 0 if there is none
//	ca                 a PEM file: who vouches for the servers, instead of the system's
//	cert, key          PEM files: who we are, for servers that ask
//	server_name        in the servers' certificates, instead of their addresses
//
// A Cluster has database 0 only. Errors say what to do and quote no password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	u, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	s := &Store{layout: newLayout(u.prefix), o: o.with(u.replicas), id: rand.Text(), nudges: make(chan struct{}, 1)}
	s.replicas.want, s.sweep.long = s.o.Replicas, longWalk
	s.links.by, u.option.DialCtxFn = s.o.Dial, s.links.dial
	if s.client, err = rueidis.NewClient(u.option); err != nil {
		return nil, unreachable(u.option.InitAddress, err)
	}
	if err := s.check(ctx); err != nil {
		s.client.Close()
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.running.Go(func() { s.listen(background) })
	s.running.Go(func() { s.watch(background) })
	return s, nil
}

// with sets what is not set. replicas is what the URL says, below 0 for nothing.
func (o Options) with(replicas int) Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if replicas >= 0 {
		o.Replicas = replicas
	}
	o.Replicas = max(o.Replicas, 0)
	switch {
	case o.Replicas > 0 && o.ReplicaWait <= 0:
		o.ReplicaWait = time.Second
	case o.ReplicaWait == 0:
		o.ReplicaWait = 100 * time.Millisecond
	}
	return o
}

// Close waits for nobody: calls under way fail.
func (s *Store) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.release(ctx) // so that another node need not wait for the lease to run out
	s.client.Close()
	s.running.Wait()
	return nil
}
