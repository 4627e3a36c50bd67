// Package writegate is the write path of an offline-first app. It takes the operations that PowerSync
// clients upload and applies them exactly once to a source database.
//
//	device ──POST──▶ server ──▶ auth ──▶ policy ──▶ applier ──▶ database
//	                 decode     who?     may it?    exactly once, one transaction
//	         ◀─200── result per transaction and per operation
//
// The root package holds what the stages share: an [Upload] with its operations, one [Error] type, the
// seams ([Authenticator], [Policy], [Applier], [Tx]) and the [Pipeline] that runs between them, once for
// every database. It imports nothing but the standard library.
package writegate
