package writegate

import (
	"cmp"
	"slices"
)

// Dependants lists for each dead letter, by their places in the list, those that would not have been refused without it,
// as far as their bodies tell: they name the row that it was to create, or carry its id as a value, or depend on such a
// letter in turn. So a letter that nobody depends on stands for itself, and one cause reads as one. A letter with
// several causes is listed under each.
//
// Only open letters are causes, and only for later ones of the same device. Letters have to have their bodies; one that
// can't be read depends on none.
func Dependants(letters []StoredLetter) [][]int {
	order := make([]int, len(letters))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return inOrder(&letters[a], &letters[b]) })
	out := make([][]int, len(letters))
	born := map[bornRow][]int{} // the letters that were to create a row
	causes := make([]map[int]bool, len(letters))
	for _, at := range order {
		l := &letters[at]
		tx, err := l.Transaction()
		if err != nil {
			continue
		}
		device := deviceOf(l)
		causes[at] = map[int]bool{}
		for i := range tx.Ops {
			for _, row := range mentioned(device, &tx.Ops[i]) {
				for _, cause := range born[row] {
					causes[at][cause] = true
					for further := range causes[cause] {
						causes[at][further] = true
					}
				}
			}
		}
		delete(causes[at], at)
		for cause := range causes[at] {
			out[cause] = append(out[cause], at)
		}
		if l.State == LetterOpen {
			creates(born, device, at, tx.Ops)
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

// inOrder puts the letters of each device in the order in which their operations were made.
func inOrder(a, b *StoredLetter) int {
	x, y := deviceOf(a), deviceOf(b)
	return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(a.FirstOp, b.FirstOp), a.At.Compare(b.At), cmp.Compare(a.TxID, b.TxID))
}

// deviceOf is the device of a letter, or its user where no device is known.
func deviceOf(l *StoredLetter) [2]string {
	if l.ClientID == "" {
		return [2]string{"", l.Subject}
	}
	return [2]string{l.ClientID, ""}
}

// bornRow is a row that a device was to create, by its table and id, or by its id alone.
type bornRow struct {
	device [2]string
	table  string
	id     string
	value  bool
}

// mentioned are the rows that an operation may need.
func mentioned(device [2]string, op *Op) []bornRow {
	rows := []bornRow{{device: device, table: op.Table, id: op.ID}}
	for _, v := range op.Data {
		if text, ok := v.(string); ok && text != "" {
			rows = append(rows, bornRow{device: device, id: text, value: true})
		}
	}
	return rows
}

// creates notes the rows that a letter was to create.
func creates(born map[bornRow][]int, device [2]string, at int, ops []Op) {
	for i := range ops {
		if ops[i].Kind != Put {
			continue
		}
		for _, row := range []bornRow{{device: device, table: ops[i].Table, id: ops[i].ID}, {device: device, id: ops[i].ID, value: true}} {
			if list := born[row]; len(list) == 0 || list[len(list)-1] != at {
				born[row] = append(list, at)
			}
		}
	}
}
