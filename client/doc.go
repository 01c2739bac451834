// Package client is for Go programs that sign in to Pawl: it keeps a session
// fresh, attaches its access token to requests, and gives the errors of package
// api back as they were on the server.
//
//	c, err := client.New(client.Options{URL: "https://login.example.com", Store: client.File("session.json")})
//	err = c.SignIn(ctx, "anna", password, "anna's laptop")
//	web := &http.Client{Transport: c.Transport(nil, "https://api.example.com")}
//	resp, err := web.Get("https://api.example.com/orders")
//
// A reply that gets lost, a crash between two lines, or fifty goroutines at once
// sign nobody out: every reissue carries an Idempotency-Key that was kept before
// it was sent, and one runs at a time for all who share a TokenStore.
package client
