package main

import "testing"

func TestEndColumn(t *testing.T) {
	lines := []string{`row: old.owner_id == "x y" || größe`, ""}
	for _, tt := range []struct{ line, column, want int }{
		{1, 6, 18}, {1, 19, 20}, {1, 22, 27}, {1, 31, 36}, {1, 35, 36}, {1, 36, 0}, {2, 1, 0}, {3, 1, 0}, {0, 0, 0},
	} {
		if got := endColumn(lines, tt.line, tt.column); got != tt.want {
			t.Errorf("%d:%d ends at %d, want %d", tt.line, tt.column, got, tt.want)
		}
	}
}
