// Package canary runs the real program with known secrets in every place where
// secrets go, and looks for them in everything that it wrote (SECURITY 56). It
// has tests only.
package canary
