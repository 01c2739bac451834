// Package browser holds the built client for browsers, for programs in Go that
// serve it with their pages. The client itself is in TypeScript, in src.
package browser

import _ "embed"

// Module is dist/pawl.min.js: the client as one JavaScript module, to be served
// as text/javascript.
//
//go:embed dist/pawl.min.js
var Module []byte
