package auth

import (
	"slices"

	"writegate"
)

// lighter are the reasons of verdicts that weigh less than what is wrong with a token wherever it is judged, such as that
// it has expired. Before an outage, where the token may be good, come those of a circle that knew the signature and wants
// something else of its tokens: another circle with the same key may want just this.
var lighter = []string{
	ReasonMalformed, ReasonAlgorithm, ReasonKeyUnknown, ReasonSignature,
	ReasonAudience, ReasonIssuer, ReasonRequired, ReasonSubject, ReasonLifetime, ReasonKeysUnavailable,
}

// weight is what a verdict weighs when circles differ; that of one which no other can change is len(lighter).
func weight(err error) int {
	if i := slices.Index(lighter, writegate.AsError(err).Reason); i >= 0 {
		return i
	}
	return len(lighter)
}

// gravest is the index of the verdict that weighs most, the first of several.
func gravest(verdicts []error) int {
	best := 0
	for i, err := range verdicts {
		if weight(err) > weight(verdicts[best]) {
			best = i
		}
	}
	return best
}

// named has the cause of an error name the circle.
func named(one circle, err error) error {
	e := *writegate.AsError(err)
	e.Cause = &verdict{one.name, e.Cause}
	return &e
}

// verdict is the cause of a refusal and the circle that judged.
type verdict struct {
	circle string
	cause  error // may be nil
}

// Error is for the log.
func (v *verdict) Error() string {
	if v.cause == nil {
		return "circle " + v.circle
	}
	return "circle " + v.circle + ": " + v.cause.Error()
}

// Unwrap returns the cause.
func (v *verdict) Unwrap() error { return v.cause }

// Circle is the name of the circle, which a log may ask for.
func (v *verdict) Circle() string { return v.circle }
