package httpapi

import (
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
