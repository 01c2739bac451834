// Package browser has the browser client as one file, for Go programs that serve
// it. What it does and how it is used from a page is in docs/browser.md.
package browser

import _ "embed"

// Script is the built client, an ES module that exports createPawl and PawlError.
//
//go:embed dist/pawl.min.js
var Script []byte
