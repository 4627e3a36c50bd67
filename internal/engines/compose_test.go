package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// read decodes a YAML file of the repository. A name twice in a mapping is an error.
func read(t *testing.T, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestComposeFile holds what "up --wait" relies on: every database tells when it is ready, and listens on a port of
// loopback that nobody has fixed.
func TestComposeFile(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image       string
			Profiles    []string
			Ports       []string
			HealthCheck struct {
				Test     []string
				Interval string
				Retries  int
			}
		}
	}
	read(t, "docker-compose.yml", &file)
	for _, s := range servers {
		name := strings.ToLower(strings.TrimPrefix(s.variable, "WRITEGATE_TEST_"))
		service, ok := file.Services[name]
		if !ok {
			t.Errorf("%s has no service %s", s.variable, name)
			continue
		}
		if len(service.Profiles) > 0 {
			t.Errorf("%s: needs a profile", name)
		}
		if _, tag, ok := strings.Cut(service.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: image %q has no version", name, service.Image)
		}
		if h := service.HealthCheck; len(h.Test) < 2 || h.Test[0] != "CMD" || h.Interval == "" || h.Retries == 0 {
			t.Errorf("%s: health check %+v", name, h)
		}
		if len(service.Ports) != 1 || !regexp.MustCompile(`^127\.0\.0\.1:(:\d+$|\$\{)`).MatchString(service.Ports[0]) {
			t.Errorf("%s: ports %v", name, service.Ports)
		}
	}
}

// TestWorkflow holds that the hosted jobs run nothing but what a developer can, with actions that can't change.
func TestWorkflow(t *testing.T) {
	var file struct {
		Jobs map[string]struct {
			Minutes int `yaml:"timeout-minutes"`
			Steps   []struct {
				Uses, Run string
				With      map[string]any
			}
		}
	}
	read(t, ".github/workflows/ci.yml", &file)
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"everything": ".ci/run", "compose": "make test-compose"}
	for name, job := range file.Jobs {
		if job.Minutes == 0 {
			t.Errorf("%s has no end", name)
		}
		last := job.Steps[len(job.Steps)-1].Run
		if last != want[name] {
			t.Errorf("%s ends with %q, want %q", name, last, want[name])
		}
		if target, ok := strings.CutPrefix(last, "make "); ok && !strings.Contains(string(makefile), "\n"+target+":") {
			t.Errorf("%s: no target %s", name, target)
		}
		for _, step := range job.Steps {
			if step.Uses != "" && !regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`).MatchString(step.Uses) {
				t.Errorf("%s uses %s, which is no commit", name, step.Uses)
			}
		}
	}
	if len(file.Jobs) != len(want) {
		t.Errorf("%d jobs, want %d", len(file.Jobs), len(want))
	}
}
