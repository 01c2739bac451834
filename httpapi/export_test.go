package httpapi

import (
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// What the tests of package httpapi_test see of the inside.
var (
	Decode      = decode
	ShortAgent  = api.ShortAgent
	DeviceLabel = deviceLabel
	HeaderValue = headerValue
	MaxBody     = maxBody
	OpenAPI     = openAPI
	AnyMethod   = anyMethod
	PanicText   = panicText
	FeedWrite   = &feedWrite
)

// Routes lists what is mounted, as "METHOD /path".
func Routes(svc *pawl.Service) ([]string, error) {
	s, err := newServer(svc, Options{})
	if err != nil {
		return nil, err
	}
	s.mount()
	var out []string
	for pattern, methods := range s.routes {
		for method := range methods {
			out = append(out, method+" "+pattern)
		}
	}
	return out, nil
}

// FeedStep gives what followers are told of a step when a heartbeat is due.
func FeedStep(svc *pawl.Service, step pawl.LogStep) (string, error) {
	s, err := newServer(svc, Options{})
	if err != nil {
		return "", err
	}
	f, due := newFeed(s), make(chan time.Time, 1)
	due <- time.Time{}
	f.tick, f.keys = &time.Ticker{C: due}, step.Keys
	me, _ := svc.Follow("x", "", func() {})
	defer me.Stop()
	f.step(step)
	c, _, _ := f.ring.at(0)
	return string(c.data), nil
}
