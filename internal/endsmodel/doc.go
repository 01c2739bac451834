// Package endsmodel checks the protocol of ends by exhaustive search: what
// nodes do, and what a store does, so that an end of a session that was answered
// holds after fail-overs (SECURITY 85, 86; docs/failures.md). It is a model, not
// the code: a store is two copies of a few records and a log, a node is what it
// remembers, and every order of their steps within some bounds is tried.
//
// The model runs as the package's tests. Each fault that an earlier protocol had
// is a switch; with it the search must find a violation, and without any it must
// find none. The package holds nothing else, so nothing imports it.
//
// A state is quiescent when no node would learn anything from the log, nothing
// is left to be applied again, and the sweep would find nothing to do. In such a state no node may answer a
// reissue of a session whose end was answered, and every node's guard must
// refuse its access token, provided that a node which made or read the end has
// stayed alive and reaches the store (always, where ends wait for a replica); and
// the store itself must have the end, since nodes forget. In every state a
// session may be ended only by an end that was asked for, and not by one that
// is older than its sign-in; and where ends wait for a replica, none may be
// answered that the replica does not have.
//
// Time is not modelled: nodes forget nothing, and waiting takes as long as it
// takes. A log entry and the record that it belongs to are one atomic step of a
// partition. A replica catches up completely or not at all. Rotations, expiry,
// evictions, the session that a password change keeps, and writes that a
// cut-off primary accepts are left out.
package endsmodel
