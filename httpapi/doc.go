// Package httpapi is Pawl's JSON API over HTTP: one file for each feature,
// which mounts its own routes, and one helper (handle.go) that owns method,
// media type, strict decoding, body size and the way from error to response.
// A handler decodes, calls one method of *pawl.Service, and encodes.
//
//	h, err := httpapi.New(svc, httpapi.Options{})
//	srv := httpapi.Server(h, httpapi.ServerOptions{})
//	err = httpapi.Serve(ctx, srv, listener, 10*time.Second)
//
// What the API looks like from outside is openapi.yaml, which the handler
// serves at /openapi.yaml. Errors are problem documents (RFC 9457); package api
// has their codes.
package httpapi
