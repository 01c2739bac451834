// Package hoardtest holds tests of what a client can hoard of a server, as a process
// of its own: memory, by asking for much and not reading it.
//
//	CI=true go test ./internal/hoardtest -v     # the whole size
package hoardtest
