package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminFeed() {
	handleAdmin(s, http.MethodGet, "/admin/api/feed", rule{query: []string{"after", "limit"}}, listFollowers)
}

func listFollowers(c *call, _ none) (any, error) {
	after, limit, err := c.query().placed(pageMost)
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	now := c.svc.Now()
	out := api.FollowerList{Followers: []api.FollowerInfo{}}
	page, next := c.svc.FollowersAfter(after, limit)
	out.Next = writePlace(next)
	for _, f := range page {
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
