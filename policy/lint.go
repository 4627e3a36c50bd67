package policy

import "writegate"

// Check says all that is wrong and all that is doubtful about the policy, held against a schema. Without faults,
// [Source.Bind] succeeds with the same schema. With a nil one, what only the tables show is left out.
func (s *Source) Check(schema writegate.Schema) (faults, warnings Faults, err error) {
	_, b, err := s.bind(schema)
	if err != nil {
		return nil, nil, err
	}
	return b.faults.sorted(), b.warnings.sorted(), nil
}

// Long writes the policy as YAML without short forms. It means the same: its revision is that of the policy.
func (s *Source) Long() []byte { return s.long.Write() }
