// Package guard checks access tokens offline: in Pawl's own API and in
// everybody else's. A check asks nobody; what has been signed out is refused
// all the same, because the issuer keeps the set of live revocations current
// and the guard looks into it at every check.
//
//	g, err := guard.New(svc, guard.Options{Issuer: svc.Issuer(), Audience: svc.Audience()})
//	mux.Handle("GET /orders", g.Required(orders))
//	mux.Handle("DELETE /orders/{id}", g.Required(deleteOrder, "admin"))
//
// Inside a handler, Principal says who is asking. On another machine than the
// issuer's, Remote takes the place of svc: it keeps the keys and the revocations
// current over HTTP, and knows how old its picture is.
package guard
