package load

import "time"

// A working day: a person's pages check the access token often, renew it each
// half hour, and at the end the person signs out. Every answer counts, the
// refusal of the signed-out access token among them.
const (
	checksPerReissue = 20
	reissuesPerDay   = 16
	dayOut           = (checksPerReissue + 1) * reissuesPerDay // then the sign-out
	dayLength        = dayOut + 3
)

// act sends the next request of the kind. took is that request's time.
func (c *client) act(k Kind) (took time.Duration, err error) {
	if k != SignIn && c.sid == "" {
		return 0, c.signIn() // anew, after a fault
	}
	if (k == Check || k == Verify) && time.Now().After(c.renewAt) {
		if err := c.reissue(either); err != nil {
			return 0, err
		}
	}
	switch k {
	case Advance:
		err = c.reissue(newer)
	case Resend:
		err = c.reissue(same)
	case Check:
		err = c.check()
	case Verify:
		err = c.verify()
	case SignIn:
		return c.signInOnly()
	case Mixed:
		err = c.day()
	}
	return c.took, err
}

// signInOnly leaves no session behind on a server that is not ours.
func (c *client) signInOnly() (took time.Duration, err error) {
	err = c.signIn()
	took = c.took
	if err == nil && c.tidy {
		err = c.signOut()
	}
	return took, err
}

// day takes the next step of the day. A step that was refused is taken again.
func (c *client) day() (err error) {
	switch in := c.step % (checksPerReissue + 1); {
	case c.step == dayOut:
		err = c.signOut()
	case c.step == dayOut+1:
		err = c.isOver()
	case c.step == dayOut+2:
		err = c.signIn()
	case in == checksPerReissue:
		err = c.reissue(either)
	case in%2 == 0:
		err = c.check()
	default:
		err = c.verify()
	}
	if err == nil {
		c.step = (c.step + 1) % dayLength
	}
	return err
}
