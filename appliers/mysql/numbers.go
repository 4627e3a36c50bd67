package mysql

import "writegate"

// meaning is what an error number of the server means for the operation that met it.
type meaning struct {
	class  writegate.Class
	code   writegate.Code
	reason string
	// text completes "table.column: " in the message of a refusal.
	text string
}

func refusal(code writegate.Code, text string) meaning {
	return meaning{class: writegate.Refused, code: code, text: text}
}

var (
	missing   = refusal(writegate.NotNullViolation, "must not be null")
	duplicate = refusal(writegate.UniqueViolation, "another row has this value already")
	orphan    = refusal(writegate.ForeignKeyViolation, "the row it refers to does not exist")
	parent    = refusal(writegate.ForeignKeyViolation, "other rows still refer to it")
	unchecked = refusal(writegate.CheckViolation, "does not meet a check of the database")
	misfit    = refusal(writegate.InvalidData, "a value does not fit its column")
	generated = refusal(writegate.SchemaMismatch, "the database makes the value of this column itself")
	raised    = meaning{writegate.Refused, writegate.ConstraintViolation, "db.raised", "a rule in the database refuses this row"}

	rerun    = meaning{class: writegate.Rerun, code: writegate.Conflict}
	later    = meaning{class: writegate.Retry, code: writegate.Unavailable}
	tooMuch  = meaning{class: writegate.Retry, code: writegate.Unavailable, reason: writegate.ReasonTimeout}
	mismatch = meaning{class: writegate.Operator, code: writegate.SchemaMismatch}
	setup    = meaning{class: writegate.Operator, code: writegate.Internal}
)

// lockTimeout is ER_LOCK_WAIT_TIMEOUT.
const lockTimeout = 1205

