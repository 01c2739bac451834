package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/rawpath"
)

// anyMethod stands for every method in routes.
const anyMethod = "*"

// routes are the handlers by path (a ServeMux pattern without method) and
// method. ServeMux alone would answer unknown paths and wrong methods in plain
// text.
type routes map[string]map[string]http.Handler

func (rs routes) add(method, pattern string, h http.Handler) {
	if rs[pattern] == nil {
		rs[pattern] = map[string]http.Handler{}
	}
	rs[pattern][method] = h
}

// handler serves the routes, and what is not below the API's own roots by
// pages, if there are any.
func (rs routes) handler(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	own := []string{"/api/", "/admin/api/", "/.well-known/"}
	if pages == nil {
		own = []string{"/"}
	} else {
		mux.Handle("/", pages)
	}
	for _, root := range own {
		mux.HandleFunc(root, notFound)
	}
	for pattern, methods := range rs {
		mux.Handle(pattern, spelled(pattern, byMethod(methods)))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rawpath.Clean(r.URL) { // ServeMux would redirect
			notFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// spelled serves the pattern under one spelling: a filter in front that goes by
// the path as it was sent sees every request for it.
func spelled(pattern string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rawpath.Spells(r.URL, pattern) {
			notFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, r, api.ErrNotFound.With("There is nothing at this path. GET /openapi.yaml lists what there is."))
}

func byMethod(methods map[string]http.Handler) http.Handler {
	allowed := slices.Sorted(maps.Keys(methods))
	if methods[http.MethodGet] != nil {
		methods[http.MethodHead] = methods[http.MethodGet] // net/http drops the body
		allowed = append(allowed, http.MethodHead)
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := methods[r.Method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		if h := methods[anyMethod]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		fail(w, r, api.ErrInvalidRequest.WithStatus(http.StatusMethodNotAllowed).With("This path takes %s only.", allow))
	})
}
