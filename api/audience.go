package api

// AdminAudience is the one aud of access tokens that open the administration of an
// issuer (/admin/api). It follows from the issuer, so that no setting can give it
// to a resource server too: a service that is sent a token can do nothing with it
// there (decision 0086).
func AdminAudience(issuer string) string { return issuer + "/admin" }
