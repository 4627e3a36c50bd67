package configs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// reference is ${NAME}, ${NAME:-default}, the escape $${, or the beginning of something that is none of them.
var reference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{`)

// expand replaces the references to the environment in one scalar. What it returns is a value and never
// syntax: a variable cannot add keys to the file. An empty variable counts as one that isn't set.
func expand(text string, env func(string) (string, bool)) (string, error) {
	var faults []error
	out := replaceAll(text, func(m []string) string {
		switch {
		case m[0] == "$${":
			return "${"
		case m[1] == "":
			faults = append(faults, errors.New("${ without a name and }; write ${NAME} or ${NAME:-default}, and $${ for a plain ${"))
			return ""
		}
		if value, ok := env(m[1]); ok && value != "" {
			return value
		}
		if m[2] == "" {
			faults = append(faults, fmt.Errorf("the environment variable %s is not set; set it, or write ${%s:-default}", m[1], m[1]))
		}
		return m[3]
	})
	return out, errors.Join(faults...)
}

func replaceAll(text string, f func(match []string) string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	var out strings.Builder
	end := 0
	for _, m := range reference.FindAllStringSubmatchIndex(text, -1) {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = text[m[2*i]:m[2*i+1]]
			}
		}
		out.WriteString(text[end:m[0]])
		out.WriteString(f(groups))
		end = m[1]
	}
	out.WriteString(text[end:])
	return out.String()
}
