// Package telemetry turns what happens in a server into Prometheus metrics. It
// holds no globals: everything is registered where the caller says. No label
// carries anything that a client or a user chose, so that the number of series
// is bounded and no secret can get into one (SECURITY 56).
package telemetry
