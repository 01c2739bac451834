package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/store/memory"
)

// BenchmarkReissue is the handler without the network: an advance (row 5) over
// the memory store.
func BenchmarkReissue(b *testing.B) {
	store := memory.New()
	if err := store.CreateUser(b.Context(), pawl.User{ID: "id-ann", Login: "ann"}); err != nil {
		b.Fatal(err)
	}
	svc, err := pawl.New(b.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://api.example"},
		Sessions: store, Keys: store, Users: store, MasterKey: pawl.NewMasterKey(),
		UnsafeNoReuseWindow: true, OnEvent: func(context.Context, pawl.Event) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer svc.Close()
	h, err := httpapi.New(svc, httpapi.Options{Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		b.Fatal(err)
	}
	t, err := svc.Start(b.Context(), "id-ann", pawl.Client{})
	if err != nil {
		b.Fatal(err)
	}
	refresh := t.RefreshToken
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/api/reissue", strings.NewReader(`{"refreshToken":"`+refresh+`"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var got api.TokenResponse
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.RefreshToken == "" || got.RefreshToken == refresh {
			b.Fatalf("status %d: %s", w.Code, w.Body)
		}
		refresh = got.RefreshToken
	}
}
