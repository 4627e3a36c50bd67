package sqlserver

import "writegate"

// verdict is what a number of the server means.
type verdict struct {
	class  writegate.Class
	code   writegate.Code
	reason string
	text   string // for the client, behind the name of table and column
}

// What several numbers mean.
var (
	invalid = verdict{writegate.Refused, writegate.InvalidData, "", "a value does not fit its column"}
	again   = verdict{class: writegate.Rerun}
	later   = verdict{class: writegate.Retry}
	tooMuch = verdict{class: writegate.Retry, reason: writegate.ReasonTimeout}

	mend        = verdict{class: writegate.Operator, code: writegate.Internal}
	schemaFault = verdict{class: writegate.Operator, code: writegate.SchemaMismatch}
	generated   = verdict{writegate.Refused, writegate.SchemaMismatch, "", "the database makes the value of this column itself"}
	unique      = verdict{writegate.Refused, writegate.UniqueViolation, "", "another row has this value already"}
	raised      = verdict{writegate.Refused, writegate.ConstraintViolation, "db.raised", "a rule in the database refuses this row"}
	notWritable = verdict{writegate.Refused, writegate.Unauthorized, "not_writable", "this row can't be written by this user"}
)

// Numbers that the driver looks at by name.
const (
	numberLockTimeout  = 1222
	numberDuplicate    = 2601
	numberUnique       = 2627
	numberConstraint   = 547
	numberNotNull      = 515
	numberTruncated    = 2628
	numberTriggerEnded = 3609
	firstRaised        = 50000
)

// followers come behind the error that they follow from, and say nothing by themselves but that the transaction is over.
var followers = map[int32]bool{
	266:  true, // the count of transactions changed
	3609: true, // a trigger ended the transaction
	3616: true, // an error was raised in a trigger
	3621: true, // the statement was terminated
	3903: true, // nothing to roll back
	3930: true, // the transaction is doomed
	3998: true, // a doomed transaction at the end of a batch
}

// numbers is what the errors of SQL Server mean, by number; what is not here is the operator's, but for numbers
// from 50000, which only code in the database raises.
var numbers = map[int32]verdict{
	// Constraints.
	numberDuplicate:  unique,
	numberUnique:     unique,
	numberConstraint: {writegate.Refused, writegate.ConstraintViolation, "", "does not meet a constraint of the database"},
	numberNotNull:    {writegate.Refused, writegate.NotNullViolation, "", "must not be null"},
	550:              {writegate.Refused, writegate.CheckViolation, "", "does not meet the check option of a view"},

	// Values.
	220: invalid, 232: invalid, 241: invalid, 242: invalid, 244: invalid, 245: invalid, 248: invalid, 295: invalid, 296: invalid,
	517: invalid, 1946: invalid, numberTruncated: invalid, 8114: invalid, 8115: invalid, 8134: invalid, 8152: invalid, 8169: invalid, 511: invalid, 6522: invalid,
	9807: invalid, 13608: invalid, 13609: invalid, 13614: invalid,
	6905: invalid, 6908: invalid, 6913: invalid, 6926: invalid, 6965: invalid,
	9400: invalid, 9402: invalid, 9403: invalid, 9410: invalid, 9411: invalid, 9412: invalid, 9413: invalid, 9414: invalid, 9420: invalid, 9421: invalid,
	9422: invalid, 9436: invalid, 9437: invalid, 9438: invalid, 9448: invalid, 9455: invalid, 9459: invalid,

	// What the database makes itself. Such columns are dropped, so the table changed since the start.
	271: generated, 272: generated, 273: generated, 544: generated, 8102: generated, 13535: again, 13536: generated, 13537: generated,

	// Rules of the owner of the database.
	33504: notWritable, // a block predicate of row-level security
	3609:  raised,      // a trigger rolled back, and said nothing else
	37359: raised,      // an append-only ledger table

	// Worth running again at once.
	1203: again, 1205: again, 1211: again, 3960: again, 3961: again, 41301: again, 41302: again, 41305: again, 41325: again,

	// Locks, time and memory.
	numberLockTimeout: later, 1204: later, 701: later, 802: later, 8645: later, 8651: later, 8628: later, 8657: later, 3617: later, 8623: tooMuch, 8632: tooMuch,
	3902: later, 3903: later, 3930: later, 3989: later, 3998: later, 266: later,

	// The database is away, full or read-only.
	911: later, 913: later, 921: later, 922: later, 923: later, 924: later, 926: later, 927: later, 945: later, 952: later, 954: later, 955: later,
	976: later, 978: later, 979: later, 981: later, 982: later, 983: later, 988: later, 1413: later, 3906: later, 3908: later, 4060: later, 9001: later,
	1101: later, 1105: later, 9002: later, 3959: later, 3967: later, 41822: later, 41823: later, 40544: later,
	3980: later, 35250: later,

	// The connection and the login.
	20: later, 53: later, 64: later, 121: later, 233: later, 258: later, 596: later, 4014: later, 6002: later, 6005: later,
	10053: later, 10054: later, 10060: later, 10061: later, 11001: later, 17142: later, 17197: later, 17803: later, 17809: later, 17830: later, 17892: later, 18056: later, 18401: later, 18451: later,
	18450: later, 18452: later, 18456: later, 18461: later, 18470: later, 18486: later, 18487: later, 18488: later, 4064: later,

	// Azure.
	615: later, 617: later, 669: later, 1221: later, 4221: later, 9515: later, 10922: later, 10928: later, 10929: later, 10930: later, 10936: later,
	40143: later, 40166: later, 40174: later, 40197: later, 40501: later, 40540: later, 40549: tooMuch, 40550: tooMuch, 40551: tooMuch, 40552: tooMuch, 40553: tooMuch, 40613: later, 40642: later,
	40648: later, 40671: later, 42108: later, 42109: later, 49918: later, 49919: later, 49920: later,

	// Somebody has to mend something.
	102: schemaFault, 156: schemaFault, 201: schemaFault, 206: schemaFault, 207: schemaFault, 208: schemaFault, 209: schemaFault, 213: schemaFault, 257: schemaFault, 334: schemaFault, 402: schemaFault,
	468: schemaFault, 529: schemaFault, 2812: schemaFault, 2809: schemaFault, 4104: schemaFault, 4403: schemaFault, 4405: schemaFault, 4406: schemaFault, 8622: schemaFault, 13559: schemaFault, 13560: schemaFault, 13561: schemaFault, 10794: schemaFault, 651: schemaFault,
	229: schemaFault, 297: schemaFault, 916: schemaFault, 230: schemaFault, 262: schemaFault, 300: schemaFault, 15247: schemaFault, 15151: schemaFault,
	823: mend, 824: mend, 825: mend, 829: mend, 40615: mend,
}
