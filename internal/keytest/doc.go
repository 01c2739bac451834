// Package keytest shows on real processes that share one database what becomes
// of signing keys: rotation without one refused token, removal within a second,
// a change of the master key that a kill at any moment does not spoil. It has
// tests only.
package keytest
