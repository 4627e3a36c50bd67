package policy

// exposure is how much a client is told of why it was refused.
type exposure uint8

const (
	exposeMessage exposure = iota
	exposeCode
	exposeFull
)

var exposures = map[string]exposure{"code": exposeCode, "message": exposeMessage, "full": exposeFull}
