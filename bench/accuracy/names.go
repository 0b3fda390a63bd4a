package main

import (
	"fmt"
	"strings"

	"fresnel/internal/evaluate"
)

// nameOf names a subject for people.
func nameOf(s evaluate.Subject) string {
	var who []string
	for _, v := range []string{s.Host, s.Process, s.Source} {
		if v != "" {
			who = append(who, v)
		}
	}
	name := strings.Join(who, ", ")
	switch {
	case s.Domain != "" && s.IP != "":
		return fmt.Sprintf("%s → %s (%s)", name, s.Domain, s.IP)
	case s.Domain != "":
		return name + " → " + s.Domain
	case s.IP != "":
		return name + " → " + s.IP
	}
	return name
}
