package httpapi

import (
	"errors"
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func (s *server) mountLogin() {
	handle(s, http.MethodPost, "/api/login", requiredBody, login)
}

func login(c *call, in api.LoginRequest) (any, error) {
	signIn := pawl.SignIn{Login: in.UserID, Password: in.Password, Client: c.client()}
	var err error
	if signIn.Client.Label, err = deviceLabel(in.Label); err != nil {
		return nil, err
	}
	if err := c.delivery(in.Delivery, &signIn); err != nil {
		return nil, err
	}
	t, err := c.svc.Login(c.r.Context(), signIn)
	if err != nil {
		return nil, err
	}
	if in.Delivery != api.DeliveryBody {
		_ = c.dropOld() // best effort, as for the session that was replaced
	}
	return c.tokens(t, in.Delivery == api.DeliveryBody), nil
}

// delivery checks what delivery by cookie needs: proof that no other site signs
// the person in as somebody else (login CSRF, SECURITY 36), and the session
// that the cookie held until now, which the new one replaces. Delivery in the
// body leaves the cookie jar, and so its session, as they are.
func (c *call) delivery(how string, in *pawl.SignIn) error {
	switch how {
	case api.DeliveryBody:
		return nil
	case "", api.DeliveryCookie:
	default:
		return api.ErrInvalidRequest.With("delivery must be %q or %q.", api.DeliveryCookie, api.DeliveryBody)
	}
	if err := api.OriginProof(c.r); err != nil {
		return err
	}
	replaces, err := c.o.Cookie.Read(c.r)
	if errors.Is(err, api.ErrInvalidRequest) {
		return err // two cookies: the new one would not get through either
	}
	in.Replaces = replaces
	return nil
}
