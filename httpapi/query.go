package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// whyRule says whether a call gives its reason, for the audit log, in the query
// parameter why.
type whyRule int

const (
	noWhy   whyRule = iota // what changes nothing
	mayWhy                 // what can be taken back
	mustWhy                // what cannot: somebody will ask
)

// maxWhy bounds a reason, in characters.
const maxWhy = 200

const wantsWhy = "Say why with the query parameter why, such as ?why=stolen+laptop: it goes into the audit log."

// read holds the query against the rule and gives the reason.
func (ru rule) read(r *http.Request) (why string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", api.ErrInvalidRequest.With("The query is not well-formed. Percent-encode what is in it.")
	}
	known := ru.query
	if ru.why != noWhy {
		known = append([]string{"why"}, known...)
	}
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			return "", unknownParameter(known)
		case len(values) > 1:
			return "", api.ErrInvalidRequest.With("The query parameter %s is there twice. Send it once.", name)
		}
	}
	if !q.Has("why") {
		if ru.why == mustWhy {
			return "", api.ErrInvalidRequest.With(wantsWhy)
		}
		return "", nil
	}
	return checkWhy(q.Get("why"))
}

func unknownParameter(known []string) error {
	if len(known) == 0 {
		return api.ErrInvalidRequest.With("There are no query parameters here.")
	}
	return api.ErrInvalidRequest.With("There is an unknown query parameter. Known are %s.", strings.Join(known, ", "))
}

// checkWhy refuses rather than repairs: what is in the audit log is what was
// said.
func checkWhy(why string) (string, error) {
	if strings.TrimSpace(why) == "" || utf8.RuneCountInString(why) > maxWhy || !utf8.ValidString(why) || api.Printable(why) != strings.TrimSpace(why) {
		return "", api.ErrInvalidRequest.With("The query parameter why must be 1 to %d printable characters in UTF-8.", maxWhy)
	}
	return strings.TrimSpace(why), nil
}

// query is the query of a request that handleAdmin let pass.
type query struct{ url.Values }

func (c *call) query() query { return query{c.r.URL.Query()} }

// Bounds of the parameter limit.
const (
	pageDefault     = 50
	sessionsDefault = 100 // of one user: as many as they have, by default
	pageMost        = 200
)

func (q query) limit(def int) (int, error) {
	if !q.Has("limit") {
		return def, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > pageMost {
		return 0, api.ErrInvalidRequest.With("The query parameter limit must be a number from 1 to %d.", pageMost)
	}
	return n, nil
}

// time reads a moment; the zero time where there is none.
func (q query) time(name string) (time.Time, error) {
	if !q.Has(name) {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return time.Time{}, api.ErrInvalidRequest.With("The query parameter %s must be a time such as 2026-01-02T15:04:05Z.", name)
	}
	return t.UTC(), nil
}

// between reads the parameters from and to.
func (q query) between() (from, to time.Time, err error) {
	if from, err = q.time("from"); err != nil {
		return from, to, err
	}
	to, err = q.time("to")
	return from, to, err
}

// network reads an address or a network; the zero prefix where there is none.
func (q query) network(name string) (netip.Prefix, error) {
	if !q.Has(name) {
		return netip.Prefix{}, nil
	}
	p, err := api.ParseNetwork(q.Get(name))
	if err != nil {
		return p, api.ErrInvalidRequest.With("The query parameter %s %v.", name, err)
	}
	return p, nil
}

// placed is page where the cursor was written by writePlace.
func (q query) placed(def int) (after string, limit int, err error) {
	if limit, err = q.limit(def); err != nil {
		return "", 0, err
	}
	after, err = q.place()
	return after, limit, err
}

// place reads a cursor that writePlace wrote.
func (q query) place() (string, error) {
	b, err := token.DecodeBase64URL(q.Get("after"))
	if err != nil {
		return "", api.ErrInvalidRequest.With("The query parameter after must be the next of the page before, unchanged.")
	}
	return string(b), nil
}

func writePlace(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }
