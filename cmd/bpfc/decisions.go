package main

import (
	"fmt"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// decisionsJSON is what a classic filter decides, as inspect prints it.
type decisionsJSON struct {
	Dialect string         `json:"dialect"`
	Rows    []decisionJSON `json:"rows"`
	Else    string         `json:"else,omitempty"` // the result for what no row is about
	Cut     string         `json:"cut,omitempty"`  // why rows are missing
	text    string
}

// decisionJSON is a row: the result where all conditions hold.
type decisionJSON struct {
	Result     string          `json:"result"`           // a number, or the expression that it is computed by
	Action     string          `json:"action,omitempty"` // of seccomp
	Conditions []conditionJSON `json:"conditions"`
}

// conditionJSON holds where a value is in one of the ranges, from and to.
type conditionJSON struct {
	Value string      `json:"value"`
	In    [][2]string `json:"in"`
	Text  string      `json:"text"`
}

// decisions is the table of a classic filter; nil for other inputs.
func (in *loaded) decisions() (*decisionsJSON, error) {
	if in.kind != builtin.KindClassic {
		return nil, nil
	}
	filter, dialect, err := builtin.ReadFilter(in.name, in.content, in.options)
	if err != nil {
		return nil, err
	}
	table := cbpf.Decide(filter.Insns, dialect)
	out := &decisionsJSON{Dialect: dialect.String(), Rows: []decisionJSON{}, Cut: table.Cut, text: table.String()}
	if table.Cut == "" && dialect != cbpf.Seccomp {
		out.Else = hexNumber(0)
	}
	for i := range table.Rows {
		out.Rows = append(out.Rows, decision(&table.Rows[i], dialect))
	}
	return out, nil
}

func decision(r *cbpf.Decision, d cbpf.Dialect) decisionJSON {
	out := decisionJSON{Result: r.Result, Conditions: []conditionJSON{}}
	if r.Constant {
		out.Result = hexNumber(uint64(r.Ret))
		if d == cbpf.Seccomp {
			out.Action = cbpf.Action(r.Ret)
		}
	}
	for _, c := range r.Conditions {
		j := conditionJSON{Value: c.Value, Text: c.Text}
		for _, x := range c.In {
			j.In = append(j.In, [2]string{fmt.Sprintf("%#x", x[0]), fmt.Sprintf("%#x", x[1])})
		}
		out.Conditions = append(out.Conditions, j)
	}
	return out
}
