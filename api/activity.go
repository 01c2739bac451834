package api

import "time"

// ActivityMinute counts what one node did in one minute. Live sessions are
// absent where nobody counted them.
type ActivityMinute struct {
	At            time.Time `json:"at"` // when the minute began
	SignIns       int       `json:"signIns"`
	SignInsFailed int       `json:"signInsFailed"`
	Row4          int       `json:"row4"` // reissues by the row of the rotation table
	Row5          int       `json:"row5"`
	Row6          int       `json:"row6"`
	Refused       int       `json:"refused"` // reissues by rows 1 and 3
	Reused        int       `json:"reused"`  // row 7
	Ended         int       `json:"ended"`
	LiveSessions  *int      `json:"liveSessions,omitempty"`
}

// Activity is the body of GET /admin/api/activity.
type Activity struct {
	Now     time.Time        `json:"now"`
	Since   time.Time        `json:"since"`   // when this node began to count, at most three hours ago
	Minutes []ActivityMinute `json:"minutes"` // oldest first; quiet ones are left out
}
