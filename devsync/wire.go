package devsync

import "strconv"

// streamName is the one stream that clients are told of.
const streamName = "dev"

// The lines of a stream, as the clients' public protocol has them. Operation ids and checkpoints are decimal strings.
type (
	checkpoint struct {
		Checkpoint struct {
			LastOpID        string           `json:"last_op_id"`
			WriteCheckpoint string           `json:"write_checkpoint"`
			Buckets         []bucketChecksum `json:"buckets"`
			Streams         []streamInfo     `json:"streams"`
		} `json:"checkpoint"`
	}
	bucketChecksum struct {
		Bucket        string           `json:"bucket"`
		Checksum      uint32           `json:"checksum"`
		Count         int              `json:"count"`
		Priority      int              `json:"priority"`
		Subscriptions []map[string]int `json:"subscriptions"`
	}
	streamInfo struct {
		Name      string   `json:"name"`
		IsDefault bool     `json:"is_default"`
		Errors    []string `json:"errors"`
	}
	data struct {
		Data struct {
			Bucket    string    `json:"bucket"`
			After     string    `json:"after"`
			NextAfter string    `json:"next_after"`
			HasMore   bool      `json:"has_more"`
			Ops       []opEntry `json:"data"`
		} `json:"data"`
	}
	opEntry struct {
		OpID       string  `json:"op_id"`
		Op         string  `json:"op"`
		ObjectType string  `json:"object_type"`
		ObjectID   string  `json:"object_id"`
		Checksum   uint32  `json:"checksum"`
		Subkey     string  `json:"subkey"`
		Data       *string `json:"data"`
	}
	complete struct {
		Complete struct {
			LastOpID string `json:"last_op_id"`
		} `json:"checkpoint_complete"`
	}
	tokenExpiry struct {
		// Seconds until the token expires; clients fetch a new one when there are few.
		Seconds int64 `json:"token_expires_in"`
	}
)

// checkpointLine announces a bucket.
//
// A client adds up the checksums of all operations that it ever received of a bucket and compares the sum
// with the bucket's. Which operations those are depends on when it connected, since superseded ones are
// dropped here, so the only sum that is right for everybody is that of zeros.
func checkpointLine(b *bucket, req *streamRequest) checkpoint {
	var l checkpoint
	l.Checkpoint.LastOpID = id(b.last)
	l.Checkpoint.WriteCheckpoint = id(b.checkpoint)
	// The bucket belongs to the default stream and to every stream that the app subscribes to, whatever its
	// name: all of them are synced with it.
	reasons := []map[string]int{{"default": 0}}
	for i := range req.Streams.Subscriptions {
		reasons = append(reasons, map[string]int{"sub": i})
	}
	l.Checkpoint.Buckets = []bucketChecksum{{Bucket: b.name, Count: len(b.ops), Priority: 3, Subscriptions: reasons}}
	l.Checkpoint.Streams = []streamInfo{{Name: streamName, IsDefault: true, Errors: []string{}}}
	return l
}

// dataLine carries operations of a bucket.
func dataLine(bucket string, after, next int64, ops []*op, more bool) data {
	var l data
	l.Data.Bucket, l.Data.After, l.Data.NextAfter, l.Data.HasMore = bucket, id(after), id(next), more
	l.Data.Ops = make([]opEntry, len(ops))
	for i, o := range ops {
		e := opEntry{OpID: id(o.id), Op: "PUT", ObjectType: o.row.table, ObjectID: o.row.id, Subkey: "dev", Data: &o.data}
		if o.removed {
			e.Op, e.Data = "REMOVE", nil
		}
		l.Data.Ops[i] = e
	}
	return l
}

// completeLine says that the client has got everything that was announced.
func completeLine(b *bucket) complete {
	var l complete
	l.Complete.LastOpID = id(b.last)
	return l
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
