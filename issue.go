package pawl

import (
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// pair signs the tokens of a session's current generation. The refresh token's
// bytes follow from the record and the secret alone, so it can be sent again
// without having been kept. audience is as in Presented.
func (s *Service) pair(rec Session, secret [16]byte, u User, now time.Time, audience string) (api.Tokens, error) {
	t, err := s.accessOnly(rec, u, now, audience)
	if err != nil {
		return api.Tokens{}, err
	}
	t.RefreshToken, err = s.keys.Load().refresh.SignRefresh(token.Refresh{
		Issuer: s.cfg.Issuer, Subject: rec.User, Secret: secret, Generation: rec.Generation,
		Issued: rec.Rotated, Expires: rec.IdleExpires, End: rec.Ends, AuthTime: rec.AuthTime,
	})
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	t.SetCookie = true
	return t, nil
}

// accessOnly signs an access token. Its exp never passes the session's end. One for
// the administration is for nothing else.
func (s *Service) accessOnly(rec Session, u User, now time.Time, audience string) (api.Tokens, error) {
	aud := s.cfg.Audience
	if audience != "" {
		aud = []string{audience}
	}
	expires := earlier(now.Add(s.cfg.Policy.AccessTTL), rec.Ends)
	compact, err := s.keys.Load().access.SignAccess(token.Access{
		Issuer: s.cfg.Issuer, Subject: rec.User, Audience: aud, ClientID: s.cfg.ClientID,
		SessionID: rec.ID, ID: token.NewID(), Roles: u.Roles, Extra: u.Claims,
		Issued: now, Expires: expires, AuthTime: rec.AuthTime,
	})
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	return api.Tokens{
		AccessToken: compact, AccessExpires: expires.Truncate(time.Second),
		SessionID: rec.ID, Ends: rec.Ends,
	}, nil
}
