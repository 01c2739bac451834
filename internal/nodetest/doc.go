// Package nodetest runs several real servers on one PostgreSQL, and on one
// PostgreSQL and one Redis, and shows that it does not matter which of them is
// asked. It has tests only.
package nodetest
