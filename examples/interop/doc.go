// Package interop has Pawl's access tokens checked by libraries that know nothing
// of Pawl: golangjwt, gojose and gooidc each are what a service would copy, node
// is the same for Node, and spring holds settings for Spring Boot.
//
// None of them learns of a sign-out before the token expires. Follow the feed of
// revocations for that (examples/feed), or use package guard.
package interop
