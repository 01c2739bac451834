package cli

import (
	"log/slog"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/legacy"
)

// legacyVerifier gives what knows the old system's tokens; nil where nothing
// moves in. It connects to the old system only when a token comes, and lives as
// long as the process.
func legacyVerifier(cfg *config.Config) (pawl.LegacyVerifier, error) {
	if !cfg.MovesIn() {
		return nil, nil
	}
	secret, err := cfg.LegacyKey()
	if err != nil {
		return nil, err
	}
	v, err := legacy.New(legacy.Options{
		Secret: secret, JWKS: cfg.LegacyJWKS,
		Issuer: cfg.LegacyIssuer, Audience: cfg.LegacyAudience,
		UserClaim: cfg.LegacyUserClaim, RefreshClaim: cfg.LegacyRefreshClaim,
		Redis: cfg.LegacyRedis.Reveal(), RedisKey: cfg.LegacyRedisKey,
		Until: cfg.LegacyUntil,
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// legacyCookie is the old system's, while sessions move in.
func legacyCookie(cfg *config.Config) api.LegacyCookie {
	if !cfg.MovesIn() {
		return api.LegacyCookie{}
	}
	return api.LegacyCookie{Name: cfg.LegacyCookie, Path: cfg.LegacyCookiePath}
}

// warnOfLegacy reminds the operator at every start of what is still open.
func warnOfLegacy(cfg *config.Config, log *slog.Logger, now time.Time) {
	if !cfg.MovesIn() {
		return
	}
	until := cfg.LegacyUntil.Format(time.DateOnly)
	if !now.Before(cfg.LegacyUntil) {
		log.Warn("moving in is over: remove the legacy_ keys and delete the old system's secret", "legacy_until", until)
		return
	}
	log.Warn("sessions of the old system move in: whoever knows its secret can sign in as anybody", "legacy_until", until)
	if cfg.LegacyRedis == "" && cfg.LegacyRefreshClaim == "" {
		log.Warn("neither legacy_redis nor legacy_refresh_claim is set: an access token of the old system counts as a refresh token")
	}
}
