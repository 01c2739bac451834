// Package webui is what people see of Pawl: pages to sign in, to set up the first
// administrator, to set a forgotten password, to look after one's own account,
// and to administer.
//
//	pages, err := webui.New(svc, webui.Options{})
//	h, err := httpapi.New(svc, httpapi.Options{Pages: pages})
//
// Signing in, set-up and reset are plain forms and need no script. The account
// and the administration are scripts that use the public API through the browser
// client, as anybody's page could: there is nothing here that others could not
// build.
//
// Texts are in messages, a file a language; what a language lacks is taken from
// English. Templates, style and scripts are embedded.
package webui
