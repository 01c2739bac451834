// Command load measures a whole Pawl server over real HTTP: it starts one on
// the embedded store in a temporary folder, signs clients in, and lets each
// chain reissues with the refresh token it was last given. Every response is
// checked. It prints the median of several runs with minimum and maximum.
//
//	go run ./internal/load                      # 1, 16 and 64 clients, advances and re-sends
//	go run ./internal/load -clients 64 -seconds 10 -runs 5
package main
