package mongodb

import (
	"context"
	"errors"
	"io"
	"net"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"writegate"
)

const (
	labelTransient = "TransientTransactionError"
	labelUnknown   = "UnknownTransactionCommitResult"

	codeUnauthorized    = 13
	codeNamespaceExists = 48
	codeWriteConflict   = 112
	codeValidation      = 121
	codeDuplicate       = 11000
)

// verdict is what an error number means.
type verdict struct {
	name   string
	class  writegate.Class
	code   writegate.Code // where class is Refused, or Operator with a name for it
	reason string
}

// verdicts decides by MongoDB's error numbers. A refused one is the fault of a change only where a change was sent;
// of every other command it is the operator's. What is not here is the operator's too.
var verdicts = map[int]verdict{
	// What one operation asked for.
	2:     {"BadValue", writegate.Refused, writegate.InvalidData, ""},
	9:     {"FailedToParse", writegate.Refused, writegate.InvalidData, ""},
	14:    {"TypeMismatch", writegate.Refused, writegate.InvalidData, ""},
	15:    {"Overflow", writegate.Refused, writegate.InvalidData, ""},
	22:    {"InvalidBSON", writegate.Refused, writegate.InvalidData, ""},
	28:    {"PathNotViable", writegate.Refused, writegate.InvalidData, ""},
	52:    {"DollarPrefixedFieldName", writegate.Refused, writegate.InvalidData, ""},
	56:    {"EmptyFieldName", writegate.Refused, writegate.InvalidData, ""},
	57:    {"DottedFieldName", writegate.Refused, writegate.InvalidData, ""},
	66:    {"ImmutableField", writegate.Refused, writegate.InvalidData, ""},
	121:   {"DocumentValidationFailure", writegate.Refused, writegate.DocumentValidation, ""},
	171:   {"CannotIndexParallelArrays", writegate.Refused, writegate.InvalidData, ""},
	10334: {"BSONObjectTooLarge", writegate.Refused, writegate.InvalidData, ""},
	11000: {"DuplicateKey", writegate.Refused, writegate.UniqueViolation, ""},
	11001: {"DuplicateKey, of an old server", writegate.Refused, writegate.UniqueViolation, ""},
	12582: {"DuplicateKey, of an old router", writegate.Refused, writegate.UniqueViolation, ""},
	357:   {"InvalidBSONType", writegate.Refused, writegate.InvalidData, ""},
	378:   {"NonConformantBSON", writegate.Refused, writegate.InvalidData, ""},
	13026: {"no pair of coordinates for a 2d index", writegate.Refused, writegate.InvalidData, ""},
	13027: {"a point outside of a 2d index", writegate.Refused, writegate.InvalidData, ""},
	13067: {"an empty point for a 2d index", writegate.Refused, writegate.InvalidData, ""},
	13068: {"half a point for a 2d index", writegate.Refused, writegate.InvalidData, ""},
	16755: {"Can't extract geo keys", writegate.Refused, writegate.InvalidData, ""},
	16766: {"an array for a hashed index", writegate.Refused, writegate.InvalidData, ""},
	16804: {"no location for a 2d index", writegate.Refused, writegate.InvalidData, ""},
	17261: {"a language for a text index that is no text", writegate.Refused, writegate.InvalidData, ""},
	17262: {"a language that text indexes don't know", writegate.Refused, writegate.InvalidData, ""},
	17280: {"KeyTooLong", writegate.Refused, writegate.InvalidData, ""},
	17419: {"the updated document is too large", writegate.Refused, writegate.InvalidData, ""},
	17420: {"the updated document is too large", writegate.Refused, writegate.InvalidData, ""},
	31025: {"another value for a shard key", writegate.Refused, writegate.InvalidData, ""},

	// Another transaction was faster.
	63:    {"StaleShardVersion", writegate.Rerun, "", ""},
	112:   {"WriteConflict", writegate.Rerun, "", ""},
	150:   {"StaleEpoch", writegate.Rerun, "", ""},
	225:   {"TransactionTooOld", writegate.Rerun, "", ""},
	239:   {"SnapshotTooOld", writegate.Rerun, "", ""},
	246:   {"SnapshotUnavailable", writegate.Rerun, "", ""},
	249:   {"StaleDbVersion", writegate.Rerun, "", ""},
	250:   {"StaleChunkHistory", writegate.Rerun, "", ""},
	251:   {"NoSuchTransaction", writegate.Rerun, "", ""},
	267:   {"PreparedTransactionInProgress", writegate.Rerun, "", ""},
	272:   {"MigrationConflict", writegate.Rerun, "", ""},
	282:   {"TransactionCoordinatorReachedAbortDecision", writegate.Rerun, "", ""},
	13388: {"StaleConfig", writegate.Rerun, "", ""},

	// Too much at once.
	50:  {"MaxTimeMSExpired", writegate.Retry, "", writegate.ReasonTimeout},
	257: {"TransactionTooLarge", writegate.Retry, "", writegate.ReasonTimeout},
	262: {"ExceededTimeLimit", writegate.Retry, "", writegate.ReasonTimeout},
	290: {"TransactionExceededLifetimeLimitSeconds", writegate.Retry, "", writegate.ReasonTimeout},
	388: {"TransactionTooLargeForCache", writegate.Retry, "", writegate.ReasonTimeout},

	// The server is away, busy, full, or in other hands for a moment.
	6:     {"HostUnreachable", writegate.Retry, "", ""},
	7:     {"HostNotFound", writegate.Retry, "", ""},
	11:    {"UserNotFound", writegate.Retry, "", ""},
	18:    {"AuthenticationFailed", writegate.Retry, "", ""},
	24:    {"LockTimeout", writegate.Retry, "", ""},
	43:    {"CursorNotFound", writegate.Retry, "", ""},
	46:    {"LockBusy", writegate.Retry, "", ""},
	64:    {"WriteConcernFailed", writegate.Retry, "", ""},
	70:    {"ShardNotFound", writegate.Retry, "", ""},
	79:    {"UnknownReplWriteConcern", writegate.Retry, "", ""},
	89:    {"NetworkTimeout", writegate.Retry, "", ""},
	91:    {"ShutdownInProgress", writegate.Retry, "", ""},
	96:    {"OperationFailed", writegate.Retry, "", ""},
	100:   {"UnsatisfiableWriteConcern", writegate.Retry, "", ""},
	117:   {"ConflictingOperationInProgress", writegate.Retry, "", ""},
	133:   {"FailedToSatisfyReadPreference", writegate.Retry, "", ""},
	134:   {"ReadConcernMajorityNotAvailableYet", writegate.Retry, "", ""},
	175:   {"QueryPlanKilled", writegate.Retry, "", ""},
	189:   {"PrimarySteppedDown", writegate.Retry, "", ""},
	202:   {"NetworkInterfaceExceededTimeLimit", writegate.Retry, "", ""},
	205:   {"ClusterTimeFailsRateLimiter", writegate.Retry, "", ""},
	209:   {"StaleClusterTime", writegate.Retry, "", ""},
	215:   {"DatabaseDropPending", writegate.Retry, "", ""},
	216:   {"ElectionInProgress", writegate.Retry, "", ""},
	237:   {"CursorKilled", writegate.Retry, "", ""},
	261:   {"TooManyLogicalSessions", writegate.Retry, "", ""},
	264:   {"TooManyFilesOpen", writegate.Retry, "", ""},
	279:   {"ClientDisconnect", writegate.Retry, "", ""},
	281:   {"TransactionCoordinatorSteppingDown", writegate.Retry, "", ""},
	303:   {"SplitHorizonChange", writegate.Retry, "", ""},
	317:   {"ConnectionPoolExpired", writegate.Retry, "", ""},
	355:   {"InterruptedDueToStorageChange", writegate.Retry, "", ""},
	365:   {"TemporarilyUnavailable", writegate.Retry, "", ""},
	371:   {"UserWritesBlocked", writegate.Retry, "", ""},
	384:   {"ConnectionError", writegate.Retry, "", ""},
	391:   {"ReauthenticationRequired", writegate.Retry, "", ""},
	402:   {"ResourceExhausted", writegate.Retry, "", ""},
	407:   {"PooledConnectionAcquisitionExceededTimeLimit", writegate.Retry, "", ""},
	462:   {"IngressRequestRateLimitExceeded", writegate.Retry, "", ""},
	8000:  {"AtlasError", writegate.Retry, "", ""},
	9001:  {"SocketException", writegate.Retry, "", ""},
	10058: {"LegacyNotPrimary", writegate.Retry, "", ""},
	10107: {"NotWritablePrimary", writegate.Retry, "", ""},
	11600: {"InterruptedAtShutdown", writegate.Retry, "", ""},
	11601: {"Interrupted", writegate.Retry, "", ""},
	11602: {"InterruptedDueToReplStateChange", writegate.Retry, "", ""},
	13435: {"NotPrimaryNoSecondaryOk", writegate.Retry, "", ""},
	13436: {"NotPrimaryOrSecondary", writegate.Retry, "", ""},
	14031: {"OutOfDiskSpace", writegate.Retry, "", ""},

	// Somebody has to mend something.
	13:  {"Unauthorized", writegate.Operator, "", ""},
	20:  {"IllegalOperation", writegate.Operator, "", ""},
	26:  {"NamespaceNotFound", writegate.Operator, writegate.SchemaMismatch, ""},
	67:  {"CannotCreateIndex", writegate.Operator, "", ""},
	166: {"CommandNotSupportedOnView", writegate.Operator, writegate.SchemaMismatch, ""},
	263: {"OperationNotSupportedInTransaction", writegate.Operator, "", ""},
}

