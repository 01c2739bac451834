package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pawlauth/pawl/api"
)

// maxBody bounds request bodies, in bytes (SECURITY 54).
const maxBody = 64 << 10

// maxDrain is how much more is read, unkept, so that the refusal is heard.
const maxDrain = 4 << 20

// bodyRule says whether a request has a body.
type bodyRule int

const (
	noBody       bodyRule = iota // not looked at
	optionalBody                 // none at all is like {}
	requiredBody
)

// readBody reads and decodes the body into the struct that into points to.
func readBody(w http.ResponseWriter, r *http.Request, rule bodyRule, into any) error {
	if rule == noBody {
		return nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		drain(r)
		return unreadable(err)
	}
	if len(b) == 0 {
		if rule == optionalBody {
			return nil
		}
		return api.ErrInvalidRequest.With("The body is missing. Send a JSON object with %s.", members(into))
	}
	// Only application/json: a form on another site can send text/plain
	// without asking first (SECURITY 36).
	if err := jsonMedia(r.Header); err != nil {
		return err
	}
	return decode(b, into)
}

// drain reads on for a while: a client that still sends when the connection is
// closed sees a reset and never the answer.
func drain(r *http.Request) { _, _ = io.CopyN(io.Discard, r.Body, maxDrain) }

func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return api.ErrInvalidRequest.WithStatus(http.StatusRequestEntityTooLarge).With("The body is larger than %d KiB.", maxBody>>10)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return api.ErrInvalidRequest.WithStatus(http.StatusRequestTimeout).With("The body did not arrive in time. Send it again.")
	}
	return api.ErrInvalidRequest.With("The body did not arrive whole. Send it again.")
}

func jsonMedia(h http.Header) error {
	bad := api.ErrInvalidRequest.WithStatus(http.StatusUnsupportedMediaType)
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, has := params["charset"]
	if err != nil || media != "application/json" || has && !strings.EqualFold(charset, "utf-8") {
		return bad.With("Send the body as JSON in UTF-8, with Content-Type: application/json.")
	}
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return bad.With("Send the body without Content-Encoding.")
	}
	return nil
}

// decode is strict: one object of exactly the known members, each at most once
// and in its exact spelling, in valid UTF-8, with nothing behind it. What is
// wrong is named by member, never by value: values are secrets here.
func decode(b []byte, into any) error {
	err := json.Unmarshal(b, into, json.RejectUnknownMembers(true))
	if err == nil && jsontext.Value(b).Kind() != '{' {
		return api.ErrInvalidRequest.With("The body must be a JSON object.")
	}
	if err == nil {
		return noNull(b, into)
	}
	return api.ErrInvalidRequest.With("%s", fault(err, into))
}

// noNull refuses null for members that are pointers: to leave something as it
// is and to take it away are two things, and null could mean either.
func noNull(b []byte, into any) error {
	var values map[string]jsontext.Value
	t := reflect.TypeOf(into).Elem()
	for i := range t.NumField() {
		if t.Field(i).Type.Kind() != reflect.Pointer {
			continue
		}
		if values == nil {
			if err := json.Unmarshal(b, &values); err != nil {
				return api.ErrInvalidRequest.With("%s", fault(err, into))
			}
		}
		if name := memberName(t.Field(i)); values[name].Kind() == 'n' {
			return api.ErrInvalidRequest.With("The member %q is null. Leave it out to change nothing, or send a value.", name)
		}
	}
	return nil
}

func fault(err error, into any) string {
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		switch {
		case errors.Is(e, json.ErrUnknownName):
			return fmt.Sprintf("The body has an unknown member %s. Known are %s.", named(e.JSONPointer), members(into))
		case e.JSONPointer == "":
			return "The body must be a JSON object."
		case e.GoType != nil:
			return fmt.Sprintf("The member %s must be a %s.", named(e.JSONPointer), e.GoType.Kind())
		}
		return fmt.Sprintf("The member %s has a value that is not accepted.", named(e.JSONPointer))
	}
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return "The body is not valid JSON."
	case errors.Is(e, jsontext.ErrDuplicateName):
		return fmt.Sprintf("The body has the member %s twice.", named(e.JSONPointer))
	case errors.Is(e, io.ErrUnexpectedEOF):
		return "The body ends in the middle of the JSON."
	case strings.Contains(e.Err.Error(), "UTF-8"), strings.Contains(e.Err.Error(), "surrogate"):
		return fmt.Sprintf("The body is not valid UTF-8 at byte %d.", e.ByteOffset)
	case strings.Contains(e.Err.Error(), "after top-level value"):
		return fmt.Sprintf("The body goes on after the JSON object, at byte %d.", e.ByteOffset)
	case strings.Contains(e.Err.Error(), "depth"):
		return "The body is nested too deeply."
	}
	return fmt.Sprintf("The body is not valid JSON at byte %d.", e.ByteOffset)
}

// named quotes the last name of a JSON pointer, cut short: it is the sender's.
func named(p jsontext.Pointer) string {
	const most = 40
	name := []rune(p.LastToken())
	if len(name) > most {
		name = append(name[:most], '…')
	}
	return strconv.Quote(string(name))
}

// members lists the names that a body may have.
func members(into any) string {
	t := reflect.TypeOf(into).Elem()
	var names []string
	for i := range t.NumField() {
		names = append(names, memberName(t.Field(i)))
	}
	return strings.Join(names, ", ")
}

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
