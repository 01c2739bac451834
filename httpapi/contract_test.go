package httpapi_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

// contract is openapi.yaml, and what of it the tests have seen.
type contract struct {
	doc  *openapi3.T
	mu   sync.Mutex
	seen map[string]bool // "GET /path", codes and reasons
}

var theContract = newContract()

func newContract() *contract {
	for _, media := range []string{"application/jwk-set+json", "application/problem+json"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.JSONBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromData(httpapi.OpenAPI)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err))
	}
	return &contract{doc: doc, seen: map[string]bool{}}
}

// TestMain ends with what only the whole run can show: every route, code and
// reason was seen in a real answer.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, partial := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench"} {
		if flag.Lookup(partial).Value.String() != "" {
			os.Exit(code)
		}
	}
	if missing := theContract.missing(); code == 0 && len(missing) > 0 {
		fmt.Println("FAIL: never seen in a real answer:", strings.Join(missing, ", "))
		code = 1
	}
	os.Exit(code)
}

func (c *contract) missing() []string {
	want := slices.Concat(c.operations(), api.Codes(), api.Reasons())
	return slices.DeleteFunc(want, func(w string) bool { return c.seen[w] })
}

func (c *contract) operations() []string {
	var out []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			out = append(out, method+" "+path)
		}
	}
	return out
}

