package policytest

import (
	"writegate"
)

// recorded is a policy that leaves word of its decisions. It decides nothing itself.
type recorded struct {
	writegate.Policy
	ops map[*writegate.Op]*seenOp
}

// seenOp is what a policy made of one operation.
type seenOp struct {
	admitted *writegate.Admitted // nil when its names or values were refused
	last     writegate.Decision
}

func record(p writegate.Policy) *recorded {
	return &recorded{p, map[*writegate.Op]*seenOp{}}
}

func (r *recorded) Judge(a writegate.Asking) (writegate.Judge, error) {
	judge, err := r.Policy.Judge(a)
	if err != nil {
		return nil, err
	}
	return &recordedJudge{judge, r}, nil
}

// of is what became of an operation; it is blank where the policy was never asked.
func (r *recorded) of(op *writegate.Op) seenOp {
	if seen := r.ops[op]; seen != nil {
		return *seen
	}
	return seenOp{}
}

type recordedJudge struct {
	writegate.Judge
	to *recorded
}

func (j *recordedJudge) Admit(op *writegate.Op) (*writegate.Admitted, *writegate.Error) {
	a, err := j.Judge.Admit(op)
	j.to.ops[op] = &seenOp{admitted: a}
	return a, err
}

func (j *recordedJudge) Decide(a *writegate.Admitted, old writegate.Row, v writegate.View) writegate.Decision {
	d := j.Judge.Decide(a, old, v)
	j.to.ops[a.Op].last = d
	return d
}