// classify makes the [*writegate.Error] of an error that no single change caused. Nil stays nil.
func classify(err error) *writegate.Error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*writegate.Error](err); ok {
		return known
	}
	v, known := verdictOf(err)
	switch {
	case connectionLost(err), known && v.class == writegate.Retry:
		e := writegate.TryLater(err)
		e.Reason = v.reason
		return e
	case known && v.class == writegate.Rerun, !known && hasLabel(err, labelTransient):
		return conflict(err)
	}
	e := writegate.AsError(err)
	if v.class == writegate.Operator && v.code != "" {
		e.Code = v.code
	}
	return e
}

func conflict(cause error) *writegate.Error {
	return &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: cause}
}

// verdictOf finds the first number of an error that decides anything.
func verdictOf(err error) (verdict, bool) {
	if errors.Is(err, driver.ErrDocumentTooLarge) {
		return verdicts[10334], true
	}
	for _, code := range mongo.ErrorCodes(err) {
		if v, ok := verdicts[code]; ok {
			return v, true
		}
	}
	return verdict{}, false
}

// connectionLost tells what is neither the server's word nor a fault of this program.
func connectionLost(err error) bool {
	var network net.Error
	return mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.As(err, &network) || waited(err) ||
		errors.Is(err, mongo.ErrClientDisconnected) || errors.Is(err, mongo.ErrWrongClient) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// waited tells that no command was sent at all, for want of a server or a connection.
func waited(err error) bool {
	var selection topology.ServerSelectionError
	var pool topology.WaitQueueTimeoutError
	return errors.As(err, &selection) || errors.As(err, &pool)
}

// unknownCommit tells errors after which the commit is to be asked for again.
func unknownCommit(err error) bool {
	if hasLabel(err, labelUnknown) || hasLabel(err, labelTransient) {
		return hasLabel(err, labelUnknown)
	}
	v, _ := verdictOf(err)
	return connectionLost(err) || v.class == writegate.Retry && v.reason == ""
}

func hasLabel(err error, label string) bool {
	labeled, ok := errors.AsType[mongo.LabeledError](err)
	return ok && labeled.HasErrorLabel(label)
}

func hasCode(err error, code int) bool {
	server, ok := errors.AsType[mongo.ServerError](err)
	return ok && server.HasErrorCode(code)
}

// misconfigured is an error of class Operator. The message is for the operator and has no secrets.
func misconfigured(message string, cause error) *writegate.Error {
	if cause == nil {
		cause = errors.New("mongodb: " + message)
	}
	return &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The database can't be used as configured: " + message + ".", Cause: cause}
}
