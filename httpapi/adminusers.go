package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminUsers() {
	const all, one = "/admin/api/users", "/admin/api/users/{user}"
	handleAdmin(s, http.MethodGet, all, rule{scope: pawl.ScopeUsers, query: []string{"search", "after", "limit"}}, listUsers)
	handleAdmin(s, http.MethodPost, all, rule{scope: pawl.ScopeUsers, why: mayWhy, body: requiredBody}, createUser)
	handleAdmin(s, http.MethodGet, one, rule{scope: pawl.ScopeUsers}, oneUser)
	handleAdmin(s, http.MethodPatch, one, rule{scope: pawl.ScopeUsers, why: mayWhy, body: requiredBody}, patchUser)
	handleAdmin(s, http.MethodDelete, one, rule{scope: pawl.ScopeUsers, why: mustWhy}, deleteUser)
	handleAdmin(s, http.MethodPost, one+"/reset", rule{scope: pawl.ScopeUsers, why: mayWhy}, offerReset)
}

func listUsers(c *call, _ none) (any, error) {
	q := c.query()
	after, limit, err := q.placed(pageDefault)
	if err != nil {
		return nil, err
	}
	if err := c.list(); err != nil {
		return nil, err
	}
	// One more than asked for shows whether there is another page.
	list, err := c.svc.ListUsers(c.r.Context(), pawl.UserQuery{After: after, Search: q.Get("search"), Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	return userPage(list, limit)
}

// maxUserPage bounds a page by its bytes: claims can take 4 KiB of a user.
const maxUserPage = 128 << 10

func userPage(list []pawl.User, limit int) (p api.UserPage, err error) {
	p.Users = []api.UserInfo{}
	size := 0
	for i, u := range list {
		info := userInfo(u)
		text, err := json.Marshal(info)
		if err != nil {
			return p, err
		}
		if size += len(text); i == limit || i > 0 && size > maxUserPage {
			key, err := list[i-1].SortKey()
			p.More, p.Next = true, writePlace(key)
			return p, err
		}
		p.Users = append(p.Users, info)
	}
	return p, nil
}

// userInfo leaves the hash of the password out (SECURITY 59).
func userInfo(u pawl.User) api.UserInfo {
	return api.UserInfo{
		ID: u.ID, UserID: u.Login, Disabled: u.Disabled, HasPassword: u.PasswordHash != "",
		Roles: append([]string{}, u.Roles...), Claims: u.Claims,
	}
}

// createUser takes no password: the person sets it with a reset code
// (SECURITY 59).
func createUser(c *call, in api.NewUser) (any, error) {
	u, err := c.svc.CreateUser(c.r.Context(), pawl.NewUser{Login: in.UserID, Roles: in.Roles, Claims: in.Claims})
	if err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	return userInfo(u), nil
}

func oneUser(c *call, _ none) (any, error) {
	u, err := c.svc.User(c.r.Context(), c.r.PathValue("user"))
	if err != nil {
		return nil, err
	}
	return userInfo(u), nil
}

func patchUser(c *call, in api.UserPatch) (any, error) {
	switch {
	case in == (api.UserPatch{}):
		return nil, api.ErrInvalidRequest.With("The body changes nothing. Name one of %s.", members(&in))
	case in.Disabled != nil && *in.Disabled && !c.query().Has("why"):
		return nil, api.ErrInvalidRequest.With(wantsWhy)
	}
	u, err := c.svc.UpdateUser(c.r.Context(), c.r.PathValue("user"), pawl.UserChange{
		Login: in.UserID, Disabled: in.Disabled, Roles: in.Roles, Claims: in.Claims,
	})
	if err != nil {
		return nil, err
	}
	return userInfo(u), nil
}

func deleteUser(c *call, _ none) (any, error) {
	return nil, c.svc.DeleteUser(c.r.Context(), c.r.PathValue("user"))
}

// offerReset puts the code behind the # of the link, which browsers send to no
// server: it is in nobody's log.
func offerReset(c *call, _ none) (any, error) {
	o, err := c.svc.OfferReset(c.r.Context(), c.r.PathValue("user"))
	if err != nil {
		return nil, err
	}
	out := api.ResetOffer{Code: o.Code, ExpiresAt: o.Expires}
	if c.o.ResetURL != "" {
		out.Link = c.o.ResetURL + "#code=" + o.Code
	}
	c.status = http.StatusCreated
	return out, nil
}
