package stores_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/load"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/internal/stores"
	"github.com/pawlauth/pawl/store/redis"
)

// SECURITY 56: addresses that the configuration lets pass lead to servers that
// are not there; what is said of that, by a server's start, pawl migrate and pawl
// bench alike, shows no password.
func TestAStoreThatIsAwayIsNamedWithoutItsPassword(t *testing.T) {
	at := servertest.FreeAddr(t)
	for _, url := range []string{
		"postgres://pawl:hunter2@" + at + "/pawl",
		"postgresql://pawl:%68unter2hunter2@" + at + "," + at + "/pawl?sslmode=disable",
		"postgres://" + at + "/pawl?user=pawl&password=hunter2",
		"postgres://" + at + "/pawl?user=pawl&p%61ssword=hunter2",
		"postgres://pawl:hunter2@" + at + "/pawl?sslmode=hunter2",
		"postgres://pawl:hunter2@" + at + "/pawl?connect_timeout=hunter2",
	} {
		cfg, err := config.Load(config.Sources{Env: []string{"PAWL_DATABASE=" + url}})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, err = stores.Open(t.Context(), cfg); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"redis://pawl:hunter2@" + at, "rediss://:hunter2@" + at + "/0", "redis://hunter2@" + at,
		"redis://pawl:hunter2@" + at + "?sentinel=m&sentinel_user=x&sentinel_password=hunter2",
		"redis://:hunter2@" + at + "?addr=" + at,
		"redis://:hunter2@" + at + "/hunter2",
		"redis://:x@" + at + "?addr=" + at + "&hunter2=x",
	} {
		if _, err := redis.Open(t.Context(), url, redis.Options{}); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, g := range []load.Grounds{
		{Database: "host=db password=hunter2"},
		{Database: "pawl:hunter2@db"},
		{Database: "postgres://pawl:hunter2 x@db"},
		{Database: "postgres://u:%zzhunter2@db"},
		{Database: "postgres://u@db/x", Sessions: ":hunter2@cache"},
		{Sessions: "redis://:hunter2@cache"},
	} {
		if err := g.Check(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", g, err)
		}
	}
}
