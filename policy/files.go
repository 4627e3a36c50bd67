package policy

// Files lists the files that the policy was read from, the policy itself first.
func (s *Source) Files() []string { return []string{s.file} }
