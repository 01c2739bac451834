package password

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxKeycloak bounds each of the two documents, in bytes.
const maxKeycloak = 4096

// FromKeycloak turns a password credential of Keycloak's, as its exports and
// its table "credential" hold it, into the PHC string of the same hash:
// $argon2id$…, $argon2i$… or $pbkdf2-sha512$i=210000$salt$hash. secretData and
// credentialData are the two JSON documents of the credential. The error is
// [ErrUnsupported] and quotes neither.
func FromKeycloak(secretData, credentialData string) (phc string, err error) {
	phc, err = fromKeycloak(secretData, credentialData)
	if err != nil {
		return "", fmt.Errorf("%w: Keycloak's credential: %w", ErrUnsupported, err)
	}
	if err := Recognised(phc); err != nil {
		return "", err
	}
	return phc, nil
}

type keycloakSecret struct {
	Value string `json:"value"`
	Salt  string `json:"salt"`
}

type keycloakData struct {
	Algorithm  string              `json:"algorithm"`
	Iterations uint32              `json:"hashIterations"`
	Additional map[string][]string `json:"additionalParameters"`
}

func fromKeycloak(secretData, credentialData string) (string, error) {
	var secret keycloakSecret
	if err := readKeycloak("secretData", secretData, &secret); err != nil {
		return "", err
	}
	var data keycloakData
	if err := readKeycloak("credentialData", credentialData, &data); err != nil {
		return "", err
	}
	salt, err := decodePadded("salt", secret.Salt, minForeignSalt, maxSalt)
	if err != nil {
		return "", err
	}
	tag, err := decodePadded("value", secret.Value, minTag, maxKeycloakTag)
	if err != nil {
		return "", err
	}
	switch data.Algorithm {
	case "pbkdf2":
		return keycloakPBKDF2(prfSHA1, data, salt, tag)
	case "pbkdf2-sha256":
		return keycloakPBKDF2(prfSHA256, data, salt, tag)
	case "pbkdf2-sha512":
		return keycloakPBKDF2(prfSHA512, data, salt, tag)
	case "argon2":
		return keycloakArgon2(data, salt, tag)
	}
	return "", errors.New("algorithm is none of pbkdf2, pbkdf2-sha256, pbkdf2-sha512 and argon2; " + resetInstead)
}

// maxKeycloakTag is that of its longest keys, of 1,024 bits.
const maxKeycloakTag = 128

func readKeycloak(name, text string, to any) error {
	if len(text) > maxKeycloak {
		return fmt.Errorf("%s is longer than %d bytes", name, maxKeycloak)
	}
	if json.Unmarshal([]byte(text), to) != nil { // its text would quote
		return fmt.Errorf("%s is not the JSON object of a password", name)
	}
	return nil
}

func keycloakPBKDF2(f prf, d keycloakData, salt, tag []byte) (string, error) {
	h, err := newPBKDF2(f, d.Iterations, salt, tag)
	if err != nil {
		return "", err
	}
	return h.(pbkdf2Hash).String(), nil
}

// keycloakArgon2 writes the PHC string, which parseArgon2 then judges.
func keycloakArgon2(d keycloakData, salt, tag []byte) (string, error) {
	kind := map[string]string{"id": schemeArgon2id, "i": schemeArgon2i, "d": "argon2d"}[d.first("type")]
	if kind == "" || d.first("version") != "1.3" {
		return "", errors.New("Argon2's type is none of id, i and d, or its version is not 1.3; " + resetInstead)
	}
	return fmt.Sprintf("$%s$v=19$m=%s,t=%d,p=%s$%s$%s", kind, d.first("memory"), d.Iterations, d.first("parallelism"),
		b64.EncodeToString(salt), b64.EncodeToString(tag)), nil
}

// first gives an additional parameter, which nobody can put a "$" into.
func (d keycloakData) first(name string) string {
	if values := d.Additional[name]; len(values) == 1 && !strings.Contains(values[0], "$") {
		return values[0]
	}
	return ""
}
