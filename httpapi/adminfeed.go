package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminFeed() {
	handleAdmin(s, http.MethodGet, "/admin/api/feed", rule{}, listFollowers)
}

func listFollowers(c *call, _ none) (any, error) {
	now := c.svc.Now()
	out := api.FollowerList{Followers: []api.FollowerInfo{}}
	for _, f := range c.svc.Followers() {
		info := api.FollowerInfo{
			ClientID: f.ClientID, Address: f.Address, ConnectedAt: f.Since,
			BehindSeconds: f.Behind(now).Seconds(), Position: f.Cursor,
		}
		if !f.Current.IsZero() {
			info.CurrentAt = &f.Current
		}
		out.Followers = append(out.Followers, info)
	}
	return out, nil
}
