// Package auth tells who sent a request, and issues the tokens that say so.
//
//	token ──▶ header ──▶ keys ──▶ signature ──▶ claims ──▶ Caller
//	          strict     inline,  key type      exp nbf iat
//	          JSON       JWKS,    decides the   aud iss sub
//	                     HS256    algorithm     lifetime
//
// A [Verifier] is one circle of trust: every key of its [Options] may sign for every audience and issuer
// of them. A [Key] is a signing key of our own, kept in a file.
package auth
