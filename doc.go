// Package pawl issues session tokens: a short-lived access token that any
// service checks offline, and a long-lived refresh token that is good once.
// It reissues silently and ends sessions at once.
//
// [Decide] is the rotation rule, a pure function. [Service] applies it: it
// signs people in, reissues, signs out and lists sessions, over the stores that
// [Config] names. The package has no default store; store/sqlite and
// store/memory are there, and a program with a user table of its own implements
// [Users], two methods.
//
// Package guard checks what this package issues; package httpapi serves it.
package pawl
