package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pawlauth/pawl/api"
)

// GatewaySecrets are the secrets by which gateways prove themselves: one, or two
// while one takes the place of the other.
func (c *Config) GatewaySecrets() []string { return strings.Fields(c.GatewaySecret.Reveal()) }

// gatewayLines are what a configuration needs from whose time there was no
// gateway_secret.
const gatewayLines = `needs a secret of the gateway's own since any script in a page could ask /api/verify for the refresh token. Make one and give it to both:
    (umask 077; openssl rand -base64 32 >/etc/pawl/gateway.secret)
  Pawl, in its environment (the file is its user's, mode 0600):
    PAWL_GATEWAY_SECRET_FILE=/etc/pawl/gateway.secret
  nginx, in the location that asks http://pawl/api/verify, with the secret in place of the dots:
    proxy_set_header Pawl-Gateway "…";
  and beside it, in the server block:
    location = /api/verify { return 404; }
  Compare the rest with examples/gateway, and see docs/gateways.md for other gateways; or set verify_reissue: false`

// CheckServing is what a server asks for beyond [Load]: other commands read the same
// file, in an incident too, and need no secret of a gateway's. The error says where
// the fault is and which lines to put in its place.
func (c *Config) CheckServing() error {
	if !c.VerifyReissue || len(c.GatewaySecrets()) > 0 {
		return nil
	}
	where := "verify_reissue"
	if o := c.Origin(where); o != "" {
		where = o + ": " + where
	}
	return fmt.Errorf("%s: true %s", where, gatewayLines)
}

func (c *Config) checkGateway(bad complain) {
	secrets := c.GatewaySecrets()
	for i, secret := range secrets {
		if err := api.CheckGatewaySecret(secret); err != nil {
			bad("gateway_secret", c.GatewaySecret, "%v", err)
		} else if slices.Contains(secrets[:i], secret) {
			bad("gateway_secret", c.GatewaySecret, "holds the same secret twice; remove one of them")
		}
	}
}
