package password

import (
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type vector struct{ name, phc, pw string }

// foreignVectors are stored hashes as other systems write them, each with the
// place where its authors publish it. "hashlib" stands for Python's, fed with
// the parameters that the system documents.
var foreignVectors = []vector{
	{"RFC 7914, 12, second, as PHC", "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA", "password"},
	{"RFC 7914, 12, third, as PHC", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw", "pleaseletmein"},
	{"passlib's documentation of scrypt", "$scrypt$ln=8,r=8,p=1$WKs1xljLudd6z9kbY0wpJQ$yCR4iDZYDKv+iEJj6yHY0lv/epnfB6f/w1EbXrsJOuQ", "password"},
	{"passlib's documentation of scrypt, its default", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E", "password"},
	{"passlib's tests of scrypt", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds", "nacl"},
	{"Django's tests of scrypt", "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==", "l\u00e8tmein"},
	{"Spring's documentation of scrypt", "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=", "password"},
	{"Spring's scrypt of 5.8, by hashlib", "{scrypt@SpringSecurity_v5_8}$100801$AAECAwQFBgcICQoLDA0ODw==$af3quOw/APBoUD8adF/dCYhq45t9dVccCS6mBWzM/3s=", "p\u00e4ssword"},

	{"RFC 6070, second, as PHC", "$pbkdf2-sha1$i=2$c2FsdA$6mwBTcctb4zNHtkqzh1B8NjeiVc", "password"},
	{"RFC 6070, third, with l", "$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE", "password"},
	{"RFC 6070, fifth: two blocks", "$pbkdf2-sha1$i=4096$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$PS7sT+QchJuAyNg2YsDkSospGpZM8vBwOA", "passwordPASSWORDpassword"},
	{"RFC 6070, sixth: NUL, less than a block", "$pbkdf2-sha1$i=4096$c2EAbHQ$Vvpqp1VICZ3MN9fwNCXgww", "pass\x00word"},
	{"RFC 7914, 11, first", "$pbkdf2-sha256$i=1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw", "passwd"},
	{"RFC 7914, 11, second", "$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ", "Password"},
	{"passlib's tests of pbkdf2_sha1", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI", "password"},
	{"passlib's tests of pbkdf2_sha256", "$pbkdf2-sha256$1212$3SABFJGDtyhrQMVt1uABPw$WyaUoqCLgvz97s523nF4iuOqZNbp5Nt8do/cuaa7AiI", "\u0399\u03c9\u03b1\u03bd\u03bd\u03b7\u03c2"},
	{"passlib's tests of pbkdf2_sha512", "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww", "password"},
	{"Django's tests of pbkdf2_sha256", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=", "l\u00e8tmein"},
	{"Django's tests of pbkdf2_sha1", "pbkdf2_sha1$390000$seasalt2$aDapRanzW8aHTz97v2TcfHzWD+I=", "l\u00e8tmein"},
	{"Spring's documentation of PBKDF2", "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc", "password"},
	{"Spring's PBKDF2 of 5.8, by hashlib", "{pbkdf2@SpringSecurity_v5_8}000102030405060708090a0b0c0d0e0fdeef2303ba2adb21b82a404d8e134a3a4f761600350d104cc479c14368466f34", "p\u00e4ssword"},

	{"Spring's tests of Argon2", "{argon2}$argon2id$v=19$m=4096,t=3,p=1$QUFBQUFBQUFBQUFBQUFBQQ$hmmTNyJlwbb6HAvFoHFWF+u03fdb0F2qA+39oPlcAqo", "sometestpassword"},
	{"Spring's Argon2 of 5.8, from a program's test data", "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=16384,t=2,p=1$lGnuXr7ppRC33DBCL3drOA$/OazSBWZr+7OZ/uOZ0kz9oCo079oJ+fqDkhL3zmwo84", "password"},
	{"Django's tests of Argon2i", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q", "secret"},
	{"Django's tests of Argon2id", "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw", "secret"},
	{"Argon2i, the reference implementation's tests", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "password"},

	{"libxcrypt's tests of bcrypt", "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.", "correct horse battery"},
	{"the same, as Spring writes it", "{bcrypt}$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.", "correct horse battery"},
	{"passlib's tests of Django's bcrypt_sha256, empty", "bcrypt_sha256$$2a$06$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu", ""},
	{"passlib's tests of Django's bcrypt_sha256", "bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC", "l\u00e8tmein"},
	{"Django's bcrypt, of Spring's documentation", "bcrypt$$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "password"},
}

// keycloakVectors are credentials as Keycloak exports them.
var keycloakVectors = []struct{ name, secret, data, phc, pw string }{
	{
		"pbkdf2-sha256, from a published tutorial",
		`{"salt": "x/bm4Y3DcuV9eU97ervkPA==","value": "1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4="}`,
		`{"hashIterations": 27500,"algorithm": "pbkdf2-sha256"}`,
		"$pbkdf2-sha256$i=27500$x/bm4Y3DcuV9eU97ervkPA$1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4", "admin",
	},
	{
		"argon2, from a published export",
		`{"value":"BuViHNDGmCq80fvpty/QoggTI8NSt0CuNDGgeoa5f5A=","salt":"RJ0aLMQ2qKbZuROs7qQhcA==","additionalParameters":{}}`,
		`{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}`,
		"$argon2id$v=19$m=7168,t=5,p=1$RJ0aLMQ2qKbZuROs7qQhcA$BuViHNDGmCq80fvpty/QoggTI8NSt0CuNDGgeoa5f5A", "iceberg",
	},
	{
		"pbkdf2-sha512 of 512 bits, by hashlib",
		`{"value":"yS6qp+3nagjTkU01hrwn2WXoZ0by4jDXFQLBm8yzamlKtuQcXz/J89t+meqUqDqoqrpnT7Cb1gTGVcdJYDVfzw==","salt":"EBESExQVFhcYGRobHB0eHw==","additionalParameters":{}}`,
		`{"hashIterations":210000,"algorithm":"pbkdf2-sha512","additionalParameters":{}}`,
		"$pbkdf2-sha512$i=210000$EBESExQVFhcYGRobHB0eHw$yS6qp+3nagjTkU01hrwn2WXoZ0by4jDXFQLBm8yzamlKtuQcXz/J89t+meqUqDqoqrpnT7Cb1gTGVcdJYDVfzw", "p\u00e4ssword",
	},
	{
		"pbkdf2 of 512 bits, by hashlib: the first of four blocks is kept",
		`{"value":"cXM/OjL2O8ItT/EMBG9XsKhpEoKOUoqJSd7VFZ71Id5o5u09h3VF0Qx14p66y2lI7ul3oVwFbSq6NoI0+0CN6A==","salt":"EBESExQVFhcYGRobHB0eHw==","additionalParameters":{}}`,
		`{"hashIterations":20000,"algorithm":"pbkdf2","additionalParameters":{}}`,
		"$pbkdf2-sha1$i=20000$EBESExQVFhcYGRobHB0eHw$cXM/OjL2O8ItT/EMBG9XsKhpEoI", "p\u00e4ssword",
	},
}

func TestSecurity39HashesOfOtherSystemsAreCheckedAndUpgraded(t *testing.T) {
	h := cheapHasher()
	for _, c := range foreignVectors {
		t.Run(c.name, func(t *testing.T) {
			if err := Recognised(c.phc); err != nil {
				t.Fatal(err)
			}
			if hash, _ := parse(c.phc); os.Getenv("CI") == "true" || cheapToCheck(hash.cost()) {
				if ok, upgraded, err := h.Verify(t.Context(), c.phc, c.pw+"?"); ok || upgraded != "" || err != nil {
					t.Fatalf("wrong password: %v, %q, %v", ok, upgraded, err)
				}
			}
			ok, upgraded, err := h.Verify(t.Context(), c.phc, c.pw)
			if !ok || !strings.HasPrefix(upgraded, "$argon2id$v=19$m=64,t=1,p=1$") || err != nil {
				t.Fatalf("right password: %v, %q, %v", ok, upgraded, err)
			}
			if ok, again, err := h.Verify(t.Context(), upgraded, c.pw); !ok || again != "" || err != nil {
				t.Errorf("upgraded: %v, %q, %v", ok, again, err)
			}
		})
	}
}

// cheapToCheck leaves out what takes long enough to double the suite's time.
func cheapToCheck(c cost) bool {
	switch c.scheme {
	case schemePBKDF2:
		return c.rounds < 100_000
	case schemeBcrypt:
		return c.rounds < 10
	}
	return c.memory < 20_000
}

func TestFromKeycloakGivesThePHCStringOfTheSameHash(t *testing.T) {
	h := cheapHasher()
	for _, c := range keycloakVectors {
		phc, err := FromKeycloak(c.secret, c.data)
		if phc != c.phc || err != nil {
			t.Errorf("%s: %q, %v", c.name, phc, err)
			continue
		}
		if ok, upgraded, err := h.Verify(t.Context(), phc, c.pw); !ok || upgraded == "" || err != nil {
			t.Errorf("%s: %v, %q, %v", c.name, ok, upgraded, err)
		}
	}
}

func TestFromKeycloakRefuses(t *testing.T) {
	const salt, tag = "EBESExQVFhcYGRobHB0eHw==", "BuViHNDGmCq80fvpty/QoggTI8NSt0CuNDGgeoa5f5A="
	secret := `{"value":"` + tag + `","salt":"` + salt + `"}`
	argon := func(kind, version, memory string) string {
		return `{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"memory":["` + memory + `"],"type":["` + kind + `"],"version":["` + version + `"],"parallelism":["1"]}}`
	}
	for _, c := range []struct{ name, secret, data, says string }{
		{"no JSON", "canary", argon("id", "1.3", "7168"), "secretData is not"},
		{"data is no object", secret, `"canary"`, "credentialData is not"},
		{"no salt", `{"value":"` + tag + `"}`, argon("id", "1.3", "7168"), "salt of 0 bytes"},
		{"no value", `{"salt":"` + salt + `"}`, argon("id", "1.3", "7168"), "value of 0 bytes"},
		{"another algorithm", secret, `{"hashIterations":5,"algorithm":"canary"}`, "send them a password-reset link"},
		{"too many iterations", secret, `{"hashIterations":3000001,"algorithm":"pbkdf2-sha256"}`, "not within 1 and 3000000"},
		{"negative iterations", secret, `{"hashIterations":-1,"algorithm":"pbkdf2-sha256"}`, "credentialData is not"},
		{"no iterations", secret, `{"algorithm":"pbkdf2-sha256"}`, "iterations 0"},
		{"Argon2d", secret, argon("d", "1.3", "7168"), "Argon2d cannot be checked"},
		{"Argon2 1.0", secret, argon("id", "1.0", "7168"), "version is not 1.3"},
		{"too much memory", secret, argon("id", "1.3", "131073"), "exceeds 131072 KiB"},
		{"a parameter with more in it", secret, argon("id", "1.3", "8,t=1,p=1$AAAA"), "out of place"},
		{"huge", `{"value":"` + strings.Repeat("A", 5000) + `"}`, argon("id", "1.3", "7168"), "longer than 4096"},
	} {
		phc, err := FromKeycloak(c.secret, c.data)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q, %v; want an error that says %q", c.name, phc, err, c.says)
		}
	}
}

func TestRecognisedSaysWhatToDoAboutHashesThatGiveThePasswordAway(t *testing.T) {
	for _, c := range []struct{ name, phc, says string }{
		{"Spring's noop", "{noop}canary", "keeps the password itself"},
		{"Spring's MD5", "{MD5}3f86d0d3d465b7b458c231bf3555c0e3", "MD5"},
		{"Spring's SHA-256", "{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0", "SHA"},
		{"LDAP", "{SSHA}3f86d0d3d465b7b458c231bf3555c0e3", "SHA"},
		{"Django's MD5", "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "MD5"},
		{"Django's SHA-1", "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8", "SHA"},
		{"Django's unusable", "!cff36ea83f5706ce9aa7454e63e431fc726b2dc8", "without a password"},
		{"bare MD5", "88a434c88cca4e900f7874cd98123f43", "MD5"},
		{"bare SHA-1", "6d138ca3ae545631b3abd71a4f076ce759c5700b", "SHA"},
		{"bare SHA-256", strings.Repeat("6D", 32), "SHA"},
		{"crypt's SHA-512", "$6$rounds=5000$saltsalt$canary", "SHA-512"},
		{"Argon2d", "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "Argon2d cannot be checked"},
		{"a password", "canary", "unknown form"},
	} {
		err := Recognised(c.phc)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "password-reset link") {
			t.Errorf("%s: %v; want %q and the way out", c.name, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v quotes", c.name, err)
		}
	}
}

func TestSecurity40ForeignHashesThatAreMalformedOrCostTooMuchAreRefused(t *testing.T) {
	b := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	hex := func(n int) string { return strings.Repeat("0", 2*n) }
	salt, tag := b(16), b(32)
	for _, c := range []struct{ name, phc string }{
		{"scrypt: memory above the cap", "$scrypt$ln=18,r=8,p=1$" + salt + "$" + tag},
		{"scrypt: memory above the cap by r", "$scrypt$ln=17,r=9,p=1$" + salt + "$" + tag},
		{"scrypt: work above the cap", "$scrypt$ln=17,r=8,p=2$" + salt + "$" + tag},
		{"scrypt: lanes above the cap", "$scrypt$ln=4,r=8,p=17$" + salt + "$" + tag},
		{"scrypt: r above the cap", "$scrypt$ln=1,r=65,p=1$" + salt + "$" + tag},
		{"scrypt: ln that overflows", "$scrypt$ln=64,r=8,p=1$" + salt + "$" + tag},
		{"scrypt: ln that wraps around", "$scrypt$ln=4294967297,r=8,p=1$" + salt + "$" + tag},
		{"scrypt: N of 1", "$scrypt$ln=0,r=8,p=1$" + salt + "$" + tag},
		{"scrypt: no r", "$scrypt$ln=4,r=0,p=1$" + salt + "$" + tag},
		{"scrypt: no p", "$scrypt$ln=4,r=8,p=0$" + salt + "$" + tag},
		{"scrypt: out of order", "$scrypt$ln=4,p=1,r=8$" + salt + "$" + tag},
		{"scrypt: a parameter missing", "$scrypt$ln=4,r=8$" + salt + "$" + tag},
		{"scrypt: leading zero", "$scrypt$ln=04,r=8,p=1$" + salt + "$" + tag},
		{"scrypt: short salt", "$scrypt$ln=4,r=8,p=1$" + b(3) + "$" + tag},
		{"scrypt: long salt", "$scrypt$ln=4,r=8,p=1$" + b(65) + "$" + tag},
		{"scrypt: short tag", "$scrypt$ln=4,r=8,p=1$" + salt + "$" + b(15)},
		{"scrypt: long tag", "$scrypt$ln=4,r=8,p=1$" + salt + "$" + b(65)},
		{"scrypt: too many fields", "$scrypt$ln=4,r=8,p=1$" + salt + "$" + tag + "$"},
		{"scrypt: wrongly padded", "$scrypt$ln=4,r=8,p=1$" + salt + "=$" + tag},
		{"Django's scrypt: N is no power of two", "scrypt$16383$seasalt$8$1$" + tag + "="},
		{"Django's scrypt: N above the cap", "scrypt$262144$seasalt$8$1$" + tag + "="},
		{"Django's scrypt: N of zero", "scrypt$0$seasalt$8$1$" + tag + "="},
		{"Django's scrypt: no salt", "scrypt$16384$$8$1$" + tag + "="},
		{"Django's scrypt: long salt", "scrypt$16384$" + strings.Repeat("s", 65) + "$8$1$" + tag + "="},
		{"Spring's scrypt: parameters above the cap", "{scrypt}$120801$" + salt + "$" + tag},
		{"Spring's scrypt: not hexadecimal", "{scrypt}$g0801$" + salt + "$" + tag},
		{"Spring's scrypt: beyond 32 bits", "{scrypt}$1000e0801$" + salt + "$" + tag},
		{"Spring's scrypt: text before the first $", "{scrypt}x$e0801$" + salt + "$" + tag},
		{"Spring's scrypt: another version", "{scrypt@SpringSecurity_v9_9}$e0801$" + salt + "$" + tag},

		{"PBKDF2: no iterations", "$pbkdf2-sha256$0$" + salt + "$" + tag},
		{"PBKDF2: zero-padded", "$pbkdf2-sha256$01212$" + salt + "$" + tag},
		{"PBKDF2: empty iterations", "$pbkdf2-sha256$$" + salt + "$" + tag},
		{"PBKDF2: iterations above the cap", "$pbkdf2-sha256$3000001$" + salt + "$" + tag},
		{"PBKDF2: SHA-512 above its cap", "$pbkdf2-sha512$900001$" + salt + "$" + tag},
		{"PBKDF2: beyond 32 bits", "$pbkdf2-sha256$4294967297$" + salt + "$" + tag},
		{"PBKDF2: another hash", "$pbkdf2-md5$1000$" + salt + "$" + tag},
		{"PBKDF2: false length", "$pbkdf2-sha256$i=1000,l=31$" + salt + "$" + tag},
		{"PBKDF2: too many fields", "$pbkdf2-sha256$1000$" + salt + "$" + tag + "$"},
		{"PBKDF2: short tag", "$pbkdf2-sha256$1000$" + salt + "$" + b(15)},
		{"PBKDF2: URL alphabet", "$pbkdf2-sha256$1000$" + salt + "$" + strings.Repeat("_", 43)},
		{"Django's PBKDF2: short", "pbkdf2_sha256$1000$seasalt"},
		{"Django's PBKDF2: no salt", "pbkdf2_sha256$1000$$" + tag + "="},
		{"Django's PBKDF2: iterations above the cap", "pbkdf2_sha1$3000001$seasalt$" + tag + "="},
		{"Django's PBKDF2: another hash", "pbkdf2_sha512$1000$seasalt$" + tag + "="},
		{"Spring's PBKDF2: odd digits", "{pbkdf2}" + hex(40)[1:]},
		{"Spring's PBKDF2: another width", "{pbkdf2}" + hex(72)},
		{"Spring's PBKDF2 of 5.8: the width of before", "{pbkdf2@SpringSecurity_v5_8}" + hex(40)},
		{"Spring's PBKDF2: not hexadecimal", "{pbkdf2}" + strings.Repeat("g", 80)},

		{"Argon2i: memory above the cap", "$argon2i$v=19$m=131073,t=1,p=1$" + salt + "$" + tag},
		{"Argon2i: version 16, which has no field", "argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$" + b(64)},
		{"Argon2 of no kind", "$argon2$v=19$m=8,t=1,p=1$" + salt + "$" + tag},
		{"Spring's prefix, Django's", "{argon2}argon2$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + tag},
		{"Django's bcrypt without the second dollar", "bcrypt$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG"},
		{"bcrypt_sha256 above the cap", "bcrypt_sha256$$2a$16$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu"},
		{"huge", "$pbkdf2-sha256$1000$" + salt + "$" + strings.Repeat("A", 1<<20)},
	} {
		if err := Recognised(c.phc); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", c.name, err)
		}
	}
}

// SECURITY 40: what a stored hash asks for counts against the turns.
func TestSecurity40ForeignHashesTakeTurnsByWhatTheyNeed(t *testing.T) {
	b := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	h := newHasher(Options{Params: Params{Memory: 19456, Time: 2, Threads: 1}, Concurrency: 4})
	for _, c := range []struct {
		name, phc string
		memory    uint32 // at least, KiB: 128·N·r
		turns     int
	}{
		{"scrypt of 16 MiB", "$scrypt$ln=14,r=8,p=1$" + b(16) + "$" + b(32), 16 << 10, 1},
		{"scrypt of 64 MiB", "$scrypt$ln=16,r=8,p=1$" + b(16) + "$" + b(32), 64 << 10, 4},
		{"the most of scrypt", "$scrypt$ln=17,r=8,p=1$" + b(16) + "$" + b(32), 128 << 10, 7},
		{"the most of scrypt by r", "$scrypt$ln=14,r=64,p=1$" + b(16) + "$" + b(32), 128 << 10, 7},
		{"Argon2i of 64 MiB", "$argon2i$v=19$m=65536,t=3,p=1$" + b(16) + "$" + b(32), 64 << 10, 4},
		{"PBKDF2 at its most", "$pbkdf2-sha1$3000000$" + b(16) + "$" + b(20), 0, 1},
	} {
		hash, err := parse(c.phc)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := hash.cost(); got.memory < c.memory || got.memory > c.memory+c.memory/64+16 || h.weight(got) != c.turns {
			t.Errorf("%s: %+v, %d turns; want %d KiB and %d turns", c.name, got, h.weight(got), c.memory, c.turns)
		}
	}
}

func TestPBKDF2FormatThenParseIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]prf{prfSHA1, prfSHA256, prfSHA512}).Draw(t, "prf")
		want, err := newPBKDF2(f, rapid.Uint32Range(1, f.maxIterations()).Draw(t, "iterations"),
			rapid.SliceOfN(rapid.Byte(), minForeignSalt, maxSalt).Draw(t, "salt"),
			rapid.SliceOfN(rapid.Byte(), minTag, maxTag).Draw(t, "tag"))
		if err != nil {
			t.Fatal(err)
		}
		text := want.(pbkdf2Hash).String()
		got, err := parse(text)
		if err != nil || got.(pbkdf2Hash).String() != text {
			t.Fatalf("%s became %v, %v", text, got, err)
		}
	})
}

// No credential of Keycloak's, whatever is in it, becomes a text that is not
// checked or that costs more than is granted.
func FuzzFromKeycloakGivesWhatIsRecognised(f *testing.F) {
	for _, c := range keycloakVectors {
		f.Add(c.secret, c.data)
	}
	f.Fuzz(func(t *testing.T, secret, data string) {
		phc, err := FromKeycloak(secret, data)
		if (err == nil) != (Recognised(phc) == nil) {
			t.Errorf("FromKeycloak(%q, %q) = %q, %v", secret, data, phc, err)
		}
	})
}
