package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/api"
)

func TestSecretsDoNotPrint(t *testing.T) { // SECURITY 56
	const canary = "canary-9b1d"
	for _, v := range []any{
		api.LoginRequest{Password: canary},
		&api.LoginRequest{Password: canary},
		api.ReissueBody{RefreshToken: canary},
		&api.ReissueBody{RefreshToken: canary},
		api.PasswordRequest{CurrentPassword: canary, NewPassword: canary},
		api.SetupRequest{Code: canary, Password: canary},
		api.TokenResponse{AccessToken: canary, RefreshToken: canary},
		&api.TokenResponse{AccessToken: canary},
		api.Tokens{AccessToken: canary, RefreshToken: canary},
		&api.Tokens{AccessToken: canary},
		api.ReissueRequest{RefreshToken: canary, AccessToken: canary, IdempotencyKey: canary},
		[]any{api.Tokens{AccessToken: canary}},
		struct{ T api.Tokens }{api.Tokens{AccessToken: canary}},
	} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s", v, v, v, v), log.String()} {
			if strings.Contains(text, canary) {
				t.Errorf("%T prints its secret: %s", v, text)
			}
		}
	}
}

func TestJSONIsNotRedacted(t *testing.T) {
	b, err := json.Marshal(api.TokenResponse{AccessToken: "a", TokenType: "Bearer", ExpiresIn: 1, SessionID: "s"})
	if want := `{"accessToken":"a","tokenType":"Bearer","expiresIn":1,"sessionId":"s"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
