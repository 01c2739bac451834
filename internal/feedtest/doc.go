// Package feedtest is about guards that are not where the issuer is: what they
// accept and refuse while lines are cut, issuers die, keys are removed, clocks
// are wrong and garbage comes, and how soon a sign-out is felt at services in
// processes of their own. It has tests only.
package feedtest