// check holds one real answer against the document.
func (c *contract) check(r *http.Request, sent []byte, resp *http.Response, body []byte) error {
	route := c.route(r)
	if resp.StatusCode >= 400 {
		if err := c.problem(resp, body); err != nil {
			return err
		}
	}
	if route == nil || r.Method == http.MethodHead {
		if resp.StatusCode < 400 && resp.StatusCode != http.StatusNoContent && route == nil && r.Method != http.MethodHead {
			return fmt.Errorf("%s %s is not in the document, but answers %d", r.Method, r.URL.Path, resp.StatusCode)
		}
		return nil
	}
	c.mark(route.Method + " " + route.Path)
	// Every status is spelled out, but those that any request can get.
	if !slices.Contains([]int{http.StatusInternalServerError, http.StatusRequestTimeout}, resp.StatusCode) &&
		route.Operation.Responses.Status(resp.StatusCode) == nil {
		return fmt.Errorf("%s %s: status %d is not in the document", route.Method, route.Path, resp.StatusCode)
	}
	in := &openapi3filter.RequestValidationInput{Request: r, Route: route}
	if resp.StatusCode < 300 && len(sent) > 0 && route.Operation.RequestBody != nil {
		again := r.Clone(context.Background())
		again.Body = io.NopCloser(bytes.NewReader(sent))
		if err := openapi3filter.ValidateRequestBody(context.Background(), &openapi3filter.RequestValidationInput{Request: again, Route: route}, route.Operation.RequestBody.Value); err != nil {
			return fmt.Errorf("an accepted body is not in the document: %w", err)
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// route finds the operation; nil where there is none. Any method may be asked
// of verify.
func (c *contract) route(r *http.Request) *routers.Route {
	path := c.pattern(r.URL.EscapedPath())
	item := c.doc.Paths.Value(path)
	if item == nil {
		return nil
	}
	method := r.Method
	if path == "/api/verify" {
		method = http.MethodGet
	}
	op := item.GetOperation(method)
	if op == nil {
		return nil
	}
	return &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method, Operation: op}
}

// pattern is the document's path for a request's, or the request's own.
func (c *contract) pattern(path string) string {
	if c.doc.Paths.Value(path) != nil {
		return path
	}
	have := strings.Split(path, "/")
	for pattern := range c.doc.Paths.Map() {
		want := strings.Split(pattern, "/")
		if len(want) == len(have) && fits(want, have) {
			return pattern
		}
	}
	return path
}

func fits(pattern, path []string) bool {
	for i, segment := range pattern {
		if segment != path[i] && (!strings.HasPrefix(segment, "{") || path[i] == "") {
			return false
		}
	}
	return true
}

// problem checks what is true of every refusal, in the document or not.
func (c *contract) problem(resp *http.Response, body []byte) error {
	if resp.Request != nil && resp.Request.Method == http.MethodHead {
		return nil
	}
	if got := resp.Header.Get("Content-Type"); got != api.ProblemType {
		return fmt.Errorf("status %d comes as %q", resp.StatusCode, got)
	}
	p, err := c.problemBody(body)
	switch {
	case err != nil:
		return err
	case p.Status != resp.StatusCode:
		return fmt.Errorf("status %d in the line, %d in the body", resp.StatusCode, p.Status)
	case resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "":
		return fmt.Errorf("SECURITY 53: 401 without WWW-Authenticate")
	case resp.Header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("a problem may be cached: %q", resp.Header.Get("Cache-Control"))
	case (p.Code == api.CodeLoginRequired) != (p.Reason != ""):
		return fmt.Errorf("code %s with reason %q", p.Code, p.Reason)
	}
	c.mark(p.Code)
	c.mark(p.Reason)
	return nil
}

func (c *contract) problemBody(body []byte) (p api.Problem, err error) {
	var v any
	if err := unmarshal(body, &v); err != nil {
		return p, err
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		return p, err
	}
	return p, unmarshal(body, &p)
}

func (c *contract) mark(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what] = true
}

func TestTheDocumentIsValidOpenAPI31(t *testing.T) {
	if !theContract.doc.IsOpenAPI31OrLater() {
		t.Errorf("version %s", theContract.doc.OpenAPI)
	}
	if err := theContract.doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
}

func TestEveryRouteIsInTheDocumentAndTheReverse(t *testing.T) {
	mounted, err := httpapi.Routes(pawltest.NewServer(t).Service)
	if err != nil {
		t.Fatal(err)
	}
	for i, route := range mounted { // the document describes GET; the rest is alike
		if rest, ok := strings.CutPrefix(route, httpapi.AnyMethod+" "); ok {
			mounted[i] = http.MethodGet + " " + rest
		}
	}
	documented := theContract.operations()
	slices.Sort(mounted)
	slices.Sort(documented)
	if !slices.Equal(mounted, documented) {
		t.Errorf("mounted:\n%s\nin the document:\n%s", strings.Join(mounted, "\n"), strings.Join(documented, "\n"))
	}
}

func TestTheDocumentKnowsEveryCodeAndReason(t *testing.T) {
	for member, want := range map[string][]string{"code": api.Codes(), "reason": api.Reasons()} {
		var got []string
		for _, v := range theContract.doc.Components.Schemas["Problem"].Value.Properties[member].Value.Enum {
			got = append(got, v.(string))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the document has %v, package api %v", member, got, want)
		}
	}
}

// The check itself must notice what is wrong.
func TestTheContractCheckNoticesDeviations(t *testing.T) {
	request := func(method, path string) *http.Request {
		r, _ := http.NewRequest(method, "https://pawl.test"+path, nil)
		return r
	}
	ok := http.Header{"Content-Type": {"application/json"}, "Pawl-Request-Id": {"x"}}
	bare := http.Header{"Content-Type": {"application/json"}}
	problem := http.Header{"Content-Type": {api.ProblemType}, "Pawl-Request-Id": {"x"}, "Cache-Control": {"no-store"}}
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		header http.Header
		body   string
		bad    bool
	}{
		{"as documented", request("GET", "/healthz"), 200, ok, `{"status":"ok"}`, false},
		{"another constant", request("GET", "/healthz"), 200, ok, `{"status":"fine"}`, true},
		{"a member more", request("GET", "/healthz"), 200, ok, `{"status":"ok","more":1}`, true},
		{"a member less", request("GET", "/healthz"), 200, ok, `{}`, true},
		{"a header less", request("GET", "/healthz"), 200, bare, `{"status":"ok"}`, true},
		{"another status", request("GET", "/healthz"), 201, ok, `{"status":"ok"}`, true},
		{"a nested member of another type", request("GET", "/api/sessions"), 200, ok, `{"sessions":[{"id":1}]}`, true},
		{"an unknown path that answers", request("GET", "/nothing"), 200, ok, `{}`, true},
		{"a problem of an unknown code", request("GET", "/nothing"), 404, problem, `{"type":"about:blank","title":"t","status":404,"detail":"d","code":"made_up"}`, true},
		{"a problem of another status", request("GET", "/nothing"), 404, problem, `{"type":"about:blank","title":"t","status":400,"detail":"d","code":"not_found"}`, true},
	} {
		fresh := newContract()
		err := fresh.check(c.r, nil, &http.Response{StatusCode: c.status, Header: c.header, Request: c.r}, []byte(c.body))
		if (err != nil) != c.bad {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
