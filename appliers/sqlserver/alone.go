package sqlserver

import (
	"context"
	"errors"

	"writegate"
)

// aloneSQL waits for the other transactions of every replica. It gives up with a number below zero.
const aloneSQL = "DECLARE @r int;\n" +
	"EXEC @r = sys.sp_getapplock @Resource = N'writegate_alone', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 2000;\n" +
	"SELECT @r AS [writegate]"

var errAlone = errors.New("another transaction is still under way, and Babelfish has one at a time")

// alone makes up for Babelfish, which takes the hints of a read and locks nothing: one transaction at a time reads
// and writes rows.
func (t *tx) alone(ctx context.Context) error {
	if t.db.server.babelfish == "" {
		return nil
	}
	var r int
	b := &batch{}
	b.add(aloneSQL)
	b.result(one(&r))
	if err := b.run(ctx, t.conn); err != nil {
		return err
	}
	if r < 0 {
		return writegate.TryLater(errAlone)
	}
	return nil
}
