package auth

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"writegate"
)

// The reasons of the errors that [Verifier.Authenticate] returns. They are stable and fit for metric labels.
const (
	// ReasonMissing: there is no token.
	ReasonMissing = "token.missing"
	// ReasonMalformed: not three parts of base64url with strict JSON in them, or longer than [MaxToken].
	ReasonMalformed = "token.malformed"
	// ReasonHeader: the header asks for something that is never done, such as using a key that it brings along.
	ReasonHeader = "token.header"
	// ReasonAlgorithm: the algorithm is unknown, not enabled, or not one of the key that kid names.
	ReasonAlgorithm = "token.algorithm"
	// ReasonKeyUnknown: no key has that kid, and no key without kid fits.
	ReasonKeyUnknown = "token.key_unknown"
	// ReasonSignature: the key is known and did not make this signature.
	ReasonSignature = "token.signature"
	// ReasonExpired: exp has passed by more than the leeway.
	ReasonExpired = "token.expired"
	// ReasonNotYet: nbf or iat is ahead by more than the leeway.
	ReasonNotYet = "token.not_yet"
	// ReasonLifetime: exp is further from iat than allowed.
	ReasonLifetime = "token.lifetime"
	// ReasonAudience: aud is missing or has none of the audiences.
	ReasonAudience = "token.audience"
	// ReasonIssuer: iss is missing or none of the issuers.
	ReasonIssuer = "token.issuer"
	// ReasonRequired: a claim of Options.Require is missing or has another value.
	ReasonRequired = "token.required"
	// ReasonSubject: sub, or what is the user in its place, is missing, blank or no string.
	ReasonSubject = "token.subject"
	// ReasonClaim: exp is missing, or a claim is not of the type that the standard gives it.
	ReasonClaim = "token.claim"
	// ReasonKeysUnavailable: the key may be at a source that does not answer. It says nothing about the token.
	ReasonKeysUnavailable = "token.keys_unavailable"
)

func refuse(reason, message string) *writegate.Error {
	return &writegate.Error{Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: reason, Message: message}
}

func because(cause error, reason, message string) *writegate.Error {
	e := refuse(reason, message)
	e.Cause = cause
	return e
}

func expired(cause error) *writegate.Error {
	return because(cause, ReasonExpired, "The token has expired.")
}

func unavailable(cause error) *writegate.Error {
	return &writegate.Error{
		Class: writegate.Retry, Code: writegate.Unavailable, Reason: ReasonKeysUnavailable,
		Message: "The keys that verify tokens are not available; the request is worth sending again.", Cause: cause,
	}
}

// explain turns what the parser says into our one error type. One that is in the chain already wins, as it is:
// the chain as its cause would be a circle.
func explain(err error) *writegate.Error {
	var own *writegate.Error
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return expired(err)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return because(err, ReasonNotYet, "The token is not valid yet (nbf).")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return because(err, ReasonNotYet, "The token was issued in the future (iat).")
	case errors.As(err, &own):
		return own
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return because(err, ReasonAudience, "The token's audience is not accepted here.")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return because(err, ReasonClaim, "The token has no exp.")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return because(err, ReasonMalformed, "The token's parts are not strict base64url with a strict JSON object for claims.")
	}
	return because(err, ReasonSignature, "The token's signature does not match its key.")
}
