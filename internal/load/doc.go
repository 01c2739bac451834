// Package load drives a Pawl server over real HTTP with many clients at once,
// checks every answer, and says how fast the right ones came. It is what "pawl
// bench" runs. The server is one that runs already, or one of the package's
// own: the pawl command on an embedded store in a temporary folder.
//
// Each client is a session of its own on a kept-alive connection, and sends its
// next request when the answer to the last has come: what is measured is the
// rate that so many patient clients get, not how a server fares under more than
// it can serve. A client that is refused waits as long as it was told.
package load
