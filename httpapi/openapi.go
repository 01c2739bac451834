package httpapi

import (
	_ "embed"
	"net/http"
	"time"
)

// openAPI describes the API (OpenAPI 3.1). A test holds every route and every
// real answer against it.
//
//go:embed openapi.yaml
var openAPI []byte

func (s *server) mountOpenAPI() {
	s.routes.add(http.MethodGet, "/openapi.yaml", http.HandlerFunc(serveOpenAPI))
}

func serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	cached(w, r, 5*time.Minute, openAPI)
}
