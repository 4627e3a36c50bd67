package wire

import (
	"errors"
	"testing"
)

func TestJSONNumber(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.00": "0.00", "12.500": "12.500", "1e5": "100000", "1.25E-3": "0.00125", "-12.5e+1": "-125", "100e-2": "1.00",
		"0.001e3": "1", "0e5": "0",
	} {
		if got, err := JSONNumber(in, 20); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"": ErrJSONNumber, "01": ErrJSONNumber, "+1": ErrJSONNumber, "1.": ErrJSONNumber, ".5": ErrJSONNumber, "1e": ErrJSONNumber, "1\n": ErrJSONNumber,
		"NaN": ErrJSONNumber, "1e21": ErrTooLong, "1e-21": ErrTooLong, "1e99999999999999999999": ErrTooLong,
	} {
		if got, err := JSONNumber(in, 20); !errors.Is(err, want) || got != "" {
			t.Errorf("%q: %q, %v; want %v", in, got, err, want)
		}
	}
}
