package httpapi

import (
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountAdminKeys() {
	const all = "/admin/api/keys"
	handleAdmin(s, http.MethodGet, all, rule{}, listKeys)
	handleAdmin(s, http.MethodPost, all, rule{why: mustWhy, body: requiredBody}, rotateKeys)
	handleAdmin(s, http.MethodDelete, all+"/{kid}", rule{why: mustWhy}, removeKey)
}

func keyInfos(keys []pawl.KeyInfo) []api.KeyInfo {
	out := []api.KeyInfo{}
	for _, k := range keys {
		info := api.KeyInfo{ID: k.ID, Use: k.Use, Algorithm: k.Algorithm, CreatedAt: k.Created, SignsFrom: k.SignsFrom, State: k.State}
		if !k.Dies.IsZero() {
			info.DiesAt = &k.Dies
		}
		out = append(out, info)
	}
	return out
}

func listKeys(c *call, _ none) (any, error) {
	keys, err := c.svc.Keys(c.r.Context())
	if err != nil {
		return nil, err
	}
	return api.KeyList{Keys: keyInfos(keys)}, nil
}

// rotateKeys answers 201 with the new key, or 200 with the one that waits for
// its turn already: asking twice adds one.
func rotateKeys(c *call, in api.RotateRequest) (any, error) {
	k, added, err := c.svc.RotateKeys(c.r.Context(), in.Use)
	if err != nil {
		return nil, err
	}
	if added {
		c.status = http.StatusCreated
	}
	return keyInfos([]pawl.KeyInfo{k})[0], nil
}

func removeKey(c *call, _ none) (any, error) {
	done, err := c.svc.RemoveKeys(c.r.Context(), c.r.PathValue("kid"))
	if err != nil {
		return nil, err
	}
	return api.KeyChange{Removed: keyInfos(done.Removed), Added: keyInfos(done.Added)}, nil
}
