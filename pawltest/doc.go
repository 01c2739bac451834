// Package pawltest gives other people's tests a real Pawl in one line: the
// service, its HTTP API on a loopback port with TLS, a store in memory, a clock
// to move, and faults to switch on.
//
//	func TestOrders(t *testing.T) {
//		srv := pawltest.NewServer(t)
//		srv.AddUser("anna", "a long enough password")
//		browser := srv.Client()
//		...
//	}
//
// Nothing in it is a stand-in but the clock: tokens are signed and checked,
// passwords hashed, cookies set as in production.
package pawltest
