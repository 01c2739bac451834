// Package crashtest holds the crash run: clients chain reissues against a real
// pawl process that is killed with -9 and restarted again and again.
package crashtest
