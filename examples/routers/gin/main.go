// Command gin is an API on gin-gonic/gin that takes Pawl's access tokens: it checks
// them without asking anybody, and turns away who has signed out. Run it, with
// what pawl client add orders --scope feed printed:
//
//	PAWL_ISSUER=http://127.0.0.1:8080 PAWL_CLIENT_ID=orders PAWL_CLIENT_SECRET=… go run ./gin
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/pawlauth/pawl/guard"
)

// required lets in who is signed in and, where roles are named, has one of them.
func required(g *guard.Guard, roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { passed, c.Request = true, r })
		g.Required(next, roles...).ServeHTTP(c.Writer, c.Request)
		if !passed { // the guard has answered
			c.Abort()
		}
	}
}

func routes(g *guard.Guard, health http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "welcome\n") })
	r.GET("/healthz", gin.WrapH(health))
	r.GET("/orders", required(g), orders)
	stock := r.Group("/stock", required(g, "staff"))
	stock.GET("", func(c *gin.Context) { c.String(http.StatusOK, "42 kettles\n") })
	return r
}

func orders(c *gin.Context) {
	who, _ := guard.Principal(c.Request.Context())
	c.String(http.StatusOK, fmt.Sprintln("orders of", who.Subject))
}

func run(ctx context.Context, listen string) error {
	name := os.Getenv("PAWL_ISSUER")
	issuer, err := guard.Remote(ctx, guard.RemoteOptions{
		Issuer: name, ClientID: os.Getenv("PAWL_CLIENT_ID"), Secret: os.Getenv("PAWL_CLIENT_SECRET"),
		Stale: guard.FailClosed, // 503 where the issuer was not heard of for ten seconds
	})
	if err != nil {
		return err
	}
	defer issuer.Close()
	g, err := guard.New(issuer, guard.Options{Issuer: name, Audience: []string{name}, Leeway: 30 * time.Second})
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: listen, Handler: routes(g, issuer.Health()), ReadHeaderTimeout: 5 * time.Second}
	return srv.ListenAndServe()
}

func main() {
	listen := "127.0.0.1:9000"
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	log.Fatal(run(context.Background(), listen))
}
