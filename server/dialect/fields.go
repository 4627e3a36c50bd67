package dialect

// field is what a member of an operation means, whatever a connector calls it.
type field uint8

const (
	fieldOp field = iota
	fieldTable
	fieldID
	fieldData
	fieldPrevious
	fieldMetadata
	fieldOpID
	fieldTxID
)

const fieldCount = 8

// synonyms lists the names of each field. Where an operation has several of them, the first of this order
// that is not null counts: a connector that adds a name to an SDK object means what it added.
var synonyms = [fieldCount][]string{
	fieldOp:       {"op", "Op", "update_type", "updateType", "UpdateType"},
	fieldTable:    {"table", "Table", "type", "Type"},
	fieldID:       {"id", "Id", "ID"},
	fieldData:     {"data", "Data", "op_data", "opData", "OpData"},
	fieldPrevious: {"previous_values", "previousValues", "PreviousValues", "old", "Old", "old_data", "oldData", "OldData", "trackPrevious"},
	fieldMetadata: {"metadata", "Metadata", "_metadata"},
	fieldOpID:     {"op_id", "opId", "OpId", "operation_id", "operationId", "client_op_id", "clientOpId", "client_id", "clientId", "ClientId"},
	fieldTxID:     {"tx_id", "txId", "TxId", "transaction_id", "transactionId", "TransactionId"},
}

// member is one name of a field.
type member struct {
	field field
	rank  uint8 // place among the synonyms, from 1
	bit   uint64
	// number says that nothing but a number counts: with anything else the name means the device.
	number bool
}

var members = indexMembers()

func indexMembers() map[string]member {
	index := map[string]member{}
	bit := uint64(1)
	for f, names := range synonyms {
		for i, name := range names {
			index[name] = member{field: field(f), rank: uint8(i + 1), bit: bit, number: deviceNames[name]}
			bit <<= 1
		}
	}
	return index
}

// lists names the members that hold operations or transactions.
var lists = map[string]Name{
	"transactions": Transactions, "Transactions": Transactions,
	"batch": Batch, "Batch": Batch,
	"operations": Operations, "Operations": Operations,
	"crud": Crud, "Crud": Crud,
	"ops": Ops, "Ops": Ops,
}

// At the top of a body a string by one of these names is the device, or the user. A number there, or
// either inside an operation, is not.
var (
	deviceNames = map[string]bool{"client_id": true, "clientId": true, "ClientId": true}
	userNames   = map[string]bool{"user_id": true, "userId": true, "UserId": true}
)
