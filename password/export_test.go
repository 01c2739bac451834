package password

// ForeignHashes gives known hashes of other systems and their passwords: all
// there are, or the first of each form.
func ForeignHashes(all bool) map[string][2]string {
	found, forms := map[string][2]string{}, map[int]bool{}
	for _, c := range foreignVectors {
		if form := formOf(c.phc); all || !forms[form] {
			found[c.name] = [2]string{c.phc, c.pw}
			forms[form] = true
		}
	}
	for _, c := range keycloakVectors[:2] {
		found["Keycloak's "+c.name] = [2]string{c.phc, c.pw}
	}
	return found
}

// formOf is the row of schemes that the hash belongs to.
func formOf(phc string) int {
	for i, s := range schemes {
		if s.claims(phc) {
			return i
		}
	}
	return -1
}