// meanings is the one table of the error numbers of MySQL and MariaDB. What is not in it is the operator's.
// See https://dev.mysql.com/doc/mysql-errors/en/ and https://mariadb.com/docs/server/reference/error-codes.
var meanings = map[uint16]meaning{
	// The operation's own fault.
	1048: missing,   // ER_BAD_NULL_ERROR
	1364: missing,   // ER_NO_DEFAULT_FOR_FIELD
	1062: duplicate, // ER_DUP_ENTRY
	1586: duplicate, // ER_DUP_ENTRY_WITH_KEY_NAME
	1169: duplicate, // ER_DUP_UNIQUE
	1761: duplicate, // ER_FOREIGN_DUPLICATE_KEY_WITH_CHILD_INFO
	1762: duplicate, // ER_FOREIGN_DUPLICATE_KEY_WITHOUT_CHILD_INFO
	1216: orphan,    // ER_NO_REFERENCED_ROW
	1452: orphan,    // ER_NO_REFERENCED_ROW_2
	1217: parent,    // ER_ROW_IS_REFERENCED
	1451: parent,    // ER_ROW_IS_REFERENCED_2
	3819: unchecked, // ER_CHECK_CONSTRAINT_VIOLATED
	4025: unchecked, // ER_CONSTRAINT_FAILED of MariaDB
	1369: unchecked, // ER_VIEW_CHECK_FAILED
	1071: misfit,    // ER_TOO_LONG_KEY
	1264: misfit,    // ER_WARN_DATA_OUT_OF_RANGE
	1265: misfit,    // WARN_DATA_TRUNCATED
	1292: misfit,    // ER_TRUNCATED_WRONG_VALUE
	1300: misfit,    // ER_INVALID_CHARACTER_STRING
	1365: misfit,    // ER_DIVISION_BY_ZERO, of a generated column
	1366: misfit,    // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
	1367: misfit,    // ER_ILLEGAL_VALUE_FOR_TYPE
	1406: misfit,    // ER_DATA_TOO_LONG
	1411: misfit,    // ER_WRONG_VALUE_FOR_TYPE
	1416: misfit,    // ER_CANT_CREATE_GEOMETRY_OBJECT
	1441: misfit,    // ER_DATETIME_FUNCTION_OVERFLOW
	1690: misfit,    // ER_DATA_OUT_OF_RANGE
	1977: misfit,    // ER_CANNOT_CONVERT_CHARACTER of MariaDB
	3854: misfit,    // ER_CANNOT_CONVERT_STRING
	3037: misfit,    // ER_GIS_INVALID_DATA
	3055: misfit,    // ER_GIS_DATA_WRONG_ENDIANESS
	3140: misfit,    // ER_INVALID_JSON_TEXT
	3141: misfit,    // ER_INVALID_JSON_TEXT_IN_PARAM
	3144: misfit,    // ER_INVALID_JSON_CHARSET
	3150: misfit,    // ER_JSON_VALUE_TOO_BIG
	3151: misfit,    // ER_JSON_KEY_TOO_BIG
	3156: misfit,    // ER_INVALID_JSON_VALUE_FOR_CAST
	3157: misfit,    // ER_JSON_DOCUMENT_TOO_DEEP
	3548: misfit,    // ER_SRS_NOT_FOUND
	3617: misfit,    // ER_LATITUDE_OUT_OF_RANGE
	3616: misfit,    // ER_LONGITUDE_OUT_OF_RANGE
	3643: misfit,    // ER_WRONG_SRID_FOR_COLUMN
	3751: misfit,    // ER_WARN_DATA_TRUNCATED_FUNCTIONAL_INDEX
	3752: misfit,    // ER_WARN_DATA_OUT_OF_RANGE_FUNCTIONAL_INDEX
	3903: misfit,    // ER_INVALID_JSON_VALUE_FOR_FUNC_INDEX
	3904: misfit,    // ER_JSON_VALUE_OUT_OF_RANGE_FOR_FUNC_INDEX
	3907: misfit,    // ER_FUNCTIONAL_INDEX_DATA_IS_TOO_LONG
	3105: generated, // ER_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN
	1906: generated, // ER_WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN of MariaDB
	1643: raised,    // ER_SIGNAL_NOT_FOUND
	1644: raised,    // ER_SIGNAL_EXCEPTION
	1645: raised,    // ER_RESIGNAL_WITHOUT_ACTIVE_HANDLER

	// Worth running again at once.
	1020: rerun, // ER_CHECKREAD: the row has changed since it was read
	1213: rerun, // ER_LOCK_DEADLOCK
	1412: rerun, // ER_TABLE_DEF_CHANGED
	1614: rerun, // ER_XA_RBDEADLOCK
	3058: rerun, // ER_USER_LOCK_DEADLOCK
	3101: rerun, // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: another member of the group was first
	3132: rerun, // ER_LOCKING_SERVICE_DEADLOCK

	// Worth sending again later: locks held for too long.
	lockTimeout: later,   // ER_LOCK_WAIT_TIMEOUT
	3572:        later,   // ER_LOCK_NOWAIT
	3024:        tooMuch, // ER_QUERY_TIMEOUT
	1969:        tooMuch, // ER_STATEMENT_TIMEOUT of MariaDB
	1317:        later,   // ER_QUERY_INTERRUPTED: somebody has killed it
	1028:        later,   // ER_FILSORT_ABORT
	1150:        later,   // ER_DELAYED_CANT_CHANGE_LOCK
	1689:        later,   // ER_LOCK_ABORTED
	1206:        tooMuch, // ER_LOCK_TABLE_FULL
	1197:        tooMuch, // ER_TRANS_CACHE_FULL

	// Away, over, overloaded, or moving to another server.
	1040: later, // ER_CON_COUNT_ERROR
	1041: later, // ER_OUT_OF_RESOURCES
	1042: later, // ER_BAD_HOST_ERROR
	1043: later, // ER_HANDSHAKE_ERROR
	1053: later, // ER_SERVER_SHUTDOWN
	1077: later, // ER_NORMAL_SHUTDOWN
	1078: later, // ER_GOT_SIGNAL
	1079: later, // ER_SHUTDOWN_COMPLETE
	1080: later, // ER_FORCING_CLOSE
	1081: later, // ER_IPSOCK_ERROR
	1105: setup, // ER_UNKNOWN_ERROR: anything at all
	1129: later, // ER_HOST_IS_BLOCKED
	1152: later, // ER_ABORTING_CONNECTION
	1158: later, // ER_NET_READ_ERROR
	1159: later, // ER_NET_READ_INTERRUPTED
	1160: later, // ER_NET_ERROR_ON_WRITE
	1161: later, // ER_NET_WRITE_INTERRUPTED
	1184: later, // ER_NEW_ABORTING_CONNECTION
	1189: later, // ER_SOURCE_NET_READ
	1190: later, // ER_SOURCE_NET_WRITE
	1203: later, // ER_TOO_MANY_USER_CONNECTIONS
	1226: later, // ER_USER_LIMIT_REACHED
	1836: later, // ER_READ_ONLY_MODE
	1290: later, // ER_OPTION_PREVENTS_STATEMENT: --read-only
	1792: later, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	1207: later, // ER_READ_ONLY_TRANSACTION
	1223: later, // ER_CANT_UPDATE_WITH_READLOCK
	1927: later, // ER_CONNECTION_KILLED of MariaDB
	2002: later, // CR_CONNECTION_ERROR
	2003: later, // CR_CONN_HOST_ERROR
	2006: later, // CR_SERVER_GONE_ERROR
	2013: later, // CR_SERVER_LOST
	2014: later, // CR_COMMANDS_OUT_OF_SYNC
	3032: later, // ER_SERVER_OFFLINE_MODE
	3100: later, // ER_RUN_HOOK_ERROR: the group can't certify the commit
	3169: later, // ER_SESSION_WAS_KILLED
	4031: later, // ER_CLIENT_INTERACTION_TIMEOUT
	1047: later, // ER_UNKNOWN_COM_ERROR: a Galera node that is not ready for use
	1180: later, // ER_ERROR_DURING_COMMIT
	1181: later, // ER_ERROR_DURING_ROLLBACK
	1179: setup, // ER_CANT_DO_THIS_DURING_AN_TRANSACTION
	1196: setup, // ER_WARNING_NOT_COMPLETE_ROLLBACK: a table without transactions
	1045: later, // ER_ACCESS_DENIED_ERROR: a password that is being changed
	1130: later, // ER_HOST_NOT_PRIVILEGED
	1698: later, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
	1820: later, // ER_MUST_CHANGE_PASSWORD
	1862: later, // ER_MUST_CHANGE_PASSWORD_LOGIN
	1049: later, // ER_BAD_DB_ERROR: restored, or not yet
	3118: later, // ER_ACCOUNT_HAS_BEEN_LOCKED
	3955: later, // ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK
	4150: later, // ER_USER_IS_BLOCKED of MariaDB
	4151: later, // ER_ACCOUNT_HAS_BEEN_LOCKED of MariaDB

	// Full, or out of memory.
	3:    later, // EE_WRITE
	28:   later, // no space left on the device
	1021: later, // ER_DISK_FULL
	1026: later, // ER_ERROR_ON_WRITE
	1030: later, // ER_GET_ERRNO: the storage engine's own trouble
	1037: later, // ER_OUTOFMEMORY
	1038: later, // ER_OUT_OF_SORTMEMORY
	1114: later, // ER_RECORD_FILE_FULL
	1135: later, // ER_CANT_CREATE_THREAD
	1534: later, // ER_BINLOG_ROW_LOGGING_FAILED
	1598: later, // ER_BINLOG_LOGGING_IMPOSSIBLE
	3019: later, // ER_INNODB_UNDO_LOG_FULL
	3170: setup, // ER_CAPACITY_EXCEEDED

	// The operator's.
	1044: mismatch, // ER_DBACCESS_DENIED_ERROR
	1054: mismatch, // ER_BAD_FIELD_ERROR
	1064: setup,    // ER_PARSE_ERROR
	1109: mismatch, // ER_UNKNOWN_TABLE
	1142: mismatch, // ER_TABLEACCESS_DENIED_ERROR
	1143: mismatch, // ER_COLUMNACCESS_DENIED_ERROR
	1146: mismatch, // ER_NO_SUCH_TABLE
	1153: setup,    // ER_NET_PACKET_TOO_LARGE
	1227: setup,    // ER_SPECIFIC_ACCESS_DENIED_ERROR
	1370: setup,    // ER_PROCACCESS_DENIED_ERROR
	1305: setup,    // ER_SP_DOES_NOT_EXIST
	1356: mismatch, // ER_VIEW_INVALID
	1442: setup,    // ER_CANT_UPDATE_USED_TABLE_IN_SF_OR_TRG
	1449: setup,    // ER_NO_SUCH_USER: the definer of a trigger
	1471: mismatch, // ER_NON_INSERTABLE_TABLE
	1288: mismatch, // ER_NON_UPDATABLE_TABLE
	1665: setup,    // ER_BINLOG_STMT_MODE_AND_ROW_ENGINE
	3098: setup,    // ER_BEFORE_DML_VALIDATION_ERROR: the group takes no such table
	1193: setup,    // ER_UNKNOWN_SYSTEM_VARIABLE
}
