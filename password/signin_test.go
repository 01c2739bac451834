package password_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

// SECURITY 39, through the real service: whoever comes with the hash of another
// system signs in with their old password, and what is stored then is Argon2id.
func TestSecurity39FirstSignInUpgradesEveryForm(t *testing.T) {
	store := memory.New()
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://api.example"},
		Sessions: store, Users: store, Keys: store, MasterKey: pawl.NewMasterKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	forms := password.ForeignHashes(os.Getenv("CI") == "true")
	n := 0
	for name, form := range forms {
		n++
		login := "user" + strconv.Itoa(n)
		t.Run(name, func(t *testing.T) {
			phc, pw := form[0], form[1]
			if err := store.CreateUser(t.Context(), pawl.User{ID: "id-" + login, Login: login, PasswordHash: phc}); err != nil {
				t.Fatal(err)
			}
			signIn := func(pw string) error {
				_, err := svc.Login(t.Context(), pawl.SignIn{Login: login, Password: pw})
				return err
			}
			stored := func() string {
				u, err := store.ByID(t.Context(), "id-"+login)
				if err != nil {
					t.Fatal(err)
				}
				return u.PasswordHash
			}
			if err := signIn(pw); err != nil || !strings.HasPrefix(stored(), "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Fatalf("first sign-in: %v, stored %q", err, stored())
			}
			upgraded := stored()
			if err := signIn(pw); err != nil || stored() != upgraded {
				t.Errorf("second sign-in: %v, stored %q", err, stored())
			}
		})
	}
	t.Attr("forms-upgraded", strconv.Itoa(len(forms)))
}
