package memory_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"writegate/appliers/applierstest"
	"writegate/appliers/memory"
)

var update = flag.Bool("update", false, "write the answers of this database into the conformance scripts")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	applierstest.Run(t, applierstest.Harness{
		Name:    "memory",
		Open:    open,
		Update:  *update,
		Without: map[applierstest.Feature]string{applierstest.Durable: "it is gone with the process", applierstest.Replicas: "it is in one process only", applierstest.Beside: "one transaction has all of it"},
	})
}

// TestAttacksNeedTheirGuards makes every attack once more without what keeps it out.
func TestAttacksNeedTheirGuards(t *testing.T) {
	applierstest.Unguarded(t, applierstest.Harness{Name: "memory", Open: open})
}

func open(t *testing.T) *applierstest.Instance {
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return applierstest.Memory(db)
}
