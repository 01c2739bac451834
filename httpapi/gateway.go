package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/pawlauth/pawl/api"
)

// gatewayHeader is where a gateway sends its secret to /api/verify. A browser's
// script can send every other header of a gateway, and comes through the gateway
// itself, so that an address proves nothing.
const gatewayHeader = "Pawl-Gateway"

// gateways knows the secrets by which gateways prove themselves. It is safe for
// concurrent use.
type gateways struct {
	sums [][sha256.Size]byte // of equal length, so that comparing takes equal time
	told atomic.Int64        // when a wrong secret was last logged, in Unix seconds
}

func newGateways(o Options) (*gateways, error) {
	if o.VerifyReissue && len(o.GatewaySecrets) == 0 {
		return nil, errors.New("httpapi: VerifyReissue needs GatewaySecrets: without a secret of the gateway, any script of the origin could ask /api/verify for the refresh token that the browser keeps from it")
	}
	g := &gateways{}
	for i, secret := range o.GatewaySecrets {
		if err := api.CheckGatewaySecret(secret); err != nil {
			return nil, fmt.Errorf("httpapi: GatewaySecrets[%d] %w", i, err)
		}
		g.sums = append(g.sums, sha256.Sum256([]byte(secret)))
	}
	return g, nil
}

// knows compares with every secret, in constant time.
func (g *gateways) knows(secret string) bool {
	sum, found := sha256.Sum256([]byte(secret)), 0
	for _, known := range g.sums {
		found |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return found == 1
}

// fromGateway reports whether the request proves that a gateway sent it. Without
// the header it does not, and that is no error. A proof that is wrong is one, and
// also where no secret is configured: to answer as if there were none would show
// as people who cannot stay signed in. 403 goes through every gateway as it is,
// and sends no browser to the sign-in page.
func (c *call) fromGateway() (bool, error) {
	sent := c.r.Header.Values(gatewayHeader)
	if len(sent) == 0 || len(sent) == 1 && sent[0] == "" {
		return false, nil
	}
	if len(sent) == 1 && c.gateways.knows(sent[0]) {
		return true, nil
	}
	c.tellWrongSecret(len(sent))
	return false, api.ErrAccessDenied.With("The gateway's secret, in the header %s, is not one that this server has. Give both the same: see gateway_secret in docs/gateways.md.", gatewayHeader)
}

// tellWrongSecret logs for the operator who mistyped it, at most each ten
// seconds: anyone who reaches /api/verify can cause it.
func (c *call) tellWrongSecret(headers int) {
	const pause = 10
	now, last := c.svc.Now().Unix(), c.gateways.told.Load()
	if now < last+pause && now >= last || !c.gateways.told.CompareAndSwap(last, now) {
		return
	}
	c.log.LogAttrs(c.r.Context(), slog.LevelWarn, "a gateway's secret is wrong: requests by it are refused with 403",
		slog.String("header", gatewayHeader), slog.Int("headers", headers), slog.Int("secrets_known", len(c.gateways.sums)), slog.String("address", c.clientAddress(c.r)))
}
