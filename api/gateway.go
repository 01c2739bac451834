package api

import (
	"errors"
	"fmt"
)

// The least of a gateway's secret. 32 characters are what 24 random bytes are in
// base64; the different ones keep out what was typed to fill the length.
const (
	minGatewaySecret    = 32
	minGatewayDifferent = 10
)

// CheckGatewaySecret says why a text cannot be a gateway's secret, without
// quoting it: it must have 32 characters of visible ASCII at least, as random as
// "openssl rand -base64 32" makes them.
func CheckGatewaySecret(secret string) error {
	different := map[byte]bool{}
	for _, c := range []byte(secret) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return errors.New("holds a character that gateways cannot send unchanged; take what \"openssl rand -base64 32\" prints")
		}
		different[c] = true
	}
	if len(secret) < minGatewaySecret || len(different) < minGatewayDifferent {
		return fmt.Errorf("has %d characters, %d different ones; a secret of a gateway has %d at least, at random: take what \"openssl rand -base64 32\" prints", len(secret), len(different), minGatewaySecret)
	}
	return nil
}
