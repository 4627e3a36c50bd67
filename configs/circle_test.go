package configs_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
	"writegate/configs"
)

// The configuration takes every preset that there is, and each setting that one needs.
func TestPresets(t *testing.T) {
	keys := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[configs.Circle]()) {
		keys[f.Tag.Get("yaml")] = f
	}
	var names []string
	for _, p := range auth.Presets() {
		names = append(names, p.Name)
		for _, need := range p.Needs {
			if _, ok := keys[need]; !ok {
				t.Errorf("preset %s needs %s, which is no key", p.Name, need)
			}
		}
	}
	if diff := cmp.Diff(names, strings.Split(keys["preset"].Tag.Get("oneof"), ",")); diff != "" {
		t.Error(diff)
	}
}
