package main

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

// The parts of SARIF 2.1.0 (OASIS) that code scanners need.
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		ColumnKind  string            `json:"columnKind"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Name  string    `json:"name"`
		Short sarifText `json:"shortDescription"`
		Full  sarifText `json:"fullDescription"`
		Help  sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
		Flows     []sarifFlow     `json:"codeFlows,omitempty"`
	}
	sarifFlow struct {
		Threads []sarifThread `json:"threadFlows"`
	}
	sarifThread struct {
		Locations []sarifThreadStep `json:"locations"`
	}
	sarifThreadStep struct {
		Location sarifLocation `json:"location"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
)

// sarif has a result for each program that was not accepted, and a notification
// for each input that has no programs.
func (out *outcomes) sarif() sarif {
	call := sarifInvocation{Successful: len(out.unread) == 0, Notifications: []sarifNotification{}}
	for _, u := range out.unread {
		at := sarifLocation{Physical: sarifPhysical{Artifact: artifact(u.file)}}
		call.Notifications = append(call.Notifications, sarifNotification{"error", sarifText{u.err.Error()}, []sarifLocation{at}})
	}
	run := sarifRun{
		ColumnKind:  "utf16CodeUnits",
		Tool:        sarifTool{sarifDriver{Name: "bpfc", Version: version(), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{call},
		Results:     []sarifResult{},
	}
	for _, r := range verifier.Rules() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{string(r.Code), pascal(r.Name), sarifText{r.Name}, sarifText{r.Text}, sarifText{r.Fix}})
	}
	for _, v := range out.verdicts {
		if v.report.Err != nil {
			run.Results = append(run.Results, sarifOf(v))
		}
	}
	return sarif{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	}
}

func sarifOf(v verdict) sarifResult {
	e := v.report.Err
	level := "error"
	if e.Verdict == verifier.Unsupported {
		level = "warning"
	}
	out := sarifResult{
		RuleID: string(e.Code), RuleIndex: ruleIndex(e.Code), Level: level, Message: sarifText{sarifMessage(e)},
		Locations: []sarifLocation{{Physical: physical(v.file, e.Source), Logical: []sarifLogical{{v.report.Name, "function"}}}},
	}
	var steps []sarifThreadStep
	for i, s := range e.Chain {
		at := sarifLocation{ID: i + 1, Physical: physical(v.file, s.Source), Logical: []sarifLogical{{s.Func, "function"}}, Message: &sarifText{s.Text}}
		out.Related = append(out.Related, at)
		at.ID = 0
		steps = append(steps, sarifThreadStep{at})
	}
	if len(steps) > 0 {
		end := out.Locations[0]
		end.Message = &sarifText{e.Msg}
		out.Flows = []sarifFlow{{[]sarifThread{{append(steps, sarifThreadStep{end})}}}}
	}
	return out
}

// sarifMessage is the error, what was needed and the fix, in one text.
func sarifMessage(e *verifier.Error) string {
	text := e.Error()
	if e.Need != "" {
		text += "\nNeeded: " + e.Need
	}
	if e.Fix != nil {
		text += "\nFix: " + e.Fix.Text
	}
	return text
}

// physical is a source line, or the input where none is known.
func physical(file string, l *obj.Line) sarifPhysical {
	at := sarifPhysical{Artifact: artifact(file)}
	if l != nil && l.File != "" {
		at.Artifact = artifact(l.File)
		if l.Line > 0 {
			at.Region = &sarifRegion{l.Line, max(l.Col, 0)}
		}
	}
	return at
}

// ruleIndex is the place of a code among the rules, -1 if it has none.
func ruleIndex(c verifier.Code) int {
	return slices.IndexFunc(verifier.Rules(), func(r verifier.Rule) bool { return r.Code == c })
}

// pascal is a name as SARIF wants identifiers: without blanks, its words with capitals.
func pascal(name string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// artifact is a file as a URI (RFC 3986): relative, or of scheme file.
func artifact(path string) sarifArtifact {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return sarifArtifact{u.String()}
}
